//! PEP 691's JSON, read in one pass, texts borrowed where they have no escapes.

use std::borrow::Cow;
use std::fmt;

use provender_domain::{PackageName, Yank};
use provender_ecosystem::UpstreamFormatError;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Entries, NAMES_LIMIT, RawFile, RawMetadata, check_version, shown, yank};
use crate::name;

pub(super) fn read_index(
    body: &[u8],
    entries: &mut Entries<'_>,
) -> Result<(), UpstreamFormatError> {
    let page: Page<'_> = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    page.meta.check()?;
    if let Some(found) = page.name.text()
        && !name::normalize(found).is_ok_and(|name| name == *entries.package)
    {
        return Err(UpstreamFormatError::WrongPackage { found: shown(found) });
    }
    let status = page.project_status;
    entries.set_status(status.entry("status"), status.entry("reason"));
    for file in &page.files {
        if let (Some(name), Some(url)) = (file.filename.text(), file.url.text()) {
            entries.add(&file.raw(name, url))?;
        }
    }
    Ok(())
}

pub(super) fn read_catalogue(body: &[u8]) -> Result<Vec<PackageName>, UpstreamFormatError> {
    let catalogue: Catalogue<'_> =
        serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    catalogue.meta.check()?;
    Ok(catalogue.projects.0)
}

fn malformed(error: &serde_json::Error) -> UpstreamFormatError {
    UpstreamFormatError::Malformed { reason: error.to_string() }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Page<'a> {
    #[serde(borrow, default)]
    meta: Meta<'a>,
    #[serde(borrow, default)]
    name: Value<'a>,
    #[serde(borrow)]
    files: Vec<Entry<'a>>,
    #[serde(borrow, default)]
    project_status: Value<'a>,
}

#[derive(Default)]
struct Meta<'a>(Value<'a>);

impl Meta<'_> {
    fn check(&self) -> Result<(), UpstreamFormatError> {
        self.0.entry("api-version").map_or(Ok(()), check_version)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Meta<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}

/// One file. A field of the wrong type counts as absent: one odd file spoils no listing.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'a> {
    #[serde(borrow, default)]
    filename: Value<'a>,
    #[serde(borrow, default)]
    url: Value<'a>,
    #[serde(borrow, default)]
    hashes: Value<'a>,
    #[serde(borrow, default)]
    size: Value<'a>,
    #[serde(borrow, default)]
    upload_time: Value<'a>,
    #[serde(borrow, default)]
    requires_python: Value<'a>,
    #[serde(borrow, default)]
    yanked: Value<'a>,
    #[serde(borrow, default)]
    core_metadata: Value<'a>,
    #[serde(borrow, default)]
    data_dist_info_metadata: Value<'a>,
    #[serde(borrow, default)]
    dist_info_metadata: Value<'a>,
    #[serde(borrow, default)]
    provenance: Value<'a>,
}

impl Entry<'_> {
    fn raw<'a>(&'a self, name: &'a str, url: &'a str) -> RawFile<'a> {
        RawFile {
            name,
            url,
            hashes: self.hashes.entries().collect(),
            size_bytes: match self.size {
                Value::Number(size) => Some(size),
                _ => None,
            },
            upload_time: self.upload_time.text(),
            requires_python: self.requires_python.text(),
            yank: self.yank(),
            metadata: self.metadata(),
            provenance: self.provenance.text(),
        }
    }

    /// PEP 592: `true` or a text that is not empty.
    fn yank(&self) -> Option<Yank> {
        match &self.yanked {
            Value::Flag(true) => Some(Yank::default()),
            Value::Text(reason) if !reason.is_empty() => Some(yank(reason)),
            _ => None,
        }
    }

    /// PEP 714: the new key decides where it is there, else the old ones do.
    fn metadata(&self) -> RawMetadata<'_> {
        let keys = [&self.core_metadata, &self.data_dist_info_metadata, &self.dist_info_metadata];
        match keys.into_iter().find(|value| !matches!(value, Value::Nothing)) {
            Some(Value::Flag(true)) => RawMetadata::Present,
            Some(value) => value.entry("sha256").map_or(RawMetadata::Absent, RawMetadata::Sha256),
            None => RawMetadata::Absent,
        }
    }
}

/// Whatever stands there, as far as it can mean something.
#[derive(Debug, Default)]
enum Value<'a> {
    #[default]
    Nothing,
    Flag(bool),
    Number(u64),
    Text(Cow<'a, str>),
    /// The entries whose values are texts.
    Table(Vec<(Cow<'a, str>, Cow<'a, str>)>),
    /// Something else, known to be there.
    Other,
}

impl Value<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = match self {
            Self::Table(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, value)| (&**key, &**value))
    }

    fn entry(&self, key: &str) -> Option<&str> {
        self.entries().find(|(found, _)| *found == key).map(|(_, value)| value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Value<'de>, Value<'de>>()? {
            if let (Value::Text(key), Value::Text(value)) = (key, value) {
                entries.push((key, value));
            }
        }
        Ok(Value::Table(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

#[derive(Deserialize)]
struct Catalogue<'a> {
    #[serde(borrow, default)]
    meta: Meta<'a>,
    projects: Names,
}

/// Names are normalized as they are read: a list of a million costs no second copy.
struct Names(Vec<PackageName>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of projects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut projects: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some(project) = projects.next_element::<Project<'de>>()? {
            let Some(Ok(name)) = project.name.text().map(name::normalize) else { continue };
            if names.len() == NAMES_LIMIT {
                return Err(de::Error::custom(format_args!("more than {NAMES_LIMIT} names")));
            }
            names.push(name);
        }
        Ok(Names(names))
    }
}

#[derive(Deserialize)]
struct Project<'a> {
    #[serde(borrow, default)]
    name: Value<'a>,
}
