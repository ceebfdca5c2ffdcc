//! Images that are made up to be pushed: layers of bytes that do not compress, and manifests.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Value, json};

use crate::wheel::noise;

/// The media type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// How a gzip file begins: by this, clients see that they need not compress a layer themselves.
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

/// Bytes of their own, and then the same block again and again.
pub(crate) struct Blob {
    head: Vec<u8>,
    block: Arc<[u8]>,
    repeats: usize,
    digest: String,
}

impl Blob {
    /// A layer of `bytes` bytes, which differs from that of every other name.
    pub(crate) fn layer(name: &str, bytes: usize) -> Self {
        let mut head = GZIP.to_vec();
        head.extend_from_slice(&noise(seed(name), bytes.saturating_sub(head.len())));
        Self::new(head, Arc::new([]), 0)
    }

    /// A layer that is larger than it takes memory: `repeats` times a block that many share.
    pub(crate) fn large(name: &str, block: &Arc<[u8]>, repeats: usize) -> Self {
        Self::new([&GZIP, name.as_bytes()].concat(), Arc::clone(block), repeats)
    }

    /// The config of an image.
    pub(crate) fn config(name: &str) -> Self {
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "author": name,
            "rootfs": { "type": "layers", "diff_ids": [] },
        });
        Self::new(config.to_string().into_bytes(), Arc::new([]), 0)
    }

    fn new(head: Vec<u8>, block: Arc<[u8]>, repeats: usize) -> Self {
        let mut blob = Self { head, block, repeats, digest: String::new() };
        let mut hash = Context::new(&SHA256);
        blob.parts().iter().for_each(|part| hash.update(part));
        blob.digest = format!("sha256:{}", hex::encode(hash.finish()));
        blob
    }

    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn length(&self) -> usize {
        self.head.len() + self.block.len() * self.repeats
    }

    /// Its bytes, in order.
    pub(crate) fn parts(&self) -> Vec<&[u8]> {
        let mut parts = vec![self.head.as_slice()];
        parts.extend(std::iter::repeat_n(self.block.as_ref(), self.repeats));
        parts
    }

    fn descriptor(&self, media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.length() })
    }
}

/// An image and what it is to be called.
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) tag: String,
    config: Blob,
    layers: Vec<Arc<Blob>>,
}

impl Image {
    /// An image with a config of its own.
    pub(crate) fn new(name: &str, layers: Vec<Arc<Blob>>) -> Self {
        Self { name: name.to_owned(), tag: "1".to_owned(), config: Blob::config(name), layers }
    }

    /// An image of `count` layers of `bytes` each, none of which any other image has.
    pub(crate) fn of_layers(name: &str, count: usize, bytes: usize) -> Self {
        let layer = |number| Arc::new(Blob::layer(&format!("{name} {number}"), bytes));
        Self::new(name, (0..count).map(layer).collect())
    }

    /// The layers and, last, the config.
    pub(crate) fn blobs(&self) -> Vec<&Blob> {
        self.layers.iter().map(AsRef::as_ref).chain([&self.config]).collect()
    }

    pub(crate) fn manifest(&self) -> Vec<u8> {
        let layers: Vec<_> = self.layers.iter().map(|layer| layer.descriptor(LAYER)).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.config.descriptor(CONFIG),
            "layers": layers,
        });
        manifest.to_string().into_bytes()
    }

    /// The manifest of something that refers to this image.
    pub(crate) fn referrer(&self, number: usize) -> Vec<u8> {
        let manifest = self.manifest();
        let subject = json!({
            "mediaType": MANIFEST, "digest": digest(&manifest), "size": manifest.len(),
        });
        let referrer = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "application/vnd.bench.mark",
            "config": self.config.descriptor(CONFIG),
            "layers": [],
            "subject": subject,
            "annotations": { "bench.example/number": number.to_string() },
        });
        referrer.to_string().into_bytes()
    }
}

/// The digest by which a manifest is known.
pub(crate) fn digest(manifest: &[u8]) -> String {
    format!("sha256:{}", hex::encode(aws_lc_rs::digest::digest(&SHA256, manifest)))
}

/// A number that differs from name to name and is the same in every run.
fn seed(name: &str) -> u64 {
    let digest = aws_lc_rs::digest::digest(&SHA256, name.as_bytes());
    digest.as_ref().iter().take(8).fold(1, |seed, &byte| (seed << 8) | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Blob, Image, digest};

    #[test]
    fn a_blob_is_what_its_digest_says() {
        let block: Arc<[u8]> = Arc::from(vec![7; 1000]);
        for blob in [Blob::layer("a", 5000), Blob::large("b", &block, 3), Blob::config("c")] {
            let bytes = blob.parts().concat();
            assert_eq!((blob.digest(), blob.length()), (digest(&bytes).as_str(), bytes.len()));
        }
        assert_ne!(Blob::layer("a", 100).digest(), Blob::layer("b", 100).digest());
    }

    #[test]
    fn a_manifest_names_every_blob() {
        let image = Image::of_layers("x", 3, 100);
        let text = String::from_utf8(image.manifest()).unwrap();
        assert_eq!(image.blobs().len(), 4);
        assert!(image.blobs().iter().all(|blob| text.contains(blob.digest())), "{text}");
    }
}
