//! The suite that every ecosystem must pass: the sentences of [`Ecosystem`]'s documentation, each
//! tried on samples that the ecosystem's own tests give and on what nobody would send in earnest.
//!
//! ```ignore
//! #[test]
//! fn conforms() {
//!     conformance::check(&Pypi, &samples());
//! }
//! ```

mod archives;
mod attestations;
mod documents;
mod made;
mod names;
mod receipts;
mod requests;
mod upstreams;

use provender_domain::{File, FileName, PackageName, Version};

use crate::{
    Attested, Document, Ecosystem, Endpoint, Form, InspectErrorClass, Mount, PackageView,
    Publication, Rendition, UpstreamDocument,
};

/// The server that the samples are on.
const ORIGIN: &str = "http://server.example";
/// The repository that the samples are in.
const REPOSITORY: &str = "repository";

/// What stands before the path that an ecosystem sees: the root of the sample's view.
pub fn root(ecosystem: &dyn Ecosystem) -> String {
    match ecosystem.mount() {
        Mount::UnderRepository => format!("{ORIGIN}/{REPOSITORY}/ecosystem/"),
        Mount::Root { segment } => format!("{ORIGIN}/{segment}/{REPOSITORY}/"),
    }
}

fn endpoint() -> Endpoint<'static> {
    Endpoint { origin: ORIGIN, repository: REPOSITORY }
}

/// What the ecosystem's own tests know.
pub struct Samples {
    /// Names and their normal forms.
    pub names: Vec<(&'static str, &'static str)>,
    /// Texts that are no names.
    pub wrong_names: Vec<&'static str>,
    /// Versions and their normal forms.
    pub versions: Vec<(&'static str, &'static str)>,
    /// Texts that are no versions.
    pub wrong_versions: Vec<&'static str>,
    /// Tags; empty where there are none.
    pub tags: Vec<&'static str>,
    /// Texts that are no tags.
    pub wrong_tags: Vec<&'static str>,
    /// The path of an index about `view`'s package, behind [`root`]: `simple/demo/`.
    pub index_path: &'static str,
    /// A package with files in every condition that an index can show, its root [`root`].
    pub view: PackageView,
    /// Every rendering there is.
    pub renditions: Vec<Rendition>,
    /// The links of a rendered package index, as they stand there.
    pub links: fn(&Document) -> Vec<String>,
    /// Answers to the request for one package's index, and how many files each lists.
    pub indexes: Vec<(PackageName, UpstreamDocument, usize)>,
    /// Answers to the request for all names, and how many names each has.
    pub catalogues: Vec<(UpstreamDocument, usize)>,
    /// A publication's form, and what it says.
    pub publication: Option<(Form, Publication)>,
    /// A file about which something is signed, where the protocol has files for that.
    pub signed: Option<File>,
    /// Verified attestations, which [`Ecosystem::render_attestations`] can hold; empty where the
    /// protocol passes none on.
    pub attestations: Vec<Attested>,
    /// Archives that are right, whole and with every byte meaning something.
    pub archives: Vec<ArchiveSample>,
    /// Archives that must be refused when read in full, and how.
    pub wrong_archives: Vec<(ArchiveSample, InspectErrorClass)>,
}

/// An archive and what it claims to be.
#[derive(Debug, Clone)]
pub struct ArchiveSample {
    /// Of this package.
    pub package: PackageName,
    /// Of this version, where there are any.
    pub version: Option<Version>,
    /// Under this name.
    pub file: FileName,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Checks everything; panics with what was broken.
pub fn check(ecosystem: &dyn Ecosystem, samples: &Samples) {
    names::check(ecosystem, samples);
    requests::check(ecosystem, samples);
    documents::check(ecosystem, samples);
    receipts::check(ecosystem, samples);
    made::check(ecosystem, samples);
    upstreams::check(ecosystem, samples);
    attestations::check(ecosystem, samples);
    archives::check(ecosystem, samples);
}

/// Texts that have broken somebody's registry before.
fn hostile_texts() -> Vec<String> {
    let texts = [
        "",
        ".",
        "..",
        "...",
        "-",
        "--",
        "_",
        "*",
        "**",
        "a*b",
        "%",
        "%2e%2e",
        "%2F",
        "%00",
        "~",
        "~root",
        "-rf",
        "CON",
        "a:b",
        "a;b",
        "a,b",
        "a?b",
        "a#b",
        "a b",
        " a",
        "a ",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "a\\b",
        "\\\\a\\b",
        "a@b",
        "@a",
        "[::1]",
        "http://a.example/",
        "//a.example/",
        "javascript:alert(1)",
        "<script>",
        "\"'",
        "&lt;",
        "$(id)",
        "`id`",
        "${HOME}",
        "{{7*7}}",
        "'; DROP TABLE files; --",
        "ä",
        "ａ",
        "\u{202e}gpj",
        "\u{feff}a",
        "\u{0}",
        "\u{7f}",
        "\u{1f600}",
        "0",
        "-1",
        "1e999",
        "99999999999999999999999999",
        "1.0",
        "v1",
        "null",
        "true",
    ];
    let mut texts: Vec<String> = texts.map(str::to_owned).to_vec();
    for length in [63, 64, 65, 255, 256, 10_000] {
        texts.push("a".repeat(length));
        texts.push("-".repeat(length));
        texts.push("1.".repeat(length));
        texts.push("ä".repeat(length));
        texts.push(format!("a{}b", ".-_".repeat(length)));
    }
    texts
}

/// Changes to a document, the same in every run: cut off at many places, bytes set, dropped, doubled.
fn mutations(document: &[u8], count: usize) -> Vec<Vec<u8>> {
    let step = (document.len() / count).max(1);
    let mut mutations: Vec<Vec<u8>> =
        (0..document.len()).step_by(step).map(|end| document[..end].to_vec()).collect();
    let mut random = Random(0x5eed);
    for _ in 0..count {
        let mut mutant = document.to_vec();
        for _ in 0..=random.below(3) {
            if mutant.is_empty() {
                break;
            }
            let at = random.below(mutant.len());
            match random.below(4) {
                0 => mutant[at] = b"\0\xff\"'<>&{}[],:#%/\\.-"[random.below(19)],
                1 => mutant[at] ^= 1 << random.below(8),
                2 => drop(mutant.remove(at)),
                _ => mutant.extend_from_within(at..),
            }
        }
        mutations.push(mutant);
    }
    mutations
}

/// Numbers that look random and are the same in every run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or_default() % limit
    }
}
