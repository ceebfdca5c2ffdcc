//! HTTP: the only crate that knows its framing.
//!
//! hyper's HTTP/1 server directly on tokio. A request takes one way: its path is parsed once, its
//! credential becomes a [`Caller`](provender_registry::Caller), its ecosystem turns it into an
//! operation, the registry authorizes and answers, this crate frames the answer. Whatever goes
//! wrong becomes one `Problem`, logged once here and rendered in the client's own dialect.

mod api;
mod body;
mod problem;
mod request;
mod server;
mod ui;

pub use server::{BindError, Server, ServerOptions};
