//! Connections: accepting them within limits, serving them, and letting them end.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::process::Resource;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::control::ControlSocket;
use crate::exchange::Exchange;
use crate::lane::Lanes;
use crate::limits::{
    ACCEPT_PAUSE, BUFFER_BYTES, CONTROL_CONNECTIONS, HEAD_BYTES, HEAD_TIMEOUT, OPEN_FILES,
    RESERVED_FILES, SHUTDOWN_TIMEOUT, UNSENT_BYTES,
};
use crate::place::{Occupied, Places};
use crate::repeater::Repeater;
use crate::route;
use crate::server::{Doors, Server};
use crate::transport::{Socket, Transport};

/// What is the same for every request of a connection.
pub(crate) struct Connection {
    /// Who is at the other end.
    pub(crate) peer: Peer,
    /// What is known of its requests and answers.
    pub(crate) exchange: Arc<Exchange>,
    /// The runtime that the server was started on, where everything but connections lives.
    pub(crate) home: Handle,
    place: Occupied,
}

impl Connection {
    /// Whether others wait for a connection, so that this one should end.
    pub(crate) fn is_wanted(&self) -> bool {
        self.place.is_wanted()
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Somebody, at this address.
    Network(IpAddr),
    /// Whoever may open the control socket.
    Operator,
}

impl Peer {
    /// Their address, if they came over the network.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Self::Network(address) => Some(address),
            Self::Operator => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Requests under way may end.
    Draining,
    /// They may not.
    Ended,
}

/// Accepts and serves until `shutdown` is ready, then waits for what is under way.
pub(crate) async fn run(
    server: &Server,
    doors: Doors,
    lanes: Lanes,
    shutdown: impl Future<Output = ()>,
) {
    let (phase, _) = watch::channel(Phase::Serving);
    let network = Places::new(connections_possible(server.connections()));
    let control = Places::new(CONTROL_CONNECTIONS);
    {
        let accepting = async {
            tokio::join!(
                accept_network(server, &doors.network, &lanes, &network, &phase),
                accept_control(server, doors.control.as_ref(), &control, &phase)
            )
        };
        tokio::select! {
            _ = accepting => {}
            () = shutdown => {}
        }
    }
    drop(doors);
    phase.send_replace(Phase::Draining);
    let all_ended = async {
        network.all().await;
        control.all().await;
    };
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, all_ended).await.is_err() {
        tracing::warn!("requests were still under way after {SHUTDOWN_TIMEOUT:?} and are cut off");
    }
    phase.send_replace(Phase::Ended);
    lanes.stop().await;
}

/// As many as wanted, if each may have a socket and a file open; asks the kernel for more files.
fn connections_possible(wanted: usize) -> usize {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    let files = limit.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if limit.current.is_some_and(|current| current < files) {
        let raised = rustix::process::Rlimit { current: Some(files), ..limit };
        if rustix::process::setrlimit(Resource::Nofile, raised).is_ok() {
            limit.current = Some(files);
        }
    }
    let files = limit.current.unwrap_or(OPEN_FILES);
    let possible = files.saturating_sub(RESERVED_FILES) / 2;
    usize::try_from(possible).unwrap_or(wanted).min(wanted).max(1)
}

async fn accept_network(
    server: &Server,
    listener: &TcpListener,
    lanes: &Lanes,
    places: &Arc<Places>,
    phase: &watch::Sender<Phase>,
) {
    loop {
        let place = places.take().await;
        match accept(listener).await {
            Ok((stream, peer)) => {
                let session = Session::new(server, peer, places.occupy(place), phase);
                lanes.serve(stream, |stream| async move {
                    match TcpStream::from_std(stream) {
                        Ok(stream) => session.serve(Socket::Tcp(stream)).await,
                        Err(error) => tracing::error!(%error, "cannot serve a connection"),
                    }
                });
            }
            Err(error) => rest_after(server, &error).await,
        }
    }
}

/// Accepts a connection as its lane needs it: on no runtime yet, and non-blocking as before.
async fn accept(listener: &TcpListener) -> io::Result<(std::net::TcpStream, Peer)> {
    let (stream, address) = listener.accept().await?;
    // Responses are written whole, so that holding back a last packet only delays it.
    let _ = stream.set_nodelay(true);
    // Where it cannot be set, the kernel keeps more.
    let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
    Ok((stream.into_std()?, Peer::Network(address.ip().to_canonical())))
}

async fn accept_control(
    server: &Server,
    socket: Option<&ControlSocket>,
    places: &Arc<Places>,
    phase: &watch::Sender<Phase>,
) {
    let Some(control) = socket else { return std::future::pending().await };
    loop {
        let place = places.take().await;
        match control.accept().await {
            Ok(stream) => {
                let session = Session::new(server, Peer::Operator, places.occupy(place), phase);
                tokio::spawn(session.serve(Socket::Unix(stream)));
            }
            Err(error) => rest_after(server, &error).await,
        }
    }
}

/// A client that went away before it was accepted is its own affair. Where the kernel is out of
/// files or memory, accepting again at once would only spin.
async fn rest_after(server: &Server, error: &io::Error) {
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    server.metrics().failed_accept();
    tracing::error!(%error, "cannot accept connections; trying again in {ACCEPT_PAUSE:?}");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// What it takes to serve one connection.
struct Session {
    server: Server,
    connection: Connection,
    phase: watch::Receiver<Phase>,
}

impl Session {
    fn new(server: &Server, peer: Peer, place: Occupied, phase: &watch::Sender<Phase>) -> Self {
        let connection =
            Connection { peer, exchange: Arc::default(), home: Handle::current(), place };
        Self { server: server.clone(), connection, phase: phase.subscribe() }
    }

    /// Serves until the client has had enough or the server ends.
    async fn serve(mut self, socket: Socket) {
        let (server, connection) = (&self.server, &self.connection);
        let _gauge = server.metrics().connection();
        let exchange = Arc::clone(&connection.exchange);
        let mut transport = Transport::new(socket, exchange, Arc::clone(server.metrics()));
        if matches!(connection.peer, Peer::Network(_)) {
            let places = Arc::clone(connection.place.places());
            transport.repeat(Repeater::new(server.clone(), places));
        }
        let answer = service_fn(|request| route::answer(server, connection, request));
        let serving = http().serve_connection(TokioIo::new(transport), answer);
        let mut serving = pin!(serving);
        let mut silence = pin!(tokio::time::sleep(HEAD_TIMEOUT));
        loop {
            tokio::select! {
                biased;
                result = &mut serving => {
                    if let Err(error) = result {
                        // Clients that leave early are daily life, and hyper has answered what
                        // was malformed.
                        tracing::debug!(peer = ?connection.peer, %error, "a connection ended early");
                    }
                    return;
                }
                changed = self.phase.changed() => {
                    if changed.is_err() || *self.phase.borrow_and_update() == Phase::Ended {
                        return;
                    }
                    serving.as_mut().graceful_shutdown();
                }
                () = &mut silence => {
                    let now = Instant::now();
                    let due_at = connection.exchange.due_at().unwrap_or(now + HEAD_TIMEOUT);
                    if due_at <= now {
                        return;
                    }
                    silence.as_mut().reset(due_at);
                }
            }
        }
    }
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    // Whoever is silent for too long is noticed by the session, which knows of all answers.
    http.header_read_timeout(None).max_header_size(HEAD_BYTES).max_buf_size(BUFFER_BYTES);
    http
}
