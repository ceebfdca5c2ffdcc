//! Python on top of [`FakeUpstream`](crate::FakeUpstream): distributions and a simple index.

mod index;
mod sdist;
mod wheel;

pub use index::{Formats, PythonFile, PythonUpstream};
pub use sdist::SdistBuilder;
pub use wheel::{RecordFlaw, WheelBuilder};

use bytes::Bytes;

/// A finished wheel or source distribution.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// The project's name as its metadata spells it.
    pub project: String,
    /// The version as its metadata spells it.
    pub version: String,
    /// The file name.
    pub file_name: String,
    /// The file.
    pub bytes: Bytes,
    /// The core metadata inside: `METADATA` of a wheel, `PKG-INFO` of a source distribution.
    pub metadata: String,
}

impl Distribution {
    /// The SHA-256 of the file in lower-case hexadecimal.
    pub fn sha256_hex(&self) -> String {
        crate::sha256_hex(&self.bytes)
    }

    /// Whether the file name says that this is a wheel.
    pub fn is_wheel(&self) -> bool {
        self.file_name.to_ascii_lowercase().ends_with(".whl")
    }
}

/// A project name in the one spelling of PEP 503.
pub fn normalized(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            other => out.extend(other.to_lowercase()),
        }
    }
    out
}

/// The name as file names spell it: normalized, with underscores.
fn file_stem(name: &str) -> String {
    normalized(name).replace('-', "_")
}
