//! A registry of images that a test scripts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use provender_registry::NewUpstream;
use provender_testing::{Answer, FakeUpstream};
use serde_json::{Value, json};

use super::image::{INDEX, Image, MANIFEST, digest};
use crate::TestRegistry;

/// An honest one, unless single paths are bent.
#[derive(Clone)]
pub(crate) struct ImageUpstream {
    pub(crate) fake: FakeUpstream,
    tags: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

impl ImageUpstream {
    pub(crate) fn start() -> Self {
        Self { fake: FakeUpstream::start(), tags: Arc::default() }
    }

    /// Has an image under a tag from now on.
    pub(crate) fn add(&self, name: &str, tag: &str, image: &Image) {
        for blob in image.blobs() {
            self.fake.on(&blob_path(name, &digest(blob)), Answer::ok(blob.clone()));
        }
        self.add_manifest(name, tag, &image.manifest);
    }

    /// Has a manifest under a tag and its digest from now on.
    pub(crate) fn add_manifest(&self, name: &str, tag: &str, manifest: &[u8]) {
        self.fake.on(&manifest_path(name, &digest(manifest)), manifest_answer(manifest));
        self.point(name, tag, manifest);
    }

    /// Points a tag there from now on; by digest it may be absent.
    pub(crate) fn point(&self, name: &str, tag: &str, manifest: &[u8]) {
        self.fake.on(&manifest_path(name, tag), manifest_answer(manifest));
        let mut tags = self.tags.lock().unwrap();
        let tags = tags.entry(name.to_owned()).or_default();
        tags.retain(|known| known != tag);
        tags.push(tag.to_owned());
        tags.sort();
        let list = json!({ "name": name, "tags": tags });
        self.fake.on(&format!("/v2/{name}/tags/list"), Answer::json(&list));
    }

    /// Lists these manifests as about another from now on.
    pub(crate) fn refer(&self, name: &str, of: &str, manifests: &[Value]) {
        let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        let answer = Answer::ok(list.to_string()).header("Content-Type", INDEX);
        self.fake.on(&format!("/v2/{name}/referrers/{of}"), answer);
    }

    /// How many requests of this method asked for this path.
    pub(crate) fn asked(&self, method: &str, path: &str) -> usize {
        let requests = self.fake.requests();
        requests.iter().filter(|one| one.method() == method && one.path() == path).count()
    }

    /// What was asked, as `METHOD path`, since last forgotten.
    pub(crate) fn log(&self) -> Vec<String> {
        let requests = self.fake.requests();
        requests.iter().map(|one| format!("{} {}", one.method(), one.path())).collect()
    }
}

pub(crate) fn manifest_path(name: &str, reference: &str) -> String {
    format!("/v2/{name}/manifests/{reference}")
}

pub(crate) fn blob_path(name: &str, digest: &str) -> String {
    format!("/v2/{name}/blobs/{digest}")
}

pub(crate) fn manifest_answer(manifest: &[u8]) -> Answer {
    let is_index = manifest.windows(INDEX.len()).any(|part| part == INDEX.as_bytes());
    Answer::ok(manifest.to_vec())
        .header("Content-Type", if is_index { INDEX } else { MANIFEST })
        .header("Docker-Content-Digest", digest(manifest))
}

impl TestRegistry {
    /// Puts this upstream of images behind `main`, under the name `up`.
    pub(crate) async fn add_images(&self, upstream: &ImageUpstream) {
        self.add_images_as("main", "up", &upstream.fake.url("/")).await;
    }

    /// Puts an upstream of images behind a repository.
    pub(crate) async fn add_images_as(&self, repository: &str, name: &str, url: &str) {
        self.add(NewUpstream {
            repository: repository.to_owned(),
            ecosystem: "oci".to_owned(),
            name: Some(name.to_owned()),
            url: Some(url.to_owned()),
            ..NewUpstream::default()
        })
        .await;
    }

    /// Makes one repository's images an upstream of another's.
    pub(crate) async fn put_images_behind(&self, front: &str, behind: &str) {
        self.add(NewUpstream {
            repository: front.to_owned(),
            ecosystem: "oci".to_owned(),
            from_repository: Some(behind.to_owned()),
            ..NewUpstream::default()
        })
        .await;
    }

    /// A fresh one that mirrors this upstream into `main`.
    pub(crate) async fn mirroring_images(upstream: &ImageUpstream) -> Self {
        let registry = Self::open().await;
        registry.add_images(upstream).await;
        registry
    }
}
