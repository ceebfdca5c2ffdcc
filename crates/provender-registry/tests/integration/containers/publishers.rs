//! What publishers are told of what waits for a signature, and who else is.

use provender_domain::{ProblemCode, Scope};
use provender_ecosystem::Change;
use provender_registry::Caller;

use super::access::granted;
use super::signatures::{ANN, DENIED, ask, refusals, signature};
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
    let reader = shelf.by(registry.bearer(Some("main"), Scope::Read, None).await);
    assert_eq!(refused(reader.head("team/app", &layer).await), ProblemCode::PolicyDenied);
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
async fn who_may_be_a_publisher_is_asked_for_a_credential() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    ask(&registry, "team/", ANN).await;
    shelf.push("team/app", "v1", &image).await.unwrap();
    let (digest, layer) = (image.digest(), digest(&image.layers[0]));
    let heads = async |caller: &Caller| {
        let shelf = shelf.by(caller.clone());
        [
            shelf.manifest_head("team/app", "v1").await.err(),
            shelf.manifest_head("team/app", &digest).await.err(),
            shelf.head("team/app", &layer).await.err(),
        ]
    };
    let check = async |caller: &Caller, expected: Option<ProblemCode>| {
        for problem in heads(caller).await {
            assert_eq!(problem.as_ref().map(|problem| problem.code), expected, "{problem:?}");
            let Some(problem) = problem else { continue };
            assert!(problem.public.contains("asks for a signature by"), "{}", problem.public);
            let is_asked = problem.code == ProblemCode::AuthenticationRequired;
            assert_eq!(problem.needs, is_asked.then_some(Scope::Publish));
        }
        // Nobody's credential changes what a GET is answered.
        let reader = shelf.by(caller.clone());
        assert_eq!(refusals(&reader, "v1", &image).await, DENIED);
    };
    let asked = Some(ProblemCode::AuthenticationRequired);
    let denied = Some(ProblemCode::PolicyDenied);
    let (nobody, publisher) =
        (registry.anonymous(), registry.bearer(Some("main"), Scope::Publish, None).await);
    let reader = registry.bearer(Some("main"), Scope::Read, None).await;
    let (pull, push) = ("main/team/app:pull", "main/team/app:pull,push");
    check(&nobody, asked).await;
    check(&reader, denied).await;
    check(&publisher, None).await;
    // Who was asked and has none is told what is missing, as by docker and podman; who has one, and
    // got too little for it, is to ask for more.
    check(&granted(&registry, &nobody, &[push]), denied).await;
    check(&granted(&registry, &reader, &[push]), denied).await;
    check(&granted(&registry, &publisher, &[pull]), asked).await;
    check(&granted(&registry, &publisher, &[push]), None).await;

    // Nothing but that it was not signed is told of to publishers.
    let closing = Change::Quarantine { reason: None };
    shelf.change("team/app", &format!("manifest@{digest}"), closing).await.unwrap();
    let closed = shelf.by(nobody).manifest_head("team/app", &digest).await;
    assert_eq!(refused(closed), ProblemCode::PolicyDenied);
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
