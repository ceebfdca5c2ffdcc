//! Signatures that nothing keeps any more.

use provender_store::{FaultMode, Faults};

use super::removal::collect;
use super::signatures::{ANN, asking, signature};
use super::{Image, digest};
use crate::{TestRegistry, hours};

/// A signature that nothing keeps any more counts no more for the same bytes elsewhere, also where
/// the collection fails that forgets it.
#[tokio::test]
async fn a_signature_that_is_forgotten_counts_nowhere_though_the_collection_fails() {
    let mut was_forgotten_by_a_failure = false;
    for step in 0.. {
        let registry = TestRegistry::open().await;
        let (image, signed) = with_an_orphaned_signature(&registry).await;
        // What the log still writes of it would be counted too.
        let registry = registry.reopened().await;
        let shelf = registry.shelf();
        let served = async || shelf.blob("team/two", &digest(&image.layers[0])).await.is_ok();
        assert!(served().await);
        let faults = Faults::at(step, FaultMode::AfterPersisted);
        registry.registry.inject_faults(&faults);
        let collected = registry.registry.collect_garbage(&registry.operator(), false).await;
        registry.registry.inject_faults(&Faults::none());
        let is_there = shelf.manifest("team/one", &signed.digest()).await.is_ok();
        assert_eq!(served().await, is_there, "step {step}");
        was_forgotten_by_a_failure |= collected.is_err() && !is_there;
        if !faults.fired() {
            assert!(!is_there && was_forgotten_by_a_failure);
            break;
        }
    }
}

/// Publishers who are told that a manifest is here do not push it again.
#[tokio::test]
async fn a_manifest_that_its_publisher_looks_for_is_no_orphan() {
    for is_looked_for in [false, true] {
        let registry = TestRegistry::open().await;
        let shelf = registry.shelf();
        let (_, signed) = with_an_orphaned_signature(&registry).await;
        let reader = shelf.by(registry.anonymous());
        reader.manifest_head("team/one", &signed.digest()).await.unwrap();
        if is_looked_for {
            shelf.manifest_head("team/one", &signed.digest()).await.unwrap();
        }
        collect(&registry, false).await;
        let is_there = shelf.manifest("team/one", &signed.digest()).await.is_ok();
        assert_eq!(is_there, is_looked_for);
    }
}

/// An image in two places, its signature in that of them where the image was taken away a day ago,
/// with nothing else that nobody refers to.
async fn with_an_orphaned_signature(registry: &TestRegistry) -> (Image, Image) {
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    let signed = signature(registry, &image.manifest, ANN).await;
    for name in ["team/one", "team/two"] {
        shelf.push(name, "v1", &image).await.unwrap();
    }
    let made = shelf.referrers("team/one", &image.digest()).await.unwrap();
    shelf.remove("team/one", &format!("manifests/{}", made[0])).await.unwrap();
    // Another image needs the same layers.
    let manifest = [&image.manifest[..], b"\n"].concat();
    shelf.put("team/one", "v2", &manifest).await.unwrap();
    shelf.push("team/one", &signed.digest(), &signed).await.unwrap();
    let policy = asking("team/", ANN, None);
    registry.registry.set_policy(&registry.operator(), "main", policy).await.unwrap();
    for _ in 0..2 {
        collect(registry, false).await;
        registry.clock.advance(hours(25));
    }
    collect(registry, false).await;
    shelf.remove("team/one", &format!("manifests/{}", image.digest())).await.unwrap();
    collect(registry, false).await;
    registry.clock.advance(hours(25));
    (image, signed)
}
