//! Manifests: image manifests and indexes of OCI (image specification 1.1), Docker's of schema 2,
//! and the artifact manifests of OCI's release candidates.
//!
//! | what | published ([`Depth::Full`]) | mirrored ([`Depth::Structure`]) |
//! |---|---|---|
//! | what it refers to | has to be here | may be fetched when somebody asks for it |
//! | a descriptor without a type | refused | taken |
//! | annotations of a referrer beyond the limit | refused | left out |
//! | a document that is two things at once | refused | refused |
//!
//! An index cannot list itself: it would have to hold its own digest.

mod descriptor;

use provender_domain::{Attributes, FileName};
use provender_ecosystem::{Depth, Inspection, Reference, ReferenceRole};
use serde_json::{Map, Value};

pub(crate) use descriptor::Descriptor;

use crate::error::ManifestFault;
use crate::file_name::{self, Kind};
use crate::media_type::{self, ManifestType, Shape};
use crate::{attribute, evidence, json};

/// Most layers of an image, or blobs of an artifact. Images have at most 127; artifacts have been
/// seen with some hundred.
const LAYERS_LIMIT: usize = 4096;
/// Most manifests of an index. Indexes of referrers that clients write are the longest.
pub(crate) const MANIFESTS_LIMIT: usize = 4096;
/// Most bytes of annotations, keys and values together, that are kept of one manifest.
pub(crate) const ANNOTATIONS_LIMIT_BYTES: usize = 64 * 1024;
/// Most platforms that are kept of an index, for pages.
const PLATFORMS_LIMIT: usize = 64;

/// Every key of any manifest that is read here.
const KEYS: [&str; 10] = [
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "blobs",
    "subject",
    "annotations",
    "fsLayers",
];

/// A manifest, read and checked.
pub(crate) struct Manifest {
    pub(crate) kind: ManifestType,
    pub(crate) artifact_type: Option<String>,
    pub(crate) config: Option<Descriptor>,
    /// Layers, manifests or blobs.
    pub(crate) entries: Vec<Descriptor>,
    pub(crate) subject: Option<Descriptor>,
    annotations: Map<String, Value>,
}

/// Reads one, and what is to be known of it. `sent_as` is the media type that it came with.
pub(crate) fn read(
    bytes: &[u8],
    sent_as: Option<&str>,
    depth: Depth,
) -> Result<Inspection, ManifestFault> {
    let document = json::parse(bytes)?;
    let manifest = Manifest::new(&document, sent_as, depth)?;
    Ok(Inspection {
        version: None,
        attributes: manifest.attributes(depth)?,
        companions: Vec::new(),
        references: manifest.references(depth),
        evidence: evidence::of(&manifest),
    })
}

/// The size in bytes that a mirrored manifest promises of what it lists.
pub(crate) fn promised_size(bytes: &[u8], of: &FileName) -> Option<u64> {
    let document = json::parse(bytes).ok()?;
    let manifest = Manifest::new(&document, None, Depth::Structure).ok()?;
    let mut listed = manifest.config.iter().chain(&manifest.entries);
    listed.find(|entry| entry.file() == *of).map(|entry| entry.size_bytes)
}

