//! Every parser of bytes that nobody has vouched for, as a function of bytes.
//!
//! Each is run in two ways: for hours by `cargo +nightly fuzz run NAME corpus/NAME seeds/NAME` in
//! this folder, and for a moment by the test command, which mutates the seeds on stable Rust. A
//! target asserts more than that nothing panics: what a parser lets through keeps its promise.

mod archives;
mod attestations;
mod containers;
mod ecosystems;
mod forms;
mod logs;
mod server;
mod upstreams;
mod words;

use server::limits;

/// A parser to be fed.
pub struct Target {
    /// Its name, which is also the name of its binary and of its folder of seeds.
    pub name: &'static str,
    /// Feeds it.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "archive_path", run: archives::path },
    Target { name: "zip", run: archives::zip },
    Target { name: "tar", run: archives::tar },
    Target { name: "tar_gzip", run: archives::tar_gzip },
    Target { name: "gzip", run: archives::gzip },
    Target { name: "wheel", run: archives::wheel },
    Target { name: "wheel_metadata", run: archives::wheel_metadata },
    Target { name: "wheel_record", run: archives::wheel_record },
    Target { name: "sdist", run: archives::sdist },
    Target { name: "package_name", run: ecosystems::package_name },
    Target { name: "version", run: ecosystems::version },
    Target { name: "file_name", run: ecosystems::file_name },
    Target { name: "route", run: ecosystems::route },
    Target { name: "index_html", run: ecosystems::index_html },
    Target { name: "index_json", run: ecosystems::index_json },
    Target { name: "catalogue", run: ecosystems::catalogue },
    Target { name: "problem", run: ecosystems::problem },
    Target { name: "probe", run: ecosystems::probe },
    Target { name: "oci_manifest", run: containers::manifest },
    Target { name: "oci_route", run: containers::route },
    Target { name: "oci_upstream", run: containers::upstream },
    Target { name: "oci_publication", run: containers::publication },
    Target { name: "publication", run: forms::publication },
    Target { name: "multipart", run: forms::multipart },
    Target { name: "range", run: forms::range },
    Target { name: "challenge", run: upstreams::challenge },
    Target { name: "words", run: words::words },
    Target { name: "bundle", run: attestations::bundle },
    Target { name: "statement", run: attestations::statement },
    Target { name: "trust_root", run: attestations::trust_root },
    Target { name: "log_batch", run: logs::batch },
    Target { name: "log_note", run: logs::note },
    Target { name: "log_proof", run: logs::proof },
    Target { name: "log_rekor", run: logs::rekor },
    Target { name: "log_tile", run: logs::tile },
];

/// Runs the target of that name: what each fuzzing binary is made of.
///
/// # Panics
/// Where there is none, or the target finds a fault.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("the binary is named after its target").run)(data);
}
