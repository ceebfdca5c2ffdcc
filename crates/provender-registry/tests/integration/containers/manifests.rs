//! Manifests: what is taken, what is refused, and what comes back.

use provender_domain::{EventKind, ProblemCode};

use super::{Image, ImageUpstream, Shelf, digest, index_of};
use crate::client::{message, refused};
use crate::registry::{of_kind, tally};
use crate::signing::all_signed;
use crate::{TestRegistry, minutes};

/// How old a checkpoint of the server's own log may be.
const CHECKPOINT_AGE: std::time::Duration = std::time::Duration::from_millis(150);

/// How many entries the server's own log has.
pub(crate) async fn log_size(registry: &TestRegistry) -> u64 {
    tokio::time::sleep(CHECKPOINT_AGE).await;
    registry.registry.authority().log().checkpoint().await.unwrap().size
}

#[tokio::test]
async fn an_image_is_pushed_signed_and_pulled_by_tag_and_digest() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    let published = shelf.push("team/app", "latest", &image).await.unwrap();
    assert_eq!(published.tag.unwrap().as_str(), "latest");
    assert!(!published.already_there);
    let anonymous = shelf.by(registry.anonymous());
    for reference in ["latest", &image.digest()] {
        anonymous.pull("team/app", reference, &image).await;
    }
    assert_eq!(anonymous.tags("team/app").await.unwrap(), ["latest"]);
    assert_eq!(anonymous.referrers("team/app", &image.digest()).await.unwrap().len(), 1);
    assert_eq!(log_size(&registry).await, 1);
    let tally = tally(&registry.events().await);
    assert_eq!(tally.get("published"), Some(&1), "{tally:?}");
    registry.assert_sound().await;
    drop((shelf, anonymous));
    let registry = registry.reopened().await;
    registry.shelf().pull("team/app", "latest", &image).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn what_it_refers_to_has_to_be_here_first() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    let missing = async |reference: &str, manifest: &[u8], wanted: &str| {
        let before = registry.events().await.len();
        let refusal = shelf.put("team/app", reference, manifest).await.unwrap_err();
        assert_eq!(refusal.code, ProblemCode::MissingReference);
        assert!(refusal.public.contains(wanted), "{}", refusal.public);
        assert_eq!(log_size(&registry).await, 0, "nothing is signed");
        assert_eq!(registry.events().await.len(), before, "nothing is told");
        assert_eq!(refused(shelf.manifest("team/app", "v1").await), ProblemCode::NotFound);
        let by_digest = shelf.manifest("team/app", &digest(manifest)).await;
        assert_eq!(refused(by_digest), ProblemCode::NotFound);
    };
    missing("v1", &image.manifest, "blob@").await;
    for blob in image.blobs() {
        missing("v1", &image.manifest, "blob@").await;
        shelf.upload("team/app", blob).await.unwrap();
        // What another image has is not what this one has.
        shelf.upload("team/other", blob).await.unwrap();
    }
    let index = index_of(&[&image.manifest]);
    missing("v1", &index, "manifest@").await;
    missing(&digest(&index), &index, "manifest@").await;
    // A blob with the manifest's bytes is no manifest.
    shelf.upload("team/app", &image.manifest).await.unwrap();
    missing("v1", &index, "manifest@").await;
    shelf.put("team/other", &image.digest(), &image.manifest).await.unwrap();
    assert_eq!(log_size(&registry).await, 1);
    let refusal = shelf.put("team/app", "v1", &index).await;
    assert_eq!(refused(refusal), ProblemCode::MissingReference);
    shelf.put("team/app", &image.digest(), &image.manifest).await.unwrap();
    shelf.put("team/app", "v1", &index).await.unwrap();
    assert_eq!(shelf.points_to("team/app", "v1").await.unwrap(), digest(&index));
    registry.assert_sound().await;
}

#[tokio::test]
async fn an_index_cannot_list_itself() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    // It would have to hold its own digest: whatever it lists is another, and has to be here.
    let one = index_of(&[b"a manifest that is not here"]);
    let two = index_of(&[&one]);
    for index in [&one, &two] {
        let refusal = shelf.put("team/app", &digest(index), index).await;
        assert_eq!(refused(refusal), ProblemCode::MissingReference);
        // Under the digest of what it lists it is a mismatch.
        let refusal = shelf.put("team/app", &digest(b"a manifest that is not here"), index).await;
        assert_eq!(refused(refusal), ProblemCode::DigestMismatch);
    }
    assert_eq!(log_size(&registry).await, 0);
    registry.assert_sound().await;
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    for blob in image.blobs() {
        shelf.upload("team/app", blob).await.unwrap();
    }
    let before = registry.blobs().await;
    let mut padded = image.manifest.clone();
    padded.resize(5 << 20, b' ');
    let twice = String::from_utf8(image.manifest.clone()).unwrap();
    let twice = twice.replacen('{', "{\"mediaType\":\"text/html\",", 1).into_bytes();
    let cases: [(&str, Vec<u8>, ProblemCode); 5] = [
        ("v1", padded, ProblemCode::TooLarge),
        ("v1", twice, ProblemCode::InvalidPackage),
        ("v1", b"{".to_vec(), ProblemCode::InvalidPackage),
        ("v1", Vec::new(), ProblemCode::InvalidPackage),
        (&digest(b"other"), image.manifest.clone(), ProblemCode::DigestMismatch),
    ];
    for (reference, manifest, code) in cases {
        let refusal = shelf.put("team/app", reference, &manifest).await;
        assert_eq!(refused(refusal), code, "{} bytes", manifest.len());
    }
    assert_eq!(log_size(&registry).await, 0);
    assert_eq!(registry.blobs().await, before);
    assert_eq!(refused(shelf.manifest("team/app", "v1").await), ProblemCode::NotFound);
    assert_eq!(registry.events_of(EventKind::PublicationRefused, 5).await.len(), 5);
    registry.assert_sound().await;
}

