//! Core metadata (PEP 241 to PEP 643 and PEP 639): header fields as in e-mail, then a blank line
//! and a README that nobody here reads. `WHEEL` has the same syntax.

use std::borrow::Cow;
use std::str::FromStr as _;

use pep440_rs::VersionSpecifiers;
use provender_archive::shown;
use provender_domain::Attributes;
use provender_ecosystem::Depth;

use super::{Subject, requirement};
use crate::error::ArchiveFault;
use crate::{attribute, name, version};

/// Most fields of one file; the largest packages have a few hundred requirements.
const FIELDS_LIMIT: usize = 10_000;

/// The fields that may be there once.
const SINGLE_FIELDS: [&str; 16] = [
    "Metadata-Version",
    "Name",
    "Version",
    "Summary",
    "Description",
    "Description-Content-Type",
    "Keywords",
    "Home-page",
    "Download-URL",
    "Author",
    "Author-email",
    "Maintainer",
    "Maintainer-email",
    "License",
    "License-Expression",
    "Requires-Python",
];

/// The header fields of one file.
#[derive(Debug)]
pub(super) struct Fields {
    /// Where they stand in the archive, for messages.
    path: String,
    fields: Vec<(String, String)>,
}

impl Fields {
    /// Parses header fields. At [`Depth::Structure`] they end where the syntax does, as Python's own
    /// parser has it, and what is no UTF-8 is Latin-1.
    pub(super) fn parse(path: &str, bytes: &[u8], depth: Depth) -> Result<Self, ArchiveFault> {
        let text = decode(path, bytes, depth)?;
        let mut fields: Vec<(String, String)> = Vec::new();
        for (index, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push('\n');
                    value.push_str(line.trim());
                    continue;
                }
            } else if let Some((name, value)) = split_field(line) {
                if fields.len() == FIELDS_LIMIT {
                    let (path, limit) = (path.to_owned(), FIELDS_LIMIT);
                    return Err(ArchiveFault::TooManyFields { path, limit });
                }
                fields.push((name.to_owned(), value.trim().to_owned()));
                continue;
            }
            match depth {
                Depth::Structure => break,
                Depth::Full => {
                    let path = path.to_owned();
                    return Err(ArchiveFault::HeaderMalformed { path, line: index + 1 });
                }
            }
        }
        Ok(Self { path: path.to_owned(), fields })
    }

    /// Every value of a field, by case-insensitive name.
    pub(super) fn values<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        let matching = self.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(field));
        matching.map(|(_, value)| value.as_str())
    }

    /// The first value of a field that is not empty.
    pub(super) fn first<'a>(&'a self, field: &'a str) -> Option<&'a str> {
        self.values(field).find(|value| !value.is_empty())
    }

    /// The one value of a field that may be neither missing nor repeated.
    pub(super) fn one(&self, field: &'static str) -> Result<&str, ArchiveFault> {
        self.check_single(field)?;
        self.first(field)
            .ok_or_else(|| ArchiveFault::FieldMissing { path: self.path.clone(), field })
    }

    /// A field of the wrong grammar, as a fault.
    pub(super) fn invalid(
        &self,
        field: &'static str,
        found: &str,
        expected: &'static str,
    ) -> ArchiveFault {
        ArchiveFault::FieldInvalid { path: self.path.clone(), field, found: shown(found), expected }
    }

    fn check_single(&self, field: &'static str) -> Result<(), ArchiveFault> {
        if self.values(field).nth(1).is_some() {
            return Err(ArchiveFault::FieldRepeated { path: self.path.clone(), field });
        }
        Ok(())
    }

    /// Holds name and version against the file's; both have to be there.
    pub(super) fn check_identity(&self, subject: &Subject<'_>) -> Result<(), ArchiveFault> {
        let name = self.one("Name")?;
        if !name::spells(name, subject.package) {
            return Err(self.disagrees("Name", name, subject.package.as_str()));
        }
        let version = self.one("Version")?;
        let agrees = version::normalize(version)
            .is_ok_and(|version| version::are_equal(&version, subject.version));
        if agrees {
            return Ok(());
        }
        Err(self.disagrees("Version", version, subject.version.as_str()))
    }

    /// As [`Self::check_identity`], for a file that old tools wrote carelessly: what is missing or
    /// beyond parsing says nothing.
    pub(super) fn check_identity_leniently(
        &self,
        subject: &Subject<'_>,
    ) -> Result<(), ArchiveFault> {
        for field in ["Name", "Version"] {
            self.check_single(field)?;
        }
        if let Some(name) = self.first("Name")
            && let Ok(found) = name::normalize(&name.replace(' ', "-"))
            && found != *subject.package
        {
            return Err(self.disagrees("Name", name, subject.package.as_str()));
        }
        if let Some(version) = self.first("Version")
            && let Ok(found) = version::normalize(version)
            && !version::are_equal(&found, subject.version)
        {
            return Err(self.disagrees("Version", version, subject.version.as_str()));
        }
        Ok(())
    }

    fn disagrees(&self, field: &'static str, found: &str, expected: &str) -> ArchiveFault {
        let (path, found) = (self.path.clone(), shown(found));
        ArchiveFault::FieldDisagrees { path, field, found, expected: expected.to_owned() }
    }

    /// What a publication's metadata has to hold beside name and version.
    pub(super) fn check_publication(&self) -> Result<(), ArchiveFault> {
        for field in SINGLE_FIELDS {
            self.check_single(field)?;
        }
        let metadata_version = self.one("Metadata-Version")?;
        if !is_known_version(metadata_version) {
            let expected = "1.x or 2.x";
            return Err(self.invalid("Metadata-Version", metadata_version, expected));
        }
        if let Some(specifiers) = self.first("Requires-Python")
            && VersionSpecifiers::from_str(specifiers).is_err()
        {
            let expected = "version specifiers by PEP 440, as in >=3.9";
            return Err(self.invalid("Requires-Python", specifiers, expected));
        }
        for dependency in self.values("Requires-Dist") {
            if !requirement::is_valid(dependency) {
                let expected = "a requirement by PEP 508, as in name>=1.0; extra == \"x\"";
                return Err(self.invalid("Requires-Dist", dependency, expected));
            }
        }
        Ok(())
    }

    /// The facts that an index or a policy needs.
    pub(super) fn attributes(&self) -> Attributes {
        const TAKEN: [(&str, &str); 2] = [
            ("Requires-Python", attribute::REQUIRES_PYTHON),
            ("License-Expression", attribute::LICENSE_EXPRESSION),
        ];
        let mut attributes = Attributes::default();
        for (field, key) in TAKEN {
            if let Some(value) = self.first(field)
                && value.len() <= attribute::TEXT_LIMIT_BYTES
            {
                attributes.set_text(key, value);
            }
        }
        attributes
    }
}

fn decode<'a>(path: &str, bytes: &'a [u8], depth: Depth) -> Result<Cow<'a, str>, ArchiveFault> {
    match (std::str::from_utf8(bytes), depth) {
        (Ok(text), _) => Ok(Cow::Borrowed(text)),
        (Err(_), Depth::Structure) => {
            Ok(Cow::Owned(bytes.iter().copied().map(char::from).collect()))
        }
        (Err(_), Depth::Full) => Err(ArchiveFault::NotUtf8 { path: path.to_owned() }),
    }
}

fn split_field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_name.then_some((name, value))
}

fn is_known_version(metadata_version: &str) -> bool {
    let (major, minor) = metadata_version.split_once('.').unwrap_or((metadata_version, "0"));
    let is_number = !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit());
    matches!(major, "1" | "2") && is_number
}
