//! Media types: which documents are manifests, and which types are let into a header.

/// Longest media type, in bytes: two names of 127 (RFC 6838, 4.2) and a slash.
const MEDIA_TYPE_LIMIT_BYTES: usize = 255;

/// An OCI image manifest (image specification 1.1).
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image index (image specification 1.1).
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An OCI artifact manifest, which release candidates of the image specification 1.1 had.
pub(crate) const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// Docker's image manifest, version 2, schema 2.
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's manifest list.
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The configuration of an artifact that has none.
pub(crate) const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// What is not said any closer.
pub(crate) const OCTET_STREAM: &str = "application/octet-stream";

/// What upstreams are asked for: every type of manifest that is understood here.
pub(crate) const ACCEPT_MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.artifact.manifest.v1+json";

/// How a manifest is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `config` and `layers`.
    Image,
    /// `manifests`.
    Index,
    /// `blobs`.
    Artifact,
}

/// A type of manifest that is understood here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ManifestType {
    /// Its media type.
    pub(crate) name: &'static str,
    /// How it is laid out.
    pub(crate) shape: Shape,
    /// Whether it has what only OCI's have: `subject`, `artifactType`, `annotations`.
    pub(crate) is_oci: bool,
}

const MANIFEST_TYPES: [ManifestType; 5] = [
    ManifestType { name: OCI_MANIFEST, shape: Shape::Image, is_oci: true },
    ManifestType { name: OCI_INDEX, shape: Shape::Index, is_oci: true },
    ManifestType { name: OCI_ARTIFACT, shape: Shape::Artifact, is_oci: true },
    ManifestType { name: DOCKER_MANIFEST, shape: Shape::Image, is_oci: false },
    ManifestType { name: DOCKER_LIST, shape: Shape::Index, is_oci: false },
];

impl ManifestType {
    /// The type of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        MANIFEST_TYPES.into_iter().find(|known| known.name == name)
    }

    /// The type of a document of this shape that does not say its type, which only OCI allows.
    pub(crate) fn of_shape(shape: Shape) -> Self {
        let is_it = |known: &Self| known.is_oci && known.shape == shape;
        MANIFEST_TYPES.into_iter().find(is_it).expect("OCI has a type of each shape")
    }
}

/// Whether it is Docker's image manifest of schema 1, with or without its signature.
pub(crate) fn is_docker_schema_1(name: &str) -> bool {
    name.starts_with("application/vnd.docker.distribution.manifest.v1+")
}

/// A `Content-Type` without its parameters, in lower case.
pub(crate) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether it is spelled as RFC 6838, section 4.2, wants it.
pub(crate) fn is_valid(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(is_name_byte)
    };
    text.len() <= MEDIA_TYPE_LIMIT_BYTES
        && text.split_once('/').is_some_and(|(kind, name)| is_name(kind) && is_name(name))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte)
}

/// Whether clients unpack layers of this type into a file system: those of OCI and Docker, whatever
/// their compression. In one case: Go's clients compare them as they are, others may not.
pub(crate) fn is_image_layer(layer: &str) -> bool {
    let layer = layer.to_ascii_lowercase();
    layer.starts_with("application/vnd.oci.image.layer.")
        || layer.starts_with("application/vnd.docker.image.rootfs.")
}

/// Whether layers of this type may be left out of registries, because somebody forbids their
/// distribution (image specification, "Non-distributable layers"; Docker's foreign layers).
pub(crate) fn is_not_distributable(layer: &str) -> bool {
    layer.starts_with("application/vnd.oci.image.layer.nondistributable.")
        || layer.starts_with("application/vnd.docker.image.rootfs.foreign.")
}

#[cfg(test)]
mod tests;