impl Manifest {
    fn new(document: &Value, sent_as: Option<&str>, depth: Depth) -> Result<Self, ManifestFault> {
        let object = document.as_object();
        let object = object.ok_or_else(|| ManifestFault::malformed("the manifest", "an object"))?;
        let [
            schema_version,
            type_field,
            artifact_type,
            config,
            layers,
            manifests,
            blobs,
            subject,
            annotations,
            fs_layers,
        ] = json::fields(object, KEYS)?;
        let present = Present { config, layers, manifests, blobs };
        let type_field = optional_text(type_field, "mediaType")?;
        let schema_version = schema_version.and_then(Value::as_u64);
        let is_schema_1 = schema_version == Some(1) || fs_layers.is_some();
        if is_schema_1
            || [type_field, sent_as].into_iter().flatten().any(media_type::is_docker_schema_1)
        {
            return Err(ManifestFault::Schema1);
        }
        let kind = manifest_type(type_field, sent_as, &present)?;
        present.check(kind.shape)?;
        // Release candidates of OCI's artifact manifest had no schemaVersion.
        if schema_version != Some(2) && kind.shape != Shape::Artifact {
            return Err(ManifestFault::SchemaVersion);
        }
        let (entries, field, limit) = match kind.shape {
            Shape::Image => (layers, "layers", LAYERS_LIMIT),
            Shape::Index => (manifests, "manifests", MANIFESTS_LIMIT),
            Shape::Artifact => (blobs, "blobs", LAYERS_LIMIT),
        };
        let config = config.filter(|_| kind.shape == Shape::Image);
        // What only OCI has means nothing in Docker's types, to any client.
        let subject = subject.filter(|value| kind.is_oci && !value.is_null());
        Ok(Self {
            kind,
            artifact_type: artifact_type_of(artifact_type, kind)?,
            config: config.map(|value| Descriptor::new(value, "config", depth)).transpose()?,
            entries: descriptors(entries, field, limit, depth)?,
            subject: subject.map(|value| Descriptor::new(value, "subject", depth)).transpose()?,
            annotations: annotations_of(annotations.filter(|_| kind.is_oci))?,
        })
    }

    /// What it says it is: `artifactType`, or for an image the type of its configuration
    /// (distribution specification 1.1, "Listing Referrers").
    pub(crate) fn effective_type(&self) -> Option<&str> {
        let config_type = self.config.as_ref().map(|config| config.media_type.as_str());
        self.artifact_type.as_deref().or(config_type).filter(|text| !text.is_empty())
    }

    fn attributes(&self, depth: Depth) -> Result<Attributes, ManifestFault> {
        let mut attributes = Attributes::default();
        attributes.set_text(attribute::MEDIA_TYPE, self.kind.name);
        if let Some(artifact_type) = self.effective_type() {
            attributes.set_text(attribute::ARTIFACT_TYPE, artifact_type);
        }
        if let Some(subject) = &self.subject {
            attributes.set_text(attribute::SUBJECT, subject.digest.to_string());
        }
        if let Some(annotations) = self.kept_annotations(depth)? {
            attributes.0.insert(attribute::ANNOTATIONS.to_owned(), annotations.into());
        }
        if let Some(config) = &self.config {
            attributes.set_text(attribute::CONFIG_TYPE, config.media_type.clone());
        }
        if self.kind.shape == Shape::Index {
            let platforms = self.entries.iter().filter_map(|entry| entry.platform.clone());
            let platforms: Vec<String> = platforms.take(PLATFORMS_LIMIT).collect();
            attributes.0.insert(attribute::PLATFORMS.to_owned(), platforms.into());
        } else {
            let sizes = self.entries.iter().chain(&self.config).map(|entry| entry.size_bytes);
            let sum = sizes.fold(0, u64::saturating_add);
            attributes.0.insert(attribute::CONTENT_BYTES.to_owned(), sum.into());
            attributes.0.insert(attribute::LAYERS.to_owned(), self.entries.len().into());
        }
        Ok(attributes)
    }

    /// Those that indexes and pages show; the manifest itself keeps all of them.
    fn kept_annotations(&self, depth: Depth) -> Result<Option<Map<String, Value>>, ManifestFault> {
        let lengths = self.annotations.iter();
        let lengths = lengths.map(|(key, value)| key.len() + value.as_str().map_or(0, str::len));
        let (bytes, limit_bytes) = (lengths.sum::<usize>(), ANNOTATIONS_LIMIT_BYTES);
        if bytes <= limit_bytes {
            return Ok((!self.annotations.is_empty()).then(|| self.annotations.clone()));
        }
        if self.subject.is_some() && depth == Depth::Full {
            return Err(ManifestFault::AnnotationsTooLong { bytes, limit_bytes });
        }
        Ok(None)
    }

    fn references(&self, depth: Depth) -> Vec<Reference> {
        let mut references: Vec<Reference> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let entries = self.config.iter().chain(&self.entries);
        let mut entries: Vec<_> = entries.map(|entry| (entry.file(), entry.role(depth))).collect();
        // What is needed comes first, so that it stays so where it is also named as optional.
        entries.sort_by_key(|(_, role)| *role != ReferenceRole::Required);
        for (file, role) in entries {
            if seen.insert(file.clone()) {
                references.push(Reference { file, role });
            }
        }
        references.extend(self.subject.iter().map(|subject| Reference {
            file: file_name::name(Kind::Manifest, &subject.digest),
            role: ReferenceRole::Subject,
        }));
        references
    }
}

