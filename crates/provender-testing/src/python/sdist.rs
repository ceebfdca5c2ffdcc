//! Source distributions (PEP 517 and PEP 625: a gzip-compressed tar).

use super::{Distribution, file_stem};
use crate::archive::TarBuilder;

/// Builds a small source distribution, right in every respect unless told otherwise.
///
/// ```
/// use provender_testing::python::SdistBuilder;
///
/// assert_eq!(SdistBuilder::new("De-mo", "1.0").build().file_name, "de_mo-1.0.tar.gz");
/// ```
#[derive(Clone, Debug)]
pub struct SdistBuilder {
    name: String,
    version: String,
    metadata_name: String,
    metadata_version: String,
    metadata_lines: Vec<String>,
    entries: Vec<(String, Vec<u8>)>,
}

impl SdistBuilder {
    /// A source distribution with `PKG-INFO`, `pyproject.toml` and one module.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            metadata_name: name.to_owned(),
            metadata_version: version.to_owned(),
            metadata_lines: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// A further header of `PKG-INFO`.
    #[must_use]
    pub fn metadata_line(mut self, line: &str) -> Self {
        self.metadata_lines.push(line.to_owned());
        self
    }

    /// Makes `PKG-INFO` name another project than the file name.
    #[must_use]
    pub fn metadata_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.metadata_name);
        self
    }

    /// Makes `PKG-INFO` tell another version than the file name.
    #[must_use]
    pub fn metadata_version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.metadata_version);
        self
    }

    /// A further file; `path` is written as it is, not under the top folder.
    #[must_use]
    pub fn entry(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.entries.push((path.to_owned(), content.into()));
        self
    }

    /// The source distribution. The same settings give the same bytes.
    pub fn build(&self) -> Distribution {
        let stem = file_stem(&self.name);
        let top = format!("{stem}-{}", self.version);
        let metadata =
            core_metadata(&self.metadata_name, &self.metadata_version, &self.metadata_lines);
        let source = format!("__version__ = \"{}\"\n", self.version);
        let tar = TarBuilder::new()
            .file(&format!("{top}/PKG-INFO"), &metadata)
            .file(&format!("{top}/pyproject.toml"), self.pyproject())
            .file(&format!("{top}/{stem}/__init__.py"), source);
        let tar = self.entries.iter().fold(tar, |tar, (path, content)| tar.file(path, content));
        Distribution {
            project: self.name.clone(),
            version: self.version.clone(),
            file_name: format!("{top}.tar.gz"),
            bytes: tar.finish_gzip().into(),
            metadata,
        }
    }

    fn pyproject(&self) -> String {
        format!(
            "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \
             \"setuptools.build_meta\"\n\n[project]\nname = \"{}\"\nversion = \"{}\"\n",
            self.name, self.version
        )
    }
}

/// Core metadata 2.1 with these further header lines.
pub(super) fn core_metadata(name: &str, version: &str, lines: &[String]) -> String {
    let mut text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str("\nA fixture.\n");
    text
}
