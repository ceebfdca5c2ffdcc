//! Wheels (the binary distribution format, PEP 427).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::{Distribution, file_stem};
use crate::archive::ZipBuilder;

/// Builds a small pure wheel, right in every respect unless told otherwise.
///
/// ```
/// use provender_testing::python::WheelBuilder;
///
/// let wheel = WheelBuilder::new("demo", "1.0").build();
/// assert_eq!(wheel.file_name, "demo-1.0-py3-none-any.whl");
/// ```
#[derive(Clone, Debug)]
pub struct WheelBuilder {
    name: String,
    version: String,
    tag: String,
    metadata_name: String,
    metadata_version: String,
    metadata_lines: Vec<String>,
    whole_metadata: Option<String>,
    entries: Vec<(String, Vec<u8>)>,
    record: RecordFlaw,
}

/// What is wrong with `RECORD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordFlaw {
    /// Nothing.
    #[default]
    None,
    /// There is none.
    Absent,
    /// The first entry's hash is of other bytes.
    WrongHash,
    /// The first entry's size is one too large.
    WrongSize,
    /// The first entry of the archive is not listed.
    Unlisted,
    /// A file is listed that the archive does not hold.
    Phantom,
}

impl WheelBuilder {
    /// A wheel `py3-none-any` with one module that holds its version.
    pub fn new(name: &str, version: &str) -> Self {
        let module = format!("{}/__init__.py", file_stem(name));
        let source = format!("__version__ = \"{version}\"\n");
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            tag: "py3-none-any".to_owned(),
            metadata_name: name.to_owned(),
            metadata_version: version.to_owned(),
            metadata_lines: Vec::new(),
            whole_metadata: None,
            entries: vec![(module, source.into_bytes())],
            record: RecordFlaw::None,
        }
    }

    /// Another compatibility tag, such as `cp312-cp312-manylinux_2_28_x86_64`.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        tag.clone_into(&mut self.tag);
        self
    }

    /// A further header of `METADATA`, such as `Requires-Dist: attrs>=21`.
    #[must_use]
    pub fn metadata_line(mut self, line: &str) -> Self {
        self.metadata_lines.push(line.to_owned());
        self
    }

    /// `Requires-Dist`.
    #[must_use]
    pub fn requires(self, requirement: &str) -> Self {
        self.metadata_line(&format!("Requires-Dist: {requirement}"))
    }

    /// `Requires-Python`.
    #[must_use]
    pub fn requires_python(self, specifier: &str) -> Self {
        self.metadata_line(&format!("Requires-Python: {specifier}"))
    }

    /// Makes `METADATA` name another project than the file name.
    #[must_use]
    pub fn metadata_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.metadata_name);
        self
    }

    /// Makes `METADATA` tell another version than the file name.
    #[must_use]
    pub fn metadata_version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.metadata_version);
        self
    }

    /// Replaces `METADATA` altogether.
    #[must_use]
    pub fn metadata(mut self, text: &str) -> Self {
        self.whole_metadata = Some(text.to_owned());
        self
    }

    /// A further file in the archive, listed in `RECORD`.
    #[must_use]
    pub fn entry(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.entries.push((path.to_owned(), content.into()));
        self
    }

    /// A flaw in `RECORD`.
    #[must_use]
    pub fn record(mut self, flaw: RecordFlaw) -> Self {
        self.record = flaw;
        self
    }

    /// The wheel. The same settings give the same bytes.
    pub fn build(&self) -> Distribution {
        let metadata = self.metadata_text();
        let info = format!("{}-{}.dist-info", file_stem(&self.name), self.version);
        let mut entries = self.entries.clone();
        entries.push((format!("{info}/METADATA"), metadata.clone().into_bytes()));
        entries.push((format!("{info}/WHEEL"), self.wheel_text().into_bytes()));
        if self.record != RecordFlaw::Absent {
            let path = format!("{info}/RECORD");
            let text = self.record_text(&entries, &path);
            entries.push((path, text.into_bytes()));
        }
        let archive =
            entries.iter().fold(ZipBuilder::new(), |zip, (path, content)| zip.file(path, content));
        Distribution {
            project: self.name.clone(),
            version: self.version.clone(),
            file_name: format!("{}-{}-{}.whl", file_stem(&self.name), self.version, self.tag),
            bytes: archive.finish().into(),
            metadata,
        }
    }

    fn metadata_text(&self) -> String {
        self.whole_metadata.clone().unwrap_or_else(|| {
            super::sdist::core_metadata(
                &self.metadata_name,
                &self.metadata_version,
                &self.metadata_lines,
            )
        })
    }

    fn wheel_text(&self) -> String {
        let tag = &self.tag;
        let pure = tag.ends_with("-none-any");
        format!("Wheel-Version: 1.0\nGenerator: fixture\nRoot-Is-Purelib: {pure}\nTag: {tag}\n")
    }

    fn record_text(&self, entries: &[(String, Vec<u8>)], record_path: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        for (index, (path, content)) in entries.iter().enumerate() {
            let flaw = if index == 0 { self.record } else { RecordFlaw::None };
            let (hashed, size): (&[u8], usize) = match flaw {
                RecordFlaw::Unlisted => continue,
                RecordFlaw::WrongHash => (b"other bytes", content.len()),
                RecordFlaw::WrongSize => (content, content.len() + 1),
                RecordFlaw::None | RecordFlaw::Absent | RecordFlaw::Phantom => {
                    (content, content.len())
                }
            };
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(hashed));
            lines.push(format!("{path},sha256={hash},{size}\n"));
        }
        if self.record == RecordFlaw::Phantom {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(b""));
            lines.push(format!("phantom.py,sha256={hash},0\n"));
        }
        lines.push(format!("{record_path},,\n"));
        lines.concat()
    }
}
