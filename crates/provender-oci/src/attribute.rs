//! What this ecosystem keeps of a file beyond what all have: the keys of its attributes. Their
//! meaning never changes, since they are kept.

/// A manifest's media type, one of those that are understood here.
pub const MEDIA_TYPE: &str = "media-type";
/// What kind of artifact it is, as the referrers API tells them apart: `artifactType`, or for an
/// image manifest without one the type of its configuration.
pub const ARTIFACT_TYPE: &str = "artifact-type";
/// Its annotations, an object of texts.
pub const ANNOTATIONS: &str = "annotations";
/// The digest of the manifest that it says it is about.
pub const SUBJECT: &str = "subject";
/// The type of an image's configuration.
pub const CONFIG_TYPE: &str = "config-type";
/// How many layers, or blobs, it has.
pub const LAYERS: &str = "layers";
/// The sizes of its configuration and layers together, in bytes, as it says.
pub const CONTENT_BYTES: &str = "content-bytes";
/// The platforms of an index, as texts: `linux/arm64/v8`.
pub const PLATFORMS: &str = "platforms";
