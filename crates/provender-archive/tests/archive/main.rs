//! Crafted archives, each of which must be read or refused for its own reason.

mod gzip;
mod links;
mod path;
mod properties;
mod tar;
mod tar_bytes;
mod zip;
mod zip_bytes;

/// What a visitor was shown.
#[derive(Debug)]
struct Seen {
    entry: provender_archive::Entry,
    contents: Vec<u8>,
}

/// Asserts that a result is a refusal of a given shape and class.
macro_rules! assert_refused {
    ($class:ident, $pattern:pat, $result:expr) => {{
        let refusal = $result.expect_err(stringify!($pattern));
        assert!(matches!(refusal, $pattern), "{refusal:?} is not {}", stringify!($pattern));
        assert_eq!(refusal.class(), provender_archive::Class::$class, "{refusal:?}");
    }};
}
pub(crate) use assert_refused;