/// The fields that tell what a document is.
struct Present<'a> {
    config: Option<&'a Value>,
    layers: Option<&'a Value>,
    manifests: Option<&'a Value>,
    blobs: Option<&'a Value>,
}

impl Present<'_> {
    fn shape(&self) -> Result<Shape, ManifestFault> {
        if self.manifests.is_some() {
            Ok(Shape::Index)
        } else if self.config.is_some() || self.layers.is_some() {
            Ok(Shape::Image)
        } else {
            Err(ManifestFault::Missing { field: "mediaType" })
        }
    }

    /// That nobody can take it for something else (CVE-2021-41190).
    fn check(&self, shape: Shape) -> Result<(), ManifestFault> {
        let fields = [
            ("config", self.config, Shape::Image),
            ("layers", self.layers, Shape::Image),
            ("manifests", self.manifests, Shape::Index),
            ("blobs", self.blobs, Shape::Artifact),
        ];
        let kind = match shape {
            Shape::Image => "image manifest",
            Shape::Index => "image index",
            Shape::Artifact => "artifact manifest",
        };
        for (field, value, owner) in fields {
            // No client reads `blobs` in anything but an artifact manifest.
            if value.is_some() && owner != shape && owner != Shape::Artifact {
                return Err(ManifestFault::TwoTypes { field, kind });
            }
            let is_required = owner == shape && owner != Shape::Artifact;
            if value.is_none() && is_required {
                return Err(ManifestFault::Missing { field });
            }
        }
        Ok(())
    }
}

fn manifest_type(
    type_field: Option<&str>,
    sent_as: Option<&str>,
    present: &Present<'_>,
) -> Result<ManifestType, ManifestFault> {
    if let (Some(found), Some(sent)) = (type_field, sent_as)
        && found != sent
    {
        let (found, sent) = (provender_archive::shown(found), provender_archive::shown(sent));
        return Err(ManifestFault::TypeDisagrees { found, sent });
    }
    match type_field.or(sent_as) {
        Some(name) => ManifestType::named(name)
            .ok_or_else(|| ManifestFault::UnknownType { found: provender_archive::shown(name) }),
        None => Ok(ManifestType::of_shape(present.shape()?)),
    }
}

fn artifact_type_of(
    value: Option<&Value>,
    kind: ManifestType,
) -> Result<Option<String>, ManifestFault> {
    let text = optional_text(value.filter(|_| kind.is_oci), "artifactType")?;
    match text {
        Some(text) if !media_type::is_valid(text) => {
            Err(ManifestFault::malformed("artifactType", "a media type (RFC 6838)"))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// A text that is there; clients take an empty one for none.
fn optional_text<'a>(
    value: Option<&'a Value>,
    field: &'static str,
) -> Result<Option<&'a str>, ManifestFault> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(ManifestFault::malformed(field, "a text")),
    }
}

/// A list of descriptors; Go's clients write an empty one as `null`.
fn descriptors(
    value: Option<&Value>,
    field: &'static str,
    limit: usize,
    depth: Depth,
) -> Result<Vec<Descriptor>, ManifestFault> {
    let entries = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(ManifestFault::malformed(field, "a list")),
    };
    if entries.len() > limit {
        return Err(ManifestFault::TooManyEntries { field, count: entries.len(), limit });
    }
    let entries = entries.iter().enumerate();
    entries.map(|(at, entry)| Descriptor::new(entry, format!("{field}[{at}]"), depth)).collect()
}

fn annotations_of(value: Option<&Value>) -> Result<Map<String, Value>, ManifestFault> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(annotations)) if annotations.values().all(Value::is_string) => {
            Ok(annotations.clone())
        }
        Some(_) => Err(ManifestFault::malformed("annotations", "an object of texts")),
    }
}

#[cfg(test)]
mod tests;
