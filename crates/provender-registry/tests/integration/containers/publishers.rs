//! What publishers are told of what waits for a signature, and who else is.

use provender_domain::{ProblemCode, Scope};
use provender_ecosystem::Change;

use super::signatures::{ANN, ask, signature};
use super::{Image, digest};
use crate::TestRegistry;
use crate::client::refused;

#[tokio::test]
async fn a_publisher_learns_before_anybody_signed_that_a_layer_is_here() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    ask(&registry, "team/", ANN).await;
    shelf.push("team/app", "v1", &image).await.unwrap();
    let layer = digest(&image.layers[0]);
    let publisher = shelf.by(registry.bearer(Some("main"), Scope::Publish, None).await);
    let size = image.layers[0].len() as u64;
    assert_eq!(publisher.head("team/app", &layer).await.unwrap(), (size, false));
    assert_eq!(refused(publisher.blob("team/app", &layer).await), ProblemCode::PolicyDenied);
    for caller in [registry.anonymous(), registry.bearer(Some("main"), Scope::Read, None).await] {
        let head = shelf.by(caller).head("team/app", &layer).await;
        assert_eq!(refused(head), ProblemCode::PolicyDenied);
    }
    publisher.push("team/app", "v1", &image).await.unwrap();
    let closing = Change::Quarantine { reason: None };
    shelf.change("team/app", &format!("blob@{layer}"), closing).await.unwrap();
    assert_eq!(refused(publisher.head("team/app", &layer).await), ProblemCode::PolicyDenied);
}

#[tokio::test]
async fn a_publisher_learns_before_anybody_signed_that_a_manifest_is_here() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    ask(&registry, "team/", ANN).await;
    shelf.push("team/app", "v1", &image).await.unwrap();
    let publisher = shelf.by(registry.bearer(Some("main"), Scope::Publish, None).await);
    let elsewhere = registry.bearer(Some("main"), Scope::Publish, Some("team/other")).await;
    let reader = registry.bearer(Some("main"), Scope::Read, None).await;
    let size = image.manifest.len() as u64;
    let digest = image.digest();
    for reference in ["v1", digest.as_str()] {
        assert_eq!(publisher.manifest_head("team/app", reference).await.unwrap(), (size, true));
        let whole = publisher.manifest("team/app", reference).await;
        assert_eq!(refused(whole), ProblemCode::PolicyDenied);
        for caller in [elsewhere.clone(), reader.clone()] {
            let head = shelf.by(caller).manifest_head("team/app", reference).await;
            assert_eq!(refused(head), ProblemCode::PolicyDenied);
        }
    }
    for (reference, expected) in
        [("v2", ProblemCode::NotFound), (&digest, ProblemCode::PolicyDenied)]
    {
        let closing = Change::Quarantine { reason: None };
        if reference != "v2" {
            shelf.change("team/app", &format!("manifest@{digest}"), closing).await.unwrap();
        }
        let head = publisher.manifest_head("team/app", reference).await;
        assert_eq!(refused(head), expected, "nothing but a missing signature is overlooked");
    }
}

#[tokio::test]
async fn a_signed_manifest_has_the_same_head_for_all() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    ask(&registry, "team/", ANN).await;
    shelf.push("team/app", "v1", &image).await.unwrap();
    let right = signature(&registry, &image.manifest, ANN).await;
    shelf.push("team/app", &right.digest(), &right).await.unwrap();
    let size = image.manifest.len() as u64;
    for caller in [registry.operator(), registry.anonymous()] {
        let head = shelf.by(caller).manifest_head("team/app", "v1").await;
        assert_eq!(head.unwrap(), (size, false));
    }
}
