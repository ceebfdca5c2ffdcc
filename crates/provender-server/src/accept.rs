//! Connections: accepting them within limits, serving them, and letting them end.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::Resource;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::control::ControlSocket;
use crate::limits::{
    ACCEPT_PAUSE, BUFFER_BYTES, CONNECTIONS, CONTROL_CONNECTIONS, HEAD_BYTES, HEAD_TIMEOUT,
    OPEN_FILES, RESERVED_FILES, SHUTDOWN_TIMEOUT,
};
use crate::route;
use crate::server::{Doors, Server};
use crate::transport::{Announced, Socket, Transport};

/// What is the same for every request of a connection.
pub(crate) struct Connection {
    /// Who is at the other end.
    pub(crate) peer: Peer,
    /// The files that are about to be sent on it.
    pub(crate) announced: Arc<Announced>,
    places: Arc<Semaphore>,
}

impl Connection {
    /// Whether others wait for a connection, so that this one should end.
    pub(crate) fn is_wanted(&self) -> bool {
        self.places.available_permits() == 0
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Requests under way may end.
    Draining,
    /// They may not.
    Ended,
}

/// Accepts and serves until `shutdown` is ready, then waits for what is under way.
pub(crate) async fn run(server: &Server, doors: Doors, shutdown: impl Future<Output = ()>) {
    let (phase, _) = watch::channel(Phase::Serving);
    let places = connections_possible();
    let network = Arc::new(Semaphore::new(places));
    let control = Arc::new(Semaphore::new(CONTROL_CONNECTIONS));
    {
        let accepting = async {
            tokio::join!(
                accept_network(server, &doors.network, &network, &phase),
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
        // Every connection holds a permit, so having all of them means there is no connection.
        let _ = network.acquire_many(u32::try_from(places).unwrap_or(u32::MAX)).await;
        let _ = control.acquire_many(u32::try_from(CONTROL_CONNECTIONS).unwrap_or(u32::MAX)).await;
    };
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, all_ended).await.is_err() {
        tracing::warn!("requests were still under way after {SHUTDOWN_TIMEOUT:?} and are cut off");
    }
    phase.send_replace(Phase::Ended);
}

/// As many as allowed, if each may have a socket and a file open; asks the kernel for more files.
fn connections_possible() -> usize {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = rustix::process::Rlimit { current: Some(wanted), ..limit };
        if rustix::process::setrlimit(Resource::Nofile, raised).is_ok() {
            limit.current = Some(wanted);
        }
    }
    let files = limit.current.unwrap_or(OPEN_FILES);
    let possible = files.saturating_sub(RESERVED_FILES) / 2;
    usize::try_from(possible).unwrap_or(CONNECTIONS).clamp(1, CONNECTIONS)
}

async fn accept_network(
    server: &Server,
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    phase: &watch::Sender<Phase>,
) {
    loop {
        let place = place(places).await;
        match listener.accept().await {
            Ok((stream, address)) => {
                // Responses are written whole, so that holding back a last packet only delays it.
                let _ = stream.set_nodelay(true);
                let peer = Peer::Network(address.ip().to_canonical());
                spawn(server, Socket::Tcp(stream), peer, places, place, phase.subscribe());
            }
            Err(error) => rest_after(server, &error).await,
        }
    }
}

async fn accept_control(
    server: &Server,
    socket: Option<&ControlSocket>,
    places: &Arc<Semaphore>,
    phase: &watch::Sender<Phase>,
) {
    let Some(control) = socket else { return std::future::pending().await };
    loop {
        let place = place(places).await;
        match control.accept().await {
            Ok(stream) => {
                let socket = Socket::Unix(stream);
                spawn(server, socket, Peer::Operator, places, place, phase.subscribe());
            }
            Err(error) => rest_after(server, &error).await,
        }
    }
}

async fn place(places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed")
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

fn spawn(
    server: &Server,
    socket: Socket,
    peer: Peer,
    places: &Arc<Semaphore>,
    place: OwnedSemaphorePermit,
    phase: watch::Receiver<Phase>,
) {
    let connection = Connection { peer, announced: Arc::default(), places: Arc::clone(places) };
    let server = server.clone();
    tokio::spawn(async move {
        let _place = place;
        let _gauge = server.metrics().connection();
        serve(&server, socket, &connection, phase).await;
    });
}

async fn serve(
    server: &Server,
    socket: Socket,
    connection: &Connection,
    mut phase: watch::Receiver<Phase>,
) {
    let announced = Arc::clone(&connection.announced);
    let transport = Transport::new(socket, announced, Arc::clone(server.metrics()));
    let answer = service_fn(|request| route::answer(server, connection, request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES);
    let mut serving = pin!(http.serve_connection(TokioIo::new(transport), answer));
    loop {
        tokio::select! {
            biased;
            result = &mut serving => {
                if let Err(error) = result {
                    // Clients that leave early are daily life, and hyper has answered what was
                    // malformed.
                    tracing::debug!(peer = ?connection.peer, %error, "a connection ended early");
                }
                return;
            }
            changed = phase.changed() => {
                if changed.is_err() || *phase.borrow_and_update() == Phase::Ended {
                    return;
                }
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}
