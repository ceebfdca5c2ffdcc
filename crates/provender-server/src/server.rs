//! The server: where it listens, and what it is made of.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use provender_registry::Registry;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where to put the Unix socket on which the operator's own commands arrive.
    pub control_socket: Option<PathBuf>,
    /// How clients reach this server, where that is not what they say in their Host field:
    /// `https://packages.example.com`, without a slash at the end.
    pub public_origin: Option<String>,
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
    /// The control socket could not be made.
    #[error("cannot make the control socket {}", path.display())]
    ControlSocket {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The server; a handle that is cheap to clone.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    registry: Registry,
    options: ServerOptions,
}

impl Server {
    /// The registry that it serves.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// How it was told to serve.
    pub fn options(&self) -> &ServerOptions {
        &self.0.options
    }
}
