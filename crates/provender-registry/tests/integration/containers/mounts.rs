//! Blobs that are here already, under other names.

use provender_domain::{EventKind, Scope, Visibility};

use super::{Image, ImageUpstream, digest};
use crate::TestRegistry;
use crate::client::message;
use crate::registry::of_kind;

#[tokio::test]
async fn what_the_caller_may_read_is_mounted_and_nothing_else_is_told() {
    let registry = TestRegistry::open().await;
    registry.repository("secret", Visibility::Private).await;
    registry.repository("other", Visibility::Public).await;
    let (public, hidden) = (Image::new("public"), Image::new("hidden"));
    registry.shelf_for("other", registry.operator()).push("a/b", "v1", &public).await.unwrap();
    registry.shelf_for("secret", registry.operator()).push("a/b", "v1", &hidden).await.unwrap();
    let publisher = registry.bearer(Some("main"), Scope::Publish, None).await;
    let everywhere = registry.bearer(None, Scope::Publish, None).await;
    let check = async |who: &str, image: &Image, from: Option<&str>, expected: bool| {
        let caller = if who == "publisher" { publisher.clone() } else { everywhere.clone() };
        let shelf = registry.shelf_for("main", caller);
        let layer = digest(&image.layers[0]);
        let mounted = shelf.mount("team/app", &layer, from).await.unwrap();
        assert_eq!(mounted, expected, "{who} {from:?}");
        let is_here = shelf.blob("team/app", &layer).await.is_ok();
        assert_eq!(is_here, expected, "{who} {from:?}");
        if expected {
            shelf.remove("team/app", &format!("blobs/{layer}")).await.unwrap();
        }
    };
    let forget = async |image: &Image| {
        let shelf = registry.shelf();
        let _ = shelf.remove("team/app", &format!("blobs/{}", digest(&image.layers[0]))).await;
    };
    check("publisher", &hidden, Some("secret/a/b"), false).await;
    check("publisher", &hidden, None, false).await;
    check("publisher", &hidden, Some("nowhere/a/b"), false).await;
    check("publisher", &hidden, Some("other/a/b"), false).await;
    check("publisher", &hidden, Some("a/b"), false).await;
    check("publisher", &hidden, Some(""), false).await;
    check("publisher", &Image::new("nobody's"), Some("other/a/b"), false).await;
    check("publisher", &Image::new("nobody's"), None, false).await;
    let first = registry.shelf_for("main", publisher.clone());
    let layer = digest(&public.layers[0]);
    assert!(first.mount("team/app", &layer, Some("other/a/b")).await.unwrap());
    assert_eq!(first.blob("team/app", &layer).await.unwrap(), public.layers[0]);
    forget(&public).await;
    // The bytes stay where they came from.
    registry.shelf_for("other", registry.anonymous()).pull("a/b", "v1", &public).await;
    assert!(first.mount("team/app", &layer, None).await.unwrap(), "it may come again");
    let second = registry.shelf_for("main", everywhere.clone());
    let layer = digest(&hidden.layers[0]);
    assert!(second.mount("team/app", &layer, Some("secret/a/b")).await.unwrap());
    forget(&hidden).await;
    assert!(second.mount("team/app", &layer, None).await.unwrap());
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_mount_into_a_name_of_an_upstream_is_refused() {
    let upstream = ImageUpstream::start();
    let theirs = Image::new("theirs");
    upstream.add("team/theirs", "v1", &theirs);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let (shelf, ours) = (registry.shelf(), Image::new("ours"));
    shelf.push("team/ours", "v1", &ours).await.unwrap();
    shelf.pull("team/theirs", "v1", &theirs).await;
    let layer = digest(&ours.layers[0]);
    for from in [Some("main/team/ours"), None] {
        let refusal = shelf.mount("team/theirs", &layer, from).await;
        assert!(message(refusal).contains("upstream up"), "{from:?}");
    }
    // The other way round it is a layer like any.
    let layer = digest(&theirs.layers[0]);
    assert!(shelf.mount("team/ours", &layer, Some("main/team/theirs")).await.unwrap());
    assert_eq!(shelf.blob("team/ours", &layer).await.unwrap(), theirs.layers[0]);
    assert_eq!(upstream.fake.hits("/v2/team/ours/tags/list"), 0);
    registry.assert_sound().await;
}

#[tokio::test]
async fn images_that_share_layers_share_their_bytes() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let base = b"a layer that all have".to_vec();
    let mut last = None;
    for number in 0..5 {
        let own = format!("layer of {number}").into_bytes();
        let image = Image::of(&number.to_string(), vec![base.clone(), own]);
        let name = format!("team/app-{number}");
        if number > 0 {
            assert!(shelf.mount(&name, &digest(&base), None).await.unwrap());
        } else {
            shelf.upload(&name, &base).await.unwrap();
        }
        shelf.upload(&name, &image.config).await.unwrap();
        shelf.upload(&name, &image.layers[1]).await.unwrap();
        shelf.put(&name, "v1", &image.manifest).await.unwrap();
        shelf.pull(&name, "v1", &image).await;
        last = Some((name, image));
    }
    let stored = registry.blobs().await.iter().filter(|hex| digest(&base).ends_with(*hex)).count();
    assert_eq!(stored, 1);
    // Who takes one away takes nobody else's.
    for number in 0..4 {
        let name = format!("team/app-{number}");
        let digest = shelf.points_to(&name, "v1").await.unwrap();
        shelf.remove(&name, &format!("manifests/{digest}")).await.unwrap();
        shelf.remove(&name, &format!("blobs/{}", super::digest(&base))).await.unwrap();
    }
    let (name, image) = last.unwrap();
    shelf.pull(&name, "v1", &image).await;
    assert_eq!(of_kind(registry.events().await, EventKind::Published).len(), 5);
    registry.assert_sound().await;
}
