//! A polite, suspicious HTTP client of remote registries, and the only crate that knows one.
//!
//! It knows nothing of package formats, repositories or storage: it is given an upstream and a
//! URL, and returns a document, a stream of bytes, or the reason why not.
//!
//! **Suspicious.** Redirects are followed by hand, a few, never in a circle and never from https
//! to http. Private addresses are refused, where they were not named by the operator, at the
//! moment of connecting: what is checked is what is connected to. Credentials go to the
//! upstream's own origin only, and for a token to the one that the operator named; tokens that an
//! upstream asks for go to its own origin, and are nobody else's. Every body has a limit, every silence a deadline.
//!
//! **Polite.** One request however many wait for its answer ([`SingleFlight`]), conditional
//! requests ([`Validators`]), one connection for many requests, `Retry-After` honoured, and an
//! upstream that fails is left alone for a while ([`Breaker`]).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use provender_upstream::{Client, ClientOptions, Document, Remote};
//!
//! let client = Client::new(ClientOptions::default());
//! let remote = Remote::new("https://upstream.example/simple/".parse()?)?;
//! let url = remote.base().join("demo/")?;
//! match client.document(&remote, &url, "text/html", None, 1 << 20).await? {
//!     Document::Modified(page) => println!("{} bytes", page.body.len()),
//!     Document::NotModified => unreachable!("the request was not conditional"),
//!     Document::Missing { status } => println!("there is no such thing ({status})"),
//! }
//! # Ok(())
//! # }
//! ```

mod authenticate;
mod body;
mod breaker;
mod challenge;
mod client;
mod document;
mod download;
mod error;
mod flight;
mod guard;
mod hops;
mod origins;
mod proxy;
mod remote;
mod roots;
mod token;
mod transport;
mod wanted;

pub use breaker::{Breaker, BreakerOptions, BreakerState, Pass};
pub use client::{Client, ClientOptions};
pub use document::{Document, Page, Validators};
pub use download::Download;
pub use error::{Class, FetchError, PublicUrl};
pub use flight::{FlightError, SingleFlight};
pub use guard::AddressKind;
pub use origins::OriginHealth;
pub use proxy::Proxies;
pub use remote::{Credentials, PrivateAddresses, Remote, Timeouts};
pub use wanted::{Fields, Head, Wanted};
