//! Statements about images: which manifests are such, and the ones that this server makes.
//!
//! | what | how it is known | what it is about |
//! |---|---|---|
//! | Sigstore bundles, as cosign 3 attaches them | artifact type, or the type of the one layer | its subject |
//! | notation's signatures | artifact type or configuration | its subject |
//! | cosign's older signatures, attestations, SBOMs | the types of the layers | its tag tells, `sha256-<hex>.sig`, and the text that is signed |

use provender_domain::{Attributes, Digest, File};
use provender_ecosystem::{Depth, Evidence, MadeFile, Signed, TaggedSignature};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::attribute;
use crate::file_name::{self, Kind};
use crate::json;
use crate::manifest::{self, Descriptor, Manifest};
use crate::media_type::{self, Shape};

/// The type under which bundles are attached: by cosign 3, and by this server.
const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Any version of it, in either spelling: `.v0.3+json`, `+json;version=0.2`.
const BUNDLE_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";
/// Notation's signatures (Notary Project, "Signature specification").
const NOTATION_TYPE: &str = "application/vnd.cncf.notary.signature";
/// A text that cosign signed before there were bundles.
const SIMPLE_SIGNING_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// What cosign put under its own tags before there were referrers.
const COSIGN_LAYER_TYPES: [&str; 2] =
    [SIMPLE_SIGNING_TYPE, "application/vnd.dsse.envelope.v1+json"];

/// What a manifest states about another, if it is a statement.
pub(crate) fn of(manifest: &Manifest) -> Option<Evidence> {
    let kind = manifest.effective_type().unwrap_or_default();
    let is_bundle = |text: &str| text.starts_with(BUNDLE_TYPE_PREFIX);
    let is_cosign = |text: &str| COSIGN_LAYER_TYPES.contains(&text);
    let layers = || manifest.entries.iter().map(|layer| layer.media_type.as_str());
    let is_statement =
        is_statement_type(kind) || layers().any(|text| is_bundle(text) || is_cosign(text));
    if !is_statement || layers().any(media_type::is_image_layer) || lists_manifests(manifest) {
        return None;
    }
    let about = manifest.subject.as_ref().filter(|_| !may_be_run(manifest));
    let bundle = match manifest.entries.as_slice() {
        // As cosign reads it: one layer, of that type.
        [layer] if is_bundle(&layer.media_type) && about.is_some() => {
            Some(file_name::name(Kind::Blob, &layer.digest))
        }
        _ => None,
    };
    let about = about.map(|subject| file_name::name(Kind::Manifest, &subject.digest));
    Some(Evidence { about, bundle })
}

/// Whether other manifests belong to it: nobody states anything in that form, and what belongs to a
/// statement is served with it.
fn lists_manifests(manifest: &Manifest) -> bool {
    let mut parts = manifest.config.iter().chain(&manifest.entries);
    manifest.kind.shape == Shape::Index || parts.any(Descriptor::is_manifest)
}

/// The signatures under cosign's tag for an image, each a layer with annotations (cosign's "Signature
/// Specification", "Storage"); none, where another layer is among them.
pub(crate) fn tagged_signatures(manifest: &[u8]) -> Vec<TaggedSignature> {
    let Ok(document) = json::parse(manifest) else { return Vec::new() };
    let layers = document.get("layers").and_then(Value::as_array);
    let signatures = layers.map(|layers| layers.iter().map(tagged_signature).collect());
    signatures.and_then(|all: Option<Vec<_>>| all).unwrap_or_default()
}

fn tagged_signature(layer: &Value) -> Option<TaggedSignature> {
    if layer.get("mediaType")?.as_str()? != SIMPLE_SIGNING_TYPE {
        return None;
    }
    let digest = file_name::digest_of(layer.get("digest")?.as_str()?)?;
    let annotations = layer.get("annotations")?;
    let annotation = |name: &str| annotations.get(name)?.as_str().map(str::to_owned);
    Some(TaggedSignature {
        text: file_name::name(Kind::Blob, &digest),
        signature: annotation("dev.cosignproject.cosign/signature")?,
        certificate: annotation("dev.sigstore.cosign/certificate"),
        log_entry: annotation("dev.sigstore.cosign/bundle"),
        timestamp: annotation("dev.sigstore.cosign/rfc3161timestamp"),
    })
}

/// Whether a client may run it as an image, whatever it calls itself and its layers: they tell
/// images by the type of the configuration, and some take any that they do not know for one. A
/// repository that asks for signatures serves such a thing without them only if it lists nothing but
/// texts that were signed ([`tagged_signatures`]).
fn may_be_run(manifest: &Manifest) -> bool {
    manifest.config.as_ref().is_some_and(|config| {
        config.media_type != media_type::OCI_EMPTY && !is_statement_type(&config.media_type)
    })
}

fn is_statement_type(artifact_type: &str) -> bool {
    artifact_type.starts_with(BUNDLE_TYPE_PREFIX) || artifact_type == NOTATION_TYPE
}

/// The bundle as a blob, the empty configuration, and the manifest that attaches the bundle to its
/// subject, as cosign 3 writes them and looks for them.
pub(crate) fn render(signed: &Signed<'_>) -> Vec<MadeFile> {
    let Some(subject) = subject(signed.file) else { return Vec::new() };
    let bundle = signed.bundle.to_text().into_bytes();
    let (bundle_digest, empty_digest) = (sha256(&bundle), sha256(EMPTY));
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": BUNDLE_TYPE,
        "config": {
            "mediaType": media_type::OCI_EMPTY,
            "artifactType": BUNDLE_TYPE,
            "digest": empty_digest.to_string(),
            "size": EMPTY.len(),
        },
        "layers": [{
            "mediaType": BUNDLE_TYPE,
            "digest": bundle_digest.to_string(),
            "size": bundle.len(),
            "annotations": {
                "org.opencontainers.image.title":
                    format!("sha256-{}.sigstore.json", bundle_digest.hex()),
            },
        }],
        "subject": subject,
        "annotations": {
            "org.opencontainers.image.created": signed.at,
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": signed.predicate_type,
        },
    });
    let manifest = manifest.to_string().into_bytes();
    let Ok(read) = manifest::read(&manifest, None, Depth::Full) else { return Vec::new() };
    vec![
        made(Kind::Blob, EMPTY.to_vec()),
        made(Kind::Blob, bundle),
        MadeFile {
            attributes: read.attributes,
            references: read.references,
            ..made(Kind::Manifest, manifest)
        },
    ]
}

/// The configuration of what has none (image specification, "Guidance for an Empty Descriptor").
const EMPTY: &[u8] = b"{}";

/// The descriptor of the file that was signed; `None` for blobs, for statements, and for what is
/// not known well enough.
fn subject(file: &File) -> Option<serde_json::Value> {
    let (Kind::Manifest, digest) = file_name::parse(&file.name)? else { return None };
    let is_statement =
        file.attributes.text(attribute::ARTIFACT_TYPE).is_some_and(is_statement_type);
    if is_statement {
        return None;
    }
    Some(json!({
        "mediaType": file.attributes.text(attribute::MEDIA_TYPE)?,
        "digest": digest.to_string(),
        "size": file.size_bytes?,
    }))
}

fn made(kind: Kind, bytes: Vec<u8>) -> MadeFile {
    let name = file_name::name(kind, &sha256(&bytes));
    MadeFile { name, bytes, attributes: Attributes::default(), references: Vec::new() }
}

fn sha256(bytes: &[u8]) -> Digest {
    provender_domain::BlobId::from_bytes(Sha256::digest(bytes).into()).digest()
}

#[cfg(test)]
mod tests;
