//! What is taken away, what goes with it, and what stays.

use provender_domain::{
    EventKind, NamePattern, ProblemCode, RepositoryPolicy, RetentionRule, Scope, TextPattern,
};
use provender_registry::{Collected, Expired};
use provender_testing::sha256_hex;

use super::manifests::log_size;
use super::{Image, ImageUpstream, Shelf, digest, index_of};
use crate::client::{message, refused};
use crate::registry::of_kind;
use crate::signing::all_signed;
use crate::{TestRegistry, hours, minutes, seconds};

pub(super) async fn collect(registry: &TestRegistry, dry_run: bool) -> Collected {
    let collected = registry.registry.collect_garbage(&registry.operator(), dry_run).await;
    collected.expect("the operator may")
}

/// One of both is last; neither fails for want of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushed_again_while_it_is_taken_away() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    for number in 0..40 {
        let (image, name) = (Image::new(&number.to_string()), format!("team/app{number}"));
        shelf.push(&name, "v1", &image).await.unwrap();
        let target = format!("manifests/{}", image.digest());
        let (pushed, removed) =
            tokio::join!(shelf.put(&name, "v2", &image.manifest), shelf.remove(&name, &target));
        pushed.unwrap();
        removed.unwrap();
        let is_there = shelf.manifest(&name, "v2").await.is_ok();
        let there_by_digest = shelf.manifest(&name, &image.digest()).await.is_ok();
        assert_eq!(is_there, there_by_digest);
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn what_another_needs_stays() {
    let registry = TestRegistry::open().await;
    let publisher = registry.bearer(Some("main"), Scope::Publish, None).await;
    let shelf = registry.shelf_for("main", publisher);
    let image = Image::new("a");
    let index = index_of(&[&image.manifest]);
    shelf.push("team/app", "one", &image).await.unwrap();
    shelf.put("team/app", "all", &index).await.unwrap();
    let needed = async |what: String| {
        let refusal = shelf.remove("team/app", &what).await.unwrap_err();
        assert_eq!(refusal.code, ProblemCode::MethodNotAllowed, "{what}");
        assert!(refusal.public.contains("needed by"), "{}", refusal.public);
    };
    needed(format!("manifests/{}", image.digest())).await;
    for blob in image.blobs() {
        needed(format!("blobs/{}", digest(blob))).await;
    }
    shelf.pull("team/app", "one", &image).await;
    // A manifest goes with its tags and with what this server signed about it.
    shelf.remove("team/app", &format!("manifests/{}", digest(&index))).await.unwrap();
    assert_eq!(shelf.tags("team/app").await.unwrap(), ["one"]);
    assert_eq!(shelf.referrers("team/app", &digest(&index)).await.unwrap(), [""; 0]);
    needed(format!("blobs/{}", digest(&image.config))).await;
    let gone = shelf.remove("team/app", &format!("manifests/{}", image.digest())).await.unwrap();
    assert_eq!(gone.len(), 2, "with its attestation: {gone:?}");
    for blob in image.blobs() {
        shelf.remove("team/app", &format!("blobs/{}", digest(blob))).await.unwrap();
        assert!(!registry.has_blob(&sha256_hex(blob)).await, "its bytes are gone at once");
    }
    let again = shelf.remove("team/app", &format!("manifests/{}", image.digest())).await;
    assert_eq!(refused(again), ProblemCode::NotFound, "as the specification has it");
    let layer = format!("blobs/{}", digest(&image.layers[0]));
    let again = shelf.remove("team/app", &layer).await;
    assert_eq!(refused(again), ProblemCode::NotFound);
    let unknown = shelf.remove("team/app", &format!("manifests/{}", digest(b"x"))).await;
    assert_eq!(refused(unknown), ProblemCode::NotFound);
    registry.assert_sound().await;
    let reader = registry.bearer(Some("main"), Scope::Read, None).await;
    let denied = registry.shelf_for("main", reader).remove("team/app", "manifests/one").await;
    assert_eq!(refused(denied), ProblemCode::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_while_somebody_comes_to_need_it() {
    let registry = TestRegistry::open().await;
    for round in 0..40 {
        let shelf = registry.shelf();
        let image = Image::new(&format!("{round}"));
        for blob in image.blobs() {
            shelf.upload("team/app", blob).await.unwrap();
        }
        let (pushing, removing) = (shelf.clone(), shelf.clone());
        let (pushed, layer) = (image.clone(), digest(&image.layers[0]));
        let push = tokio::spawn(async move {
            pushing.put("team/app", "latest", &pushed.manifest).await.map(drop)
        });
        let remove = tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_micros(round * 300)).await;
            removing.remove("team/app", &format!("blobs/{layer}")).await.map(drop)
        });
        let (pushed, removed) = (push.await.unwrap(), remove.await.unwrap());
        match pushed {
            Ok(()) => {
                assert_eq!(removed.unwrap_err().code, ProblemCode::MethodNotAllowed);
                shelf.pull("team/app", "latest", &image).await;
            }
            Err(problem) => {
                assert_eq!(problem.code, ProblemCode::MissingReference, "{problem:?}");
                removed.unwrap();
            }
        }
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn an_administrator_takes_away_a_secret_whoever_needs_it() {
    use provender_ecosystem::Change;
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    shelf.push("team/app", "v1", &image).await.unwrap();
    let file = format!("blob@{}", digest(&image.layers[0]));
    let change = Change::Delete { reason: Some("a password in it".to_owned()) };
    shelf.change("team/app", &file, change).await.unwrap();
    let gone = shelf.blob("team/app", &digest(&image.layers[0])).await;
    assert!(message(gone).contains("a password in it"));
    assert!(!registry.has_blob(&sha256_hex(&image.layers[0])).await);
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_yank_hides_no_image_from_anybody() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let image = Image::new("a");
    shelf.push("team/app", "v1", &image).await.unwrap();
    let yank = provender_ecosystem::Change::Yank { reason: None };
    let manifest = format!("manifest@{}", image.digest());
    let refusal = shelf.change("team/app", &manifest, yank).await.unwrap_err();
    assert_eq!(refusal.code, ProblemCode::InvalidRequest);
    assert!(refusal.public.contains("take its tag away"), "{}", refusal.public);
}

#[tokio::test]
async fn no_publisher_opens_what_an_administrator_closed() {
    use provender_ecosystem::Change;
    let registry = TestRegistry::open().await;
    let operator = registry.shelf();
    let shelf = operator.by(registry.bearer(Some("main"), Scope::Publish, None).await);
    let (image, layer) = (Image::new("a"), b"a layer alone".to_vec());
    shelf.push("team/app", "v1", &image).await.unwrap();
    shelf.upload("team/app", &layer).await.unwrap();
    let (manifest, blob) = (format!("manifest@{}", image.digest()), digest(&layer));
    let change = async |file: &str, change| operator.change("team/app", file, change).await;
    for file in [&manifest, &format!("blob@{blob}")] {
        change(file, Change::Quarantine { reason: Some("bad".to_owned()) }).await.unwrap();
    }
    let manifest_path = format!("manifests/{}", image.digest());
    let blob_path = format!("blobs/{blob}");
    for path in [&manifest_path, &blob_path] {
        let refusal = shelf.remove("team/app", path).await.unwrap_err();
        assert_eq!(refusal.code, ProblemCode::PermissionDenied);
        assert!(refusal.public.contains("is in quarantine"), "{}", refusal.public);
    }
    // Nor once it was taken away.
    let stays_closed = async || {
        let refusals = [
            shelf.put("team/app", "v1", &image.manifest).await.unwrap_err(),
            shelf.upload("team/app", &layer).await.unwrap_err(),
        ];
        for refusal in refusals {
            assert_eq!(refusal.code, ProblemCode::Conflict);
            assert!(refusal.public.contains("is in quarantine"), "{}", refusal.public);
        }
    };
    stays_closed().await;
    for path in [&manifest_path, &blob_path] {
        operator.remove("team/app", path).await.unwrap();
    }
    stays_closed().await;
    for file in [&manifest, &format!("blob@{blob}")] {
        change(file, Change::Release { reason: None }).await.unwrap();
        assert!(change(file, Change::Release { reason: None }).await.is_err());
    }
    assert!(shelf.manifest("team/app", "v1").await.is_err(), "it is not here");
    shelf.push("team/app", "v1", &image).await.unwrap();
    shelf.upload("team/app", &layer).await.unwrap();
    shelf.pull("team/app", "v1", &image).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn what_its_publisher_took_away_an_administrator_closes() {
    use provender_ecosystem::Change;
    let registry = TestRegistry::open().await;
    let operator = registry.shelf();
    let shelf = operator.by(registry.bearer(Some("main"), Scope::Publish, None).await);
    let (image, layer) = (Image::new("a"), b"a layer alone".to_vec());
    shelf.push("team/app", "v1", &image).await.unwrap();
    shelf.upload("team/app", &layer).await.unwrap();
    let (manifest, blob) = (format!("manifest@{}", image.digest()), digest(&layer));
    let files = [manifest, format!("blob@{blob}")];
    shelf.remove("team/app", &format!("manifests/{}", image.digest())).await.unwrap();
    shelf.remove("team/app", &format!("blobs/{blob}")).await.unwrap();
    let quarantine = async |shelf: &Shelf, file: &str, reason: &str| {
        let change = Change::Quarantine { reason: Some(reason.to_owned()) };
        shelf.change("team/app", file, change).await
    };
    for file in &files {
        let refusal = quarantine(&shelf, file, "mine").await;
        assert_eq!(refused(refusal), ProblemCode::PermissionDenied);
        quarantine(&operator, file, "it steals passwords").await.unwrap();
        assert_eq!(refused(quarantine(&operator, file, "it does").await), ProblemCode::Conflict);
    }
    let refusals = [
        shelf.put("team/app", "v1", &image.manifest).await.unwrap_err(),
        shelf.upload("team/app", &layer).await.unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.code, ProblemCode::Conflict);
        assert!(refusal.public.contains("is in quarantine"), "{}", refusal.public);
    }
    let gone = shelf.blob("team/app", &blob).await.unwrap_err();
    assert_eq!(gone.code, ProblemCode::Gone);
    assert!(gone.public.contains("it steals passwords"), "{}", gone.public);
    registry.assert_sound().await;

    for file in &files {
        operator.change("team/app", file, Change::Release { reason: None }).await.unwrap();
    }
    shelf.upload("team/app", &layer).await.unwrap();
    shelf.push("team/app", "v1", &image).await.unwrap();
    shelf.pull("team/app", "v1", &image).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn layers_go_at_the_second_look_and_only_when_nobody_has_them() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let shared = b"a layer that both have".to_vec();
    let own = |name: &str| Image::of(name, vec![shared.clone(), name.as_bytes().to_vec()]);
    let (one, two) = (own("one"), own("two"));
    shelf.push("team/app", "one", &one).await.unwrap();
    shelf.push("team/app", "two", &two).await.unwrap();
    shelf.push("team/other", "one", &one).await.unwrap();
    let unfinished = b"uploaded, and never referred to".to_vec();
    shelf.upload("team/app", &unfinished).await.unwrap();
    shelf.remove("team/app", &format!("manifests/{}", one.digest())).await.unwrap();
    let is_here = async |blob: &[u8]| shelf.blob("team/app", &digest(blob)).await.is_ok();

    registry.clock.advance(hours(2));
    assert_eq!(collect(&registry, true).await.files, 0);
    assert_eq!(collect(&registry, false).await.files, 0, "the first look only marks");
    registry.clock.advance(hours(23));
    assert_eq!(collect(&registry, false).await.files, 0);
    assert!(is_here(&unfinished).await && is_here(&one.config).await);
    // Somebody who may push is told that a layer is here, and counts on it.
    assert!(
        registry
            .shelf()
            .by(registry.anonymous())
            .blob("team/app", &digest(&one.layers[1]))
            .await
            .is_ok()
    );
    registry.clock.advance(hours(2));
    let dry = collect(&registry, true).await;
    // What was just looked at by the operator is no orphan: the anonymous look counts for nothing.
    assert_eq!(collect(&registry, false).await.files, dry.files);
    assert!(dry.files > 0);
    assert!(!is_here(&one.layers[1]).await);
    assert!(is_here(&shared).await && is_here(&unfinished).await && is_here(&one.config).await);
    registry.clock.advance(hours(25));
    collect(&registry, false).await;
    registry.clock.advance(hours(25));
    collect(&registry, false).await;
    assert!(!is_here(&unfinished).await);
    assert!(!registry.has_blob(&sha256_hex(&unfinished)).await);
    assert!(registry.has_blob(&sha256_hex(&one.layers[1])).await, "another image has it");
    shelf.pull("team/app", "two", &two).await;
    shelf.pull("team/other", "one", &one).await;
    assert_eq!(collect(&registry, false).await, Collected::default());
    registry.assert_sound().await;
    // What went may come again.
    shelf.push("team/app", "one", &one).await.unwrap();
    shelf.pull("team/app", "one", &one).await;
}

#[tokio::test]
async fn a_layer_that_comes_again_is_no_orphan() {
    let registry = TestRegistry::tuned(|tuning| tuning.orphan_grace = hours(1)).await;
    let (shelf, layer) = (registry.shelf(), b"a layer".to_vec());
    let other = b"elsewhere".to_vec();
    shelf.upload("team/app", &layer).await.unwrap();
    shelf.upload("team/other", &layer).await.unwrap();
    shelf.upload("team/other", &other).await.unwrap();
    for again in ["upload", "mount", "look"] {
        registry.clock.advance(hours(2));
        let marked = collect(&registry, false).await;
        assert_eq!(marked.blobs, 0, "{again}: {marked:?}");
        registry.clock.advance(minutes(61));
        match again {
            "upload" => shelf.upload("team/app", &layer).await.unwrap(),
            "mount" => {
                assert!(shelf.mount("team/app", &digest(&layer), None).await.unwrap());
            }
            _ => drop(shelf.blob("team/app", &digest(&layer)).await.unwrap()),
        }
        collect(&registry, false).await;
        assert!(shelf.blob("team/app", &digest(&layer)).await.is_ok(), "{again}");
        shelf.upload("team/other", &layer).await.unwrap();
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_mirrored_orphan_that_becomes_ours_is_none() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    upstream.add("team/app", "latest", &image);
    let registry = TestRegistry::tuned(|tuning| tuning.orphan_grace = hours(1)).await;
    registry.add_images(&upstream).await;
    let shelf = registry.shelf();
    // Nothing that is here refers to it.
    let layer = digest(&image.layers[0]);
    shelf.by(registry.anonymous()).blob("team/app", &layer).await.unwrap();
    registry.clock.advance(hours(2));
    collect(&registry, false).await;
    registry.registry.own(&registry.operator(), "main", "oci", "team/app").await.unwrap();
    registry.clock.advance(hours(2));
    shelf.upload("team/app", &image.layers[0]).await.unwrap();
    collect(&registry, false).await;
    assert_eq!(shelf.blob("team/app", &layer).await.unwrap(), image.layers[0]);
    registry.assert_sound().await;
}

fn rule(tags: Option<&str>, keep_last: Option<u32>, keep_days: Option<u32>) -> RetentionRule {
    RetentionRule {
        ecosystem: "oci".to_owned(),
        packages: NamePattern::Prefix("team/".to_owned()),
        tags: tags.map(|tags| TextPattern::new(tags).unwrap()),
        keep_last,
        keep_days,
    }
}

#[tokio::test]
async fn retention_takes_what_its_rules_name_and_a_dry_run_nothing() {
    let registry = TestRegistry::open().await;
    let (api, operator, shelf) = (&registry.registry, registry.operator(), registry.shelf());
    let images: Vec<Image> = (0..4).map(|number| Image::new(&format!("{number}"))).collect();
    for (number, image) in images.iter().enumerate() {
        shelf.push("team/app", &format!("v{number}"), image).await.unwrap();
        shelf.push("other/app", &format!("v{number}"), image).await.unwrap();
        registry.clock.advance(minutes(1));
    }
    shelf.put("team/app", "latest", &images[0].manifest).await.unwrap();
    let index = index_of(&[&images[1].manifest]);
    shelf.put("team/app", "all", &index).await.unwrap();
    let signed = Image::about(&images[2].manifest, "application/spdx+json", b"{}");
    shelf.push("team/app", &signed.digest(), &signed).await.unwrap();
    let retention = vec![rule(Some("v*"), Some(1), None), rule(None, None, Some(7))];
    let policy = RepositoryPolicy { retention, ..RepositoryPolicy::default() };
    api.set_policy(&operator, "main", policy).await.unwrap();
    let apply =
        async |dry_run| api.apply_retention(&operator, Some("main"), dry_run).await.unwrap();
    let names = |expired: &Expired| {
        let mut names: Vec<String> =
            expired.tags.iter().map(|expired| expired.tag.to_string()).collect();
        names.extend(expired.files.iter().map(|expired| expired.file.to_string()));
        names.sort();
        names
    };
    let events = registry.events().await.len();
    let dry = apply(true).await;
    assert_eq!(names(&dry), ["v0", "v1", "v2"]);
    assert_eq!(shelf.tags("team/app").await.unwrap().len(), 6);
    assert_eq!(registry.events().await.len(), events, "a dry run does nothing");
    assert_eq!(names(&apply(false).await), names(&dry));
    assert_eq!(shelf.tags("team/app").await.unwrap(), ["all", "latest", "v3"]);
    assert_eq!(of_kind(registry.events().await, EventKind::TagRemoved).len(), 3);
    // All of them are there by digest, for a week.
    for image in &images {
        shelf.pull("team/app", &image.digest(), image).await;
    }
    registry.clock.advance(hours(24 * 8));
    let dry = apply(true).await;
    assert_eq!(names(&dry), [format!("manifest@{}", images[2].digest())]);
    assert_eq!(names(&apply(false).await), names(&dry));
    let gone = shelf.manifest("team/app", &images[2].digest()).await;
    assert_eq!(refused(gone), ProblemCode::NotFound);
    for at in [0, 1, 3] {
        shelf.pull("team/app", &images[at].digest(), &images[at]).await;
    }
    assert_eq!(shelf.referrers("team/app", &images[2].digest()).await.unwrap(), [signed.digest()]);
    assert_eq!(names(&apply(false).await), [""; 0]);
    assert_eq!(shelf.tags("other/app").await.unwrap().len(), 4, "no rule names it");
    registry.assert_sound().await;
    // Its bytes go by collection, and what others have does not.
    for _ in 0..2 {
        registry.clock.advance(hours(25));
        collect(&registry, false).await;
    }
    assert!(shelf.blob("team/app", &digest(&images[2].config)).await.is_err());
    let about = shelf.referrers("team/app", &images[2].digest()).await.unwrap();
    assert_eq!(about, [""; 0], "what was about it is gone, too");
    shelf.pull("other/app", "v2", &images[2]).await;
    registry.assert_sound().await;
    let publisher = registry.bearer(Some("main"), Scope::Publish, None).await;
    assert!(api.apply_retention(&publisher, Some("main"), true).await.is_err());
}

#[tokio::test]
async fn a_dry_run_tells_of_what_would_lose_its_last_tag() {
    let registry = TestRegistry::open().await;
    let (api, operator, shelf) = (&registry.registry, registry.operator(), registry.shelf());
    let images: Vec<Image> = (0..4).map(|number| Image::new(&format!("{number}"))).collect();
    for (number, image) in images.iter().enumerate() {
        shelf.push("team/app", &format!("v{number}"), image).await.unwrap();
        registry.clock.advance(minutes(1));
    }
    // One has another tag, and one belongs to an index.
    shelf.put("team/app", "stable", &images[1].manifest).await.unwrap();
    shelf.put("team/app", "all", &index_of(&[&images[2].manifest])).await.unwrap();
    let retention = vec![
        rule(Some("v*"), Some(1), None),
        rule(Some("v0"), None, Some(0)),
        rule(None, None, Some(0)),
    ];
    let policy = RepositoryPolicy { retention, ..RepositoryPolicy::default() };
    api.set_policy(&operator, "main", policy).await.unwrap();
    let apply = async |dry_run| {
        let expired = api.apply_retention(&operator, Some("main"), dry_run).await.unwrap();
        (expired.tags, expired.files)
    };
    let dry = apply(true).await;
    assert_eq!((dry.0.len(), dry.1.len()), (3, 1));
    assert_eq!(dry.1[0].file.as_str(), format!("manifest@{}", images[0].digest()));
    assert_eq!(apply(false).await, dry);
}

#[tokio::test]
async fn what_is_about_an_image_goes_after_it() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    shelf.push("team/app", "v1", &image).await.unwrap();
    let of = |image: &Image| Image::about(&image.manifest, "application/spdx+json", b"{}");
    let (about, early) = (of(&image), of(&Image::new("to come")));
    for statement in [&about, &early] {
        shelf.push("team/app", &statement.digest(), statement).await.unwrap();
    }
    let is_here = async |image: &Image| shelf.manifest("team/app", &image.digest()).await.is_ok();
    registry.clock.advance(hours(25));
    collect(&registry, false).await;
    registry.clock.advance(hours(25));
    collect(&registry, false).await;
    shelf.remove("team/app", &format!("manifests/{}", image.digest())).await.unwrap();
    collect(&registry, false).await;
    registry.clock.advance(hours(23));
    collect(&registry, false).await;
    assert!(is_here(&about).await && is_here(&early).await, "the first look only marks");
    registry.clock.advance(hours(2));
    collect(&registry, false).await;
    assert!(!is_here(&about).await);
    registry.clock.advance(hours(25));
    collect(&registry, false).await;
    assert!(is_here(&early).await, "what it is about may be yet to come");
    registry.assert_sound().await;
}

#[tokio::test]
async fn what_need_not_be_kept_goes_by_the_clock_where_it_is_asked_for() {
    let registry = TestRegistry::open().await;
    let (api, operator, shelf) = (&registry.registry, registry.operator(), registry.shelf());
    let (old, new) = (Image::new("old"), Image::new("new"));
    shelf.push("team/app", "v1", &old).await.unwrap();
    registry.clock.advance(minutes(1));
    shelf.push("team/app", "v2", &new).await.unwrap();
    let retention = vec![rule(Some("v*"), Some(1), None), rule(None, None, Some(0))];
    let policy = RepositoryPolicy { retention, ..RepositoryPolicy::default() };
    api.set_policy(&operator, "main", policy).await.unwrap();
    let day = hours(24);
    assert!(api.maintain_if_due(day).await.unwrap(), "it was never done");
    assert_eq!(shelf.tags("team/app").await.unwrap(), ["v2"]);
    assert!(!api.maintain_if_due(day).await.unwrap());
    drop(shelf);
    let registry = registry.reopened().await;
    registry.clock.advance(hours(23));
    assert!(!registry.registry.maintain_if_due(day).await.unwrap(), "a restart is no reason");
    registry.clock.advance(hours(2));
    assert!(registry.registry.maintain_if_due(day).await.unwrap());
    let layer = digest(&old.layers[0]);
    assert!(registry.shelf().blob("team/app", &layer).await.is_err(), "marked a day ago");
    registry.shelf().pull("team/app", "v2", &new).await;
    let done = registry.events_of(EventKind::Maintained, 2).await;
    let count = |at: usize, name: &str| done[at].event.detail.0[name].as_u64().unwrap();
    assert_eq!((count(0, "tags"), count(1, "tags")), (1, 0));
    assert!(count(1, "files") >= 2, "{:?}", done[1].event);
    assert!(!done[0].event.actor.to_string().is_empty());
    registry.assert_sound().await;
}

/// The bundle in which clients find it is the one that is on record: kept once, as long as either
/// needs it.
#[tokio::test]
async fn what_was_signed_stays_on_record_without_the_files_that_show_it() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    shelf.push("team/app", "v1", &image).await.unwrap();
    let on_record = async || {
        let found = registry.registry.evidence(&registry.operator(), &image.digest(), None).await;
        let attestations = found.unwrap().into_iter().flat_map(|file| file.attestations);
        attestations.map(|attestation| attestation.bundle).collect::<Vec<_>>()
    };
    let signed = on_record().await;
    assert_eq!(signed.len(), 1);
    let bundle = digest(signed[0].as_bytes());
    let shown = shelf.blob("team/app", &bundle).await.unwrap();
    assert_eq!(shown, signed[0].as_bytes());
    let evidence = shelf.referrers("team/app", &image.digest()).await.unwrap();
    shelf.remove("team/app", &format!("manifests/{}", evidence[0])).await.unwrap();
    shelf.remove("team/app", &format!("blobs/{bundle}")).await.unwrap();
    registry.clock.advance(hours(50));
    collect(&registry, false).await;
    assert_eq!(refused(shelf.blob("team/app", &bundle).await), ProblemCode::Gone);
    assert_eq!(on_record().await, signed);
    registry.assert_sound().await;
    shelf.remove("team/app", &format!("manifests/{}", image.digest())).await.unwrap();
    registry.clock.advance(hours(50));
    collect(&registry, false).await;
    assert_eq!(on_record().await, signed, "also about what was deleted since");
}

