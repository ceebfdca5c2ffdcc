//! An HTTP/1.1 server that a test scripts.
//!
//! The protocol is spoken by hand on the socket, because an honest HTTP library refuses to tell
//! the lies that the tests need.

mod answer;
mod connection;
mod request;

pub use answer::Answer;
pub use request::Request;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Connections that may wait to be accepted.
const BACKLOG_CONNECTIONS: u32 = 1024;

/// A scripted server on `127.0.0.1` and a free port.
///
/// Clones are handles of the same server; it stops when the last one is dropped. A path without a
/// route answers 404 unless [`otherwise`](Self::otherwise) was set. Routes may be changed at any
/// time. An answer with an `ETag` or `Last-Modified` becomes a 304 by itself when the request's
/// validator matches.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use provender_testing::{Answer, FakeUpstream};
///
/// let upstream = FakeUpstream::start();
/// upstream.on("/hello", Answer::ok("world").etag("\"1\""));
/// assert!(upstream.url("/hello").starts_with("http://127.0.0.1:"));
/// assert_eq!(upstream.hits("/hello"), 0);
/// # });
/// ```
#[derive(Clone)]
pub struct FakeUpstream {
    inner: Arc<Inner>,
}

struct Inner {
    address: SocketAddr,
    script: Arc<Script>,
    switch: tokio::sync::Mutex<Switch>,
}

/// What the server's connections share.
#[derive(Default)]
struct Script {
    routes: Mutex<Routes>,
    log: Mutex<Vec<Request>>,
    connections: AtomicUsize,
}

#[derive(Default)]
struct Routes {
    exact: HashMap<String, Respond>,
    otherwise: Option<Respond>,
}

#[derive(Clone)]
struct Respond(Arc<dyn Fn(&Request) -> Answer + Send + Sync>);

enum Switch {
    Online {
        stop: watch::Sender<()>,
        accepting: JoinHandle<()>,
    },
    /// Holds the port, bound but not listening, so that nobody takes it meanwhile.
    Offline(TcpSocket),
    /// Only while one state becomes the other.
    Between,
}

impl FakeUpstream {
    /// Starts a server that knows no path yet. Must be called within a Tokio runtime.
    pub fn start() -> Self {
        let socket = bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = socket.local_addr().expect("a bound socket has an address");
        let script = Arc::new(Script::default());
        let switch = tokio::sync::Mutex::new(listen(socket, Arc::clone(&script)));
        Self { inner: Arc::new(Inner { address, script, switch }) }
    }

    /// The URL of `path` on this server; `path` starts with a slash.
    pub fn url(&self, path: &str) -> String {
        assert!(path.starts_with('/'), "a path starts with a slash: {path:?}");
        format!("http://{}{path}", self.inner.address)
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// From now on `path` (without query) answers with `answer`, every time.
    pub fn on(&self, path: &str, answer: Answer) {
        self.on_request(path, move |_| answer.clone());
    }

    /// From now on `path` answers with each of `answers` in turn, and then with the last for ever.
    pub fn on_each(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers: Vec<_> = answers.into_iter().collect();
        assert!(!answers.is_empty(), "a route needs an answer");
        let next = AtomicUsize::new(0);
        self.on_request(path, move |_| {
            let index = next.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
            answers[index].clone()
        });
    }

    /// From now on `path` answers with what `respond` makes of the request.
    pub fn on_request(
        &self,
        path: &str,
        respond: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) {
        assert!(path.starts_with('/'), "a path starts with a slash: {path:?}");
        self.routes().exact.insert(path.to_owned(), Respond(Arc::new(respond)));
    }

    /// From now on paths without a route of their own answer with what `respond` makes of them.
    pub fn otherwise(&self, respond: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
        self.routes().otherwise = Some(Respond(Arc::new(respond)));
    }

    /// Forgets the route of `path`.
    pub fn remove(&self, path: &str) {
        self.routes().exact.remove(path);
    }

    /// Every request since the start or the last [`forget`](Self::forget), in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.log().clone()
    }

    /// How many requests asked for `path` (without query), by any method.
    pub fn hits(&self, path: &str) -> usize {
        self.log().iter().filter(|request| request.path() == path).count()
    }

    /// How many requests there were.
    pub fn total(&self) -> usize {
        self.log().len()
    }

    /// Whether any request carried `text` anywhere in its target, headers or body, whatever its
    /// case. What must never leave the building is asserted with this.
    pub fn heard_of(&self, text: &str) -> bool {
        self.log().iter().any(|request| request.mentions(text))
    }

    /// Forgets all requests so far.
    pub fn forget(&self) {
        self.log().clear();
    }

    /// How many connections were ever accepted.
    pub fn connections(&self) -> usize {
        self.inner.script.connections.load(Ordering::Relaxed)
    }

    /// Cuts all connections and refuses new ones. The port stays reserved for
    /// [`online`](Self::online).
    pub async fn offline(&self) {
        let mut switch = self.inner.switch.lock().await;
        match std::mem::replace(&mut *switch, Switch::Between) {
            Switch::Online { stop, accepting } => {
                // Before the other lets go of it: somebody else might be given the port between.
                let socket = bind(self.inner.address);
                drop(stop);
                accepting.await.expect("the accepting task does not panic");
                *switch = Switch::Offline(socket);
            }
            other => *switch = other,
        }
    }

    /// Listens again, on the same port. Does nothing when already online.
    pub async fn online(&self) {
        let mut switch = self.inner.switch.lock().await;
        match std::mem::replace(&mut *switch, Switch::Between) {
            Switch::Offline(socket) => {
                *switch = listen(socket, Arc::clone(&self.inner.script));
            }
            other => *switch = other,
        }
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.inner.script.routes.lock().expect("no route panics while it is set")
    }

    fn log(&self) -> MutexGuard<'_, Vec<Request>> {
        self.inner.script.log.lock().expect("no request panics while it is noted")
    }
}

impl Script {
    /// Notes the request and finds its answer.
    fn answer(&self, request: &Request) -> Answer {
        self.log.lock().expect("no request panics while it is noted").push(request.clone());
        let respond = {
            let routes = self.routes.lock().expect("no route panics while it is set");
            routes.exact.get(request.path()).or(routes.otherwise.as_ref()).cloned()
        };
        match respond {
            Some(Respond(respond)) => respond(request).honouring_validators(request),
            None => Answer::status(404),
        }
    }
}

fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("sockets can be made");
    socket.set_reuseaddr(true).expect("a new socket takes options");
    socket.set_reuseport(true).expect("a new socket takes options");
    socket.bind(address).expect("the loopback port can be bound");
    socket
}

fn listen(socket: TcpSocket, script: Arc<Script>) -> Switch {
    let listener = socket.listen(BACKLOG_CONNECTIONS).expect("a bound socket can listen");
    let (stop, stopped) = watch::channel(());
    Switch::Online { stop, accepting: tokio::spawn(accept(listener, script, stopped)) }
}

/// Accepts until the other end of `stopped` is gone, then cuts what is open.
async fn accept(listener: TcpListener, script: Arc<Script>, mut stopped: watch::Receiver<()>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                script.connections.fetch_add(1, Ordering::Relaxed);
                open.spawn(connection::serve(stream, Arc::clone(&script)));
            }
            Some(_) = open.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    open.shutdown().await;
}
