//! Names that are ours are nobody else's business.

use provender_domain::{ProblemCode, Visibility};

use super::{Image, ImageUpstream, Shelf, digest};
use crate::TestRegistry;
use crate::client::refused;

/// Everything that can be asked of an image, by names that are not here.
async fn ask_everything(shelf: &Shelf, name: &str, image: &Image) {
    let outcomes = [
        ("tag", shelf.manifest(name, "not-here").await.map(drop)),
        ("digest", shelf.manifest(name, &image.digest()).await.map(drop)),
        ("blob", shelf.blob(name, &digest(&image.config)).await.map(drop)),
    ];
    for (what, outcome) in outcomes {
        assert_eq!(refused(outcome), ProblemCode::NotFound, "{what} of {name}");
    }
    // Whether they are there or not: nobody is asked.
    let _ = shelf.tags(name).await;
    let _ = shelf.referrers(name, &image.digest()).await;
    let _ = shelf.mount(name, &digest(&image.config), Some(&format!("main/{name}"))).await;
    let _ = shelf.mount(name, &digest(&image.config), None).await;
}

#[tokio::test]
async fn no_upstream_hears_of_an_owned_or_published_image() {
    let upstream = ImageUpstream::start();
    let theirs = Image::new("theirs");
    for name in ["acme/secret-app", "acme/x", "ours", "ours/x"] {
        upstream.add(name, "not-here", &theirs);
    }
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let api = &registry.registry;
    api.own(&registry.operator(), "main", "oci", "acme/*").await.unwrap();
    let shelf = registry.shelf();
    shelf.push("ours", "latest", &Image::new("ours")).await.unwrap();
    for name in ["acme/secret-app", "acme/x", "ours"] {
        ask_everything(&shelf, name, &theirs).await;
        ask_everything(&shelf.by(registry.anonymous()), name, &theirs).await;
        let host = upstream.fake.address().to_string();
        ask_everything(&shelf.instead_of(&host), name, &theirs).await;
    }
    assert_eq!(upstream.fake.total(), 0, "{:?}", upstream.log());
    drop(shelf);
    let registry = registry.reopened().await;
    ask_everything(&registry.shelf(), "acme/secret-app", &theirs).await;
    ask_everything(&registry.shelf(), "ours", &theirs).await;
    assert_eq!(upstream.fake.total(), 0, "{:?}", upstream.log());
    // Another name is not ours.
    registry.shelf().pull("ours/x", "not-here", &theirs).await;
    assert!(!upstream.fake.heard_of("acme"));
}

#[tokio::test]
async fn a_name_stays_ours_when_all_of_it_is_taken_away() {
    let upstream = ImageUpstream::start();
    let (ours, theirs) = (Image::new("ours"), Image::new("theirs"));
    upstream.add("team/app", "latest", &theirs);
    upstream.add("team/app", "not-here", &theirs);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let shelf = registry.shelf();
    shelf.push("team/app", "latest", &ours).await.unwrap();
    shelf.remove("team/app", &format!("manifests/{}", ours.digest())).await.unwrap();
    for blob in ours.blobs() {
        shelf.remove("team/app", &format!("blobs/{}", digest(blob))).await.unwrap();
    }
    assert_eq!(refused(shelf.manifest("team/app", "latest").await), ProblemCode::NotFound);
    ask_everything(&shelf, "team/app", &theirs).await;
    assert_eq!(upstream.fake.total(), 0, "{:?}", upstream.log());
}

#[tokio::test]
async fn a_blob_alone_makes_a_name_ours() {
    let upstream = ImageUpstream::start();
    let theirs = Image::new("theirs");
    upstream.add("team/app", "not-here", &theirs);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    registry.shelf().upload("team/app", b"a layer").await.unwrap();
    ask_everything(&registry.shelf(), "team/app", &theirs).await;
    assert_eq!(upstream.fake.total(), 0, "{:?}", upstream.log());
}

#[tokio::test]
async fn a_name_that_is_ours_behind_is_not_asked_for_in_front() {
    let upstream = ImageUpstream::start();
    let theirs = Image::new("theirs");
    upstream.add("acme/app", "not-here", &theirs);
    let registry = TestRegistry::open().await;
    registry.repository("front", Visibility::Public).await;
    registry.registry.own(&registry.operator(), "main", "oci", "acme/*").await.unwrap();
    registry.put_images_behind("front", "main").await;
    registry.add_images_as("front", "up", &upstream.fake.url("/")).await;
    let front = registry.shelf_for("front", registry.operator());
    ask_everything(&front, "acme/app", &theirs).await;
    assert_eq!(upstream.fake.total(), 0, "{:?}", upstream.log());
}

#[tokio::test]
async fn a_name_that_is_ours_behind_is_not_asked_for_at_those_before_it() {
    let upstream = ImageUpstream::start();
    let (ours, theirs) = (Image::new("ours"), Image::new("theirs"));
    for name in ["acme/app", "ours"] {
        for tag in ["v1", "not-here"] {
            upstream.add(name, tag, &theirs);
        }
    }
    let registry = TestRegistry::open().await;
    registry.registry.own(&registry.operator(), "main", "oci", "acme/*").await.unwrap();
    registry.shelf().push("ours", "v1", &ours).await.unwrap();
    for (front, behind) in [("middle", "main"), ("front", "middle")] {
        registry.repository(front, Visibility::Public).await;
        registry.add_images_as(front, "up", &upstream.fake.url("/")).await;
        registry.put_images_behind(front, behind).await;
    }
    let host = upstream.fake.address().to_string();
    for front in ["front", "middle"] {
        let front = registry.shelf_for(front, registry.anonymous());
        for name in ["acme/app", "ours"] {
            ask_everything(&front, name, &theirs).await;
            ask_everything(&front.instead_of(&host), name, &theirs).await;
        }
        front.pull("ours", &ours.digest(), &ours).await;
        front.pull("ours", "v1", &ours).await;
        assert_eq!(front.tags("ours").await.unwrap(), ["v1"]);
    }
    assert_eq!(upstream.fake.total(), 0, "{:?}", upstream.log());
    registry.assert_sound().await;
}
