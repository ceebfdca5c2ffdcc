//! The server: where it listens, and what it is made of.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use provender_authority::Authority;
use provender_authority::oidc::code::CodeGrants;
use provender_authority::oidc::device::DeviceGrants;
use provender_registry::Registry;
use tokio::net::{TcpListener, TcpSocket};

use crate::accept;
use crate::control::ControlSocket;
use crate::forwarded::{self, TrustedProxy};
use crate::health::Health;
use crate::lane::Lanes;
use crate::limits;
use crate::metrics::Metrics;
use crate::replay::Replays;
use crate::sigstore::{SignedIn, Tickets};

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where to put the Unix socket on which the operator's own commands arrive.
    pub control_socket: Option<PathBuf>,
    /// How clients reach this server, where that is not what they say in their Host field:
    /// `https://packages.example.com`, without a slash at the end. Behind a proxy that ends TLS
    /// this has to be set: what a proxy adds to a request is not believed.
    pub public_origin: Option<String>,
    /// Proxies that are believed about who their clients are; nobody else is.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// Most connections on the address at once; less where the process may not open that many
    /// files. Over it nothing more is accepted: clients wait in the kernel's queue.
    pub connections: usize,
}

impl ServerOptions {
    /// Serves on this address and nowhere else.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            control_socket: None,
            public_origin: None,
            trusted_proxies: Vec::new(),
            connections: limits::CONNECTIONS,
        }
    }
}

/// Why a server could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The threads that serve connections could not be started.
    #[error("cannot start the threads that serve connections")]
    Threads {
        /// Why.
        source: io::Error,
    },
    /// The control socket could not be made.
    #[error("cannot make the control socket {path}", path = path.display())]
    ControlSocket {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A server. Clones are one server.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    /// Taken by [`Server::run`], which closes them before anything else ends.
    doors: Mutex<Option<(Doors, Lanes)>>,
    local_addr: SocketAddr,
    public_origin: Option<String>,
    trusted_proxies: Vec<TrustedProxy>,
    /// Whether it was said that a proxy's clients are sent elsewhere.
    told_of_misled: AtomicBool,
    connections: usize,
    metrics: Arc<Metrics>,
    replays: Replays,
    health: Health,
    devices: DeviceGrants,
    codes: CodeGrants,
    tickets: Tickets<SignedIn>,
}

/// Where clients come in.
pub(crate) struct Doors {
    pub(crate) network: TcpListener,
    pub(crate) control: Option<ControlSocket>,
}

impl Server {
    /// Takes the address and makes the control socket: from here on clients may connect, and wait
    /// until [`Server::run`]. Has to be called on the tokio runtime that will run it.
    pub fn bind(registry: Registry, options: ServerOptions) -> Result<Self, BindError> {
        let address = options.listen;
        let network = listen(address).map_err(|source| BindError::Address { address, source })?;
        let lanes = Lanes::start().map_err(|source| BindError::Threads { source })?;
        let local_addr =
            network.local_addr().map_err(|source| BindError::Address { address, source })?;
        let control = options
            .control_socket
            .map(|path| {
                ControlSocket::bind(&path)
                    .map_err(|source| BindError::ControlSocket { path, source })
            })
            .transpose()?;
        let devices = DeviceGrants::new(registry.authority().issuer().device_page());
        let inner = Inner {
            registry,
            doors: Mutex::new(Some((Doors { network, control }, lanes))),
            local_addr,
            public_origin: options.public_origin,
            trusted_proxies: options.trusted_proxies,
            told_of_misled: AtomicBool::new(false),
            connections: options.connections,
            metrics: Arc::default(),
            replays: Replays::default(),
            health: Health::default(),
            devices,
            codes: CodeGrants::default(),
            tickets: Tickets::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The address that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.local_addr
    }

    /// The URL by which clients of this machine, or by configuration others, reach the server:
    /// scheme, host and port, without a slash at the end.
    pub fn origin(&self) -> String {
        if let Some(origin) = &self.inner.public_origin {
            return origin.clone();
        }
        let mut address = self.inner.local_addr;
        match address {
            SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
                address.set_ip(Ipv6Addr::LOCALHOST.into());
            }
            _ => {}
        }
        format!("http://{address}")
    }

    /// Serves until `shutdown` is ready; then closes the address and the control socket, lets what
    /// is under way end for at most ten seconds, and returns. A server runs once: a second call
    /// returns at once.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let doors =
            self.inner.doors.lock().expect("nothing panics while it holds this lock").take();
        if let Some((doors, lanes)) = doors {
            accept::run(self, doors, lanes, shutdown).await;
        }
    }

    /// The registry that it serves.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The proxies that are believed.
    pub(crate) fn trusted_proxies(&self) -> &[TrustedProxy] {
        &self.inner.trusted_proxies
    }

    /// Most connections on the address at once, as the operator wants it.
    pub(crate) fn connections(&self) -> usize {
        self.inner.connections
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.inner.metrics
    }

    /// Answers that may be sent again.
    pub(crate) fn replays(&self) -> &Replays {
        &self.inner.replays
    }

    pub(crate) fn health(&self) -> &Health {
        &self.inner.health
    }

    /// Certificates, logs, timestamps, identities.
    pub(crate) fn authority(&self) -> &Authority {
        self.inner.registry.authority()
    }

    /// Devices that wait for somebody to confirm their codes.
    pub(crate) fn devices(&self) -> &DeviceGrants {
        &self.inner.devices
    }

    /// Codes that programs have not exchanged yet.
    pub(crate) fn codes(&self) -> &CodeGrants {
        &self.inner.codes
    }

    /// People in the middle of signing in.
    pub(crate) fn tickets(&self) -> &Tickets<SignedIn> {
        &self.inner.tickets
    }

    /// Says once in the log if a proxy's clients are sent to another address than they came by: they
    /// end with errors that do not name the cause.
    pub(crate) fn look_for_misled(&self, headers: &HeaderMap) {
        let told = &self.inner.told_of_misled;
        if told.load(Ordering::Relaxed)
            || !forwarded::is_misled(self.public_origin().unwrap_or_default(), headers)
            || told.swap(true, Ordering::Relaxed)
        {
            return;
        }
        tracing::warn!(
            origin = self.origin(),
            "a proxy says that a client came by https://, but clients are sent to this address for \
             tokens and to sign in: start with --public-url https://… as clients write it"
        );
    }

    /// What the operator said clients reach it by.
    pub(crate) fn public_origin(&self) -> Option<&str> {
        self.inner.public_origin.as_deref()
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted server takes its port back at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(limits::LISTEN_BACKLOG)
}