#[tokio::test]
async fn an_image_that_was_removed_before_it_was_signed_is_not_signed_for_ever() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    for blob in image.blobs() {
        shelf.upload("team/app", blob).await.unwrap();
    }
    registry.registry.authority().log().close().await.unwrap();
    let refusal = shelf.put("team/app", "v1", &image.manifest).await.unwrap_err();
    assert_eq!(refusal.code, ProblemCode::Busy);
    assert_eq!(shelf.referrers("team/app", &image.digest()).await.unwrap(), [""; 0]);
    shelf.remove("team/app", &format!("manifests/{}", image.digest())).await.unwrap();
    drop(shelf);
    let registry = registry.reopened().await;
    all_signed(&registry).await;
    let size = log_size(&registry).await;
    registry.clock.advance(minutes(10));
    tokio::time::sleep(seconds(6)).await;
    assert_eq!(log_size(&registry).await, size);
    let shelf = registry.shelf();
    assert_eq!(shelf.referrers("team/app", &image.digest()).await.unwrap(), [""; 0]);
    registry.assert_sound().await;
    shelf.push("team/app", "v1", &image).await.unwrap();
    shelf.pull("team/app", "v1", &image).await;
}

#[tokio::test]
async fn a_signature_that_came_late_shows_at_once() {
    for round in 0..4 {
        let registry = TestRegistry::open().await;
        let (shelf, image) = (registry.shelf(), Image::new("a"));
        for blob in image.blobs() {
            shelf.upload("team/app", blob).await.unwrap();
        }
        registry.registry.authority().log().close().await.unwrap();
        let refusal = shelf.put("team/app", "v1", &image.manifest).await;
        assert_eq!(refused(refusal), ProblemCode::Busy);
        drop(shelf);
        // Asked for again and again, the list is in memory when the background comes to sign.
        let registry = registry.reopened().await;
        let shelf = registry.shelf();
        let mut shown = Vec::new();
        for _ in 0..1_000 {
            shown.push(shelf.referrers("team/app", &image.digest()).await.unwrap().len());
            if shown.last() == Some(&1) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
        assert_eq!(shown.last(), Some(&1), "round {round}: {} looks", shown.len());
        registry.assert_sound().await;
    }
}
