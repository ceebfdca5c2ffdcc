//! Small images, right in every respect.

use provender_testing::sha256_hex;
use serde_json::{Value, json};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image of one platform.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Vec<u8>>,
    pub(crate) manifest: Vec<u8>,
}

impl Image {
    /// One that no other seed makes, with two layers of its own.
    pub(crate) fn new(seed: &str) -> Self {
        let layer = |number| format!("layer {number} of {seed}").into_bytes();
        Self::of(seed, vec![layer(1), layer(2)])
    }

    /// One with these layers.
    pub(crate) fn of(seed: &str, layers: Vec<Vec<u8>>) -> Self {
        let config = json!({ "architecture": "amd64", "os": "linux", "seed": seed });
        Self::made(config.to_string().into_bytes(), layers, &Value::Null)
    }

    /// The same as a statement of this kind about another manifest.
    pub(crate) fn about(subject: &[u8], artifact_type: &str, payload: &[u8]) -> Self {
        let more = json!({
            "artifactType": artifact_type,
            "subject": descriptor(MANIFEST, subject),
        });
        let mut made = Self::made(b"{}".to_vec(), vec![payload.to_vec()], &more);
        let mut manifest: Value = serde_json::from_slice(&made.manifest).unwrap();
        manifest["config"]["mediaType"] = "application/vnd.oci.empty.v1+json".into();
        manifest["layers"][0]["mediaType"] = artifact_type.into();
        made.manifest = manifest.to_string().into_bytes();
        made
    }

    fn made(config: Vec<u8>, layers: Vec<Vec<u8>>, more: &Value) -> Self {
        let described: Vec<Value> = layers.iter().map(|layer| descriptor(LAYER, layer)).collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": described,
        });
        if let Some(more) = more.as_object() {
            manifest.as_object_mut().unwrap().extend(more.clone());
        }
        Self { config, layers, manifest: manifest.to_string().into_bytes() }
    }

    /// The digest of its manifest.
    pub(crate) fn digest(&self) -> String {
        digest(&self.manifest)
    }

    /// Its configuration and its layers.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Vec<u8>> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

/// An index of these manifests.
pub(crate) fn index_of(manifests: &[&[u8]]) -> Vec<u8> {
    let listed: Vec<Value> =
        manifests.iter().map(|manifest| descriptor(MANIFEST, manifest)).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": listed });
    index.to_string().into_bytes()
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

/// As the specification writes it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(bytes))
}