#[tokio::test]
async fn the_same_again_is_no_second_publication() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    shelf.push("team/app", "v1", &image).await.unwrap();
    for tag in ["v1", "v1", "v2"] {
        let again = shelf.put("team/app", tag, &image.manifest).await.unwrap();
        assert!(again.already_there);
        shelf.pull("team/app", tag, &image).await;
    }
    assert_eq!(log_size(&registry).await, 1);
    assert_eq!(of_kind(registry.events().await, EventKind::Published).len(), 1);
    assert_eq!(shelf.tags("team/app").await.unwrap(), ["v1", "v2"]);
    assert_eq!(shelf.referrers("team/app", &image.digest()).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_push_the_same_at_once_publish_it_once() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    for blob in image.blobs() {
        shelf.upload("team/app", blob).await.unwrap();
    }
    let mut pushing = tokio::task::JoinSet::new();
    for writer in 0..6 {
        let (shelf, manifest) = (registry.shelf(), image.manifest.clone());
        pushing.spawn(async move {
            shelf.put("team/app", &format!("v{}", writer % 3), &manifest).await
        });
    }
    let published = pushing.join_all().await.into_iter().map(Result::unwrap);
    assert_eq!(published.filter(|published| !published.already_there).count(), 1);
    assert_eq!(log_size(&registry).await, 1);
    assert_eq!(of_kind(registry.events().await, EventKind::Published).len(), 1);
    assert_eq!(shelf.tags("team/app").await.unwrap(), ["v0", "v1", "v2"]);
    assert_eq!(shelf.referrers("team/app", &image.digest()).await.unwrap().len(), 1);
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_subject_need_not_be_here_and_may_go() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    let sbom = Image::about(&image.manifest, "application/spdx+json", b"{}");
    let referrers = async || shelf.referrers("team/app", &image.digest()).await.unwrap();
    let published = shelf.push("team/app", &sbom.digest(), &sbom).await.unwrap();
    assert_eq!(published.subject.unwrap().as_str(), format!("manifest@{}", image.digest()));
    assert_eq!(referrers().await, [sbom.digest()]);
    // What this server signs about the image comes beside it at once.
    shelf.push("team/app", "v1", &image).await.unwrap();
    assert_eq!(referrers().await.len(), 2);
    let second = Image::about(&image.manifest, "application/spdx+json", b"second");
    shelf.push("team/app", &second.digest(), &second).await.unwrap();
    assert_eq!(referrers().await.len(), 3);
    shelf.remove("team/app", &format!("manifests/{}", image.digest())).await.unwrap();
    let mut left = referrers().await;
    let mut expected = vec![sbom.digest(), second.digest()];
    left.sort();
    expected.sort();
    assert_eq!(left, expected, "what others made stays, what the server made goes");
    shelf.pull("team/app", &sbom.digest(), &sbom).await;
    let gone = shelf.manifest("team/app", &image.digest()).await;
    assert_eq!(refused(gone), ProblemCode::Gone);
    registry.assert_sound().await;
}

#[tokio::test]
async fn lists_that_clients_keep_under_a_tag_are_one_with_ours() {
    let registry = TestRegistry::open().await;
    let (shelf, image, other) = (registry.shelf(), Image::new("a"), Image::new("other"));
    let about = Image::about(&image.manifest, "application/spdx+json", b"{}");
    let of_other = Image::about(&other.manifest, "application/spdx+json", b"{}");
    // As clients made them before manifests had a subject.
    let plain = Image::new("sbom");
    for pushed in [&about, &of_other, &plain] {
        shelf.push("team/app", &pushed.digest(), pushed).await.unwrap();
    }
    let referrers = async || {
        let mut found = shelf.referrers("team/app", &image.digest()).await.unwrap();
        found.sort();
        found
    };
    let sorted = |images: &[&Image]| {
        let mut digests: Vec<String> = images.iter().map(|image| image.digest()).collect();
        digests.sort();
        digests
    };
    assert_eq!(referrers().await, sorted(&[&about]));
    let list = index_of(&[&plain.manifest, &about.manifest, &of_other.manifest]);
    let tag = image.digest().replace(':', "-");
    shelf.put("team/app", &tag, &list).await.unwrap();
    assert_eq!(referrers().await, sorted(&[&about, &plain]), "each once, and none of another");
    assert_eq!(shelf.referrers("team/app", &other.digest()).await.unwrap(), [of_other.digest()]);
    // No list at all.
    shelf.put("team/app", &tag, &plain.manifest).await.unwrap();
    assert_eq!(referrers().await, sorted(&[&about]));
    shelf.put("team/app", &tag, &list).await.unwrap();
    shelf.remove("team/app", &format!("manifests/{tag}")).await.unwrap();
    assert_eq!(referrers().await, sorted(&[&about]));
    registry.assert_sound().await;
}

