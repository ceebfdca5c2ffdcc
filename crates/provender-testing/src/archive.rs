//! Writers of small archives in memory, deterministic to the byte.
//!
//! They write what they are told, also what no honest tool would: the same name twice, absolute
//! names, sizes that are not true.

mod tar;
mod zip;

pub use tar::TarBuilder;
pub use zip::ZipBuilder;
