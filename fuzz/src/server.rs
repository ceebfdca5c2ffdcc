//! The server's own modules, taken in as they are: they are private to it, as they should be.

#![expect(dead_code, reason = "only the parsers are used")]

#[rustfmt::skip]
#[path = "../../crates/provender-server/src/limits.rs"]
pub(crate) mod limits;
#[rustfmt::skip]
#[path = "../../crates/provender-server/src/multipart.rs"]
pub(crate) mod multipart;
#[rustfmt::skip]
#[path = "../../crates/provender-server/src/range.rs"]
pub(crate) mod range;