#[tokio::test]
async fn what_was_deleted_may_come_again_with_tag_and_signature() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    shelf.push("team/app", "v1", &image).await.unwrap();
    for round in 1..=3 {
        registry.clock.advance(minutes(1));
        shelf.remove("team/app", &format!("manifests/{}", image.digest())).await.unwrap();
        assert_eq!(refused(shelf.manifest("team/app", "v1").await), ProblemCode::NotFound);
        assert_eq!(shelf.tags("team/app").await.unwrap(), [""; 0]);
        for blob in image.blobs() {
            shelf.remove("team/app", &format!("blobs/{}", digest(blob))).await.unwrap();
            assert_eq!(refused(shelf.blob("team/app", &digest(blob)).await), ProblemCode::Gone);
        }
        let refusal = shelf.put("team/app", "v1", &image.manifest).await;
        assert_eq!(refused(refusal), ProblemCode::MissingReference);
        let published = shelf.push("team/app", "v1", &image).await.unwrap();
        assert!(!published.already_there);
        shelf.pull("team/app", "v1", &image).await;
        assert_eq!(log_size(&registry).await, 1 + round, "it is signed anew");
        assert_eq!(shelf.referrers("team/app", &image.digest()).await.unwrap().len(), 1);
        registry.assert_sound().await;
    }
    drop(shelf);
    let registry = registry.reopened().await;
    registry.shelf().pull("team/app", "v1", &image).await;
}

#[tokio::test]
async fn a_claimed_name_takes_in_what_it_had_from_its_upstream() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    upstream.add("team/app", "latest", &image);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let shelf = registry.shelf();
    shelf.pull("team/app", "latest", &image).await;
    let refusal = shelf.upload("team/app", &image.config).await;
    assert!(message(refusal).contains("provender own add --repo main oci team/app"));
    let refusal = shelf.put("team/app", "latest", &image.manifest).await;
    assert_eq!(refused(refusal), ProblemCode::Conflict);

    let owned = registry.registry.own(&registry.operator(), "main", "oci", "team/app").await;
    owned.unwrap();
    upstream.fake.forget();
    // What is here of the upstream's is not: clients that look before they push are told so.
    for blob in image.blobs() {
        let looked = shelf.blob("team/app", &digest(blob)).await;
        assert_eq!(refused(looked), ProblemCode::NotFound);
    }
    for reference in ["latest", &image.digest()] {
        let looked = shelf.manifest("team/app", reference).await;
        assert_eq!(refused(looked), ProblemCode::NotFound, "{reference}");
    }
    // Nor does it do for a manifest that is to be ours.
    let refusal = shelf.put("team/app", "latest", &image.manifest).await;
    assert_eq!(refused(refusal), ProblemCode::MissingReference);
    let pushed = shelf.push("team/app", "latest", &image).await.unwrap();
    assert!(!pushed.already_there);
    shelf.pull("team/app", "latest", &image).await;
    all_signed(&registry).await;
    assert_eq!(log_size(&registry).await, 2, "the mirrored one was summed up, this is released");
    assert_eq!(upstream.fake.total(), 0);
    let kept = registry.kept().await;
    let is_ours = |kept: &provender_domain::KeptFile| {
        kept.origin == provender_domain::Origin::Published || kept.publisher.is_none()
    };
    assert!(kept.iter().all(is_ours), "{kept:#?}");
    registry.clock.advance(minutes(10));
    registry.assert_sound().await;
}

#[tokio::test]
async fn where_an_upstream_lied_a_claimed_name_says_so() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    upstream.add("team/app", "latest", &image);
    let layer = digest(&image.layers[0]);
    let path = super::upstream::blob_path("team/app", &layer);
    let lie = vec![0; image.layers[0].len()];
    upstream.fake.on(&path, provender_testing::Answer::ok(lie));
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let shelf: Shelf = registry.shelf();
    shelf.manifest("team/app", "latest").await.unwrap();
    assert!(shelf.blob("team/app", &layer).await.is_err());
    registry.events_of(EventKind::DigestMismatch, 1).await;
    registry.registry.own(&registry.operator(), "main", "oci", "team/app").await.unwrap();
    let refusal = shelf.upload("team/app", &image.layers[0]).await.unwrap_err();
    assert_eq!(refusal.code, ProblemCode::Conflict, "{refusal:?}");
    assert!(refusal.public.contains("quarantine"), "{}", refusal.public);
    registry.assert_sound().await;
}
