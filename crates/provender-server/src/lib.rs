//! HTTP: the only crate that knows its framing.
//!
//! hyper's HTTP/1 server directly on tokio. A request takes one way: its path is parsed once, its
//! credential becomes a [`Caller`](provender_registry::Caller), its ecosystem turns it into an
//! operation, the registry authorizes and answers, this crate frames the answer. Whatever goes
//! wrong becomes one `Problem`, logged once here and rendered in the client's own dialect.
//!
//! | module | its part |
//! |---|---|
//! | `server`, `accept`, `control`, `place`, `lane` | sockets, connections, their limits, threads and end |
//! | `transport`, `mapping` | bytes to the socket; files without a copy |
//! | `exchange`, `repeater`, `replay` | equal requests get the same bytes, below HTTP |
//! | `route`, `protocol`, `root` | the way of a request |
//! | `credential`, `other_site` | who says who they are; whose page made a browser ask |
//! | `index`, `file`, `body` | answers; with `conditional`, `range`, `encoding` for what clients ask of them |
//! | `publication`, `upload`, `multipart`, `request`, `drain` | bodies that come in, and those nobody wants |
//! | `receipt`, `fields` | what an ecosystem tells its clients |
//! | `failure`, `problem` | what went wrong |
//! | `health`, `metrics` | how the server is |
//! | `api`, `ui` | the server's own API and pages |
//! | `sigstore` | certificates, log, timestamps, trust root, identities |
//! | `limits` | every limit, with its unit |

mod accept;
pub mod api;
mod body;
mod conditional;
mod control;
mod credential;
mod drain;
mod encoding;
mod exchange;
mod failure;
mod fields;
mod file;
mod forwarded;
mod health;
mod index;
mod lane;
mod limits;
mod mapping;
mod metrics;
mod multipart;
mod other_site;
mod place;
mod plain;
mod problem;
mod protocol;
mod publication;
mod range;
mod receipt;
mod repeater;
mod replay;
mod request;
mod root;
mod route;
mod server;
mod sigstore;
mod transport;
mod ui;
mod upload;

pub use forwarded::TrustedProxy;
pub use server::{BindError, Server, ServerOptions};
