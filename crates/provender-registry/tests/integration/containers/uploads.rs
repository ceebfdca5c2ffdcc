//! Blobs in several requests.

use bytes::Bytes;
use provender_domain::{ProblemCode, Scope, Visibility};
use provender_ecosystem::{Method, SessionId};
use sha2::{Digest as _, Sha512};

use super::{Shelf, digest};
use crate::client::refused;
use crate::{TestRegistry, hours};

const BYTES: &[u8] = b"the bytes of a layer";

fn sha512(bytes: &[u8]) -> String {
    format!("sha512:{:x}", Sha512::digest(bytes))
}

async fn assert_kept(shelf: &Shelf) {
    assert_eq!(shelf.blob("team/app", &digest(BYTES)).await.unwrap(), BYTES);
}

#[tokio::test]
async fn whole_or_in_pieces_it_is_the_same_blob() {
    for cuts in [vec![], vec![0], vec![1], vec![7, 12], vec![0, 0, 20], vec![20]] {
        let registry = TestRegistry::open().await;
        let shelf = registry.shelf();
        let session = shelf.begin("team/app").await.unwrap();
        let mut from = 0;
        for cut in &cuts {
            let piece = &BYTES[from..*cut];
            let received = shelf.append("team/app", &session, None, piece).await.unwrap();
            assert_eq!(received, *cut as u64, "{cuts:?}");
            assert_eq!(shelf.received("team/app", &session).await.unwrap(), received);
            from = *cut;
        }
        shelf.finish("team/app", &session, &BYTES[from..], &digest(BYTES)).await.unwrap();
        assert_kept(&shelf).await;
        registry.assert_sound().await;
    }
    let registry = TestRegistry::open().await;
    registry.shelf().upload("team/app", BYTES).await.unwrap();
    assert_kept(&registry.shelf()).await;
    // The same again is no fault, and nothing more.
    registry.shelf().upload("team/app", BYTES).await.unwrap();
    assert_eq!(registry.kept().await.len(), 1);
    registry.assert_sound().await;
}

#[tokio::test]
async fn an_upload_belongs_to_its_image_and_not_to_its_caller() {
    let registry = TestRegistry::open().await;
    registry.repository("other", Visibility::Public).await;
    let one = registry.bearer(Some("main"), Scope::Publish, Some("team/app")).await;
    let two = registry.bearer(Some("main"), Scope::Publish, None).await;
    let (one, two) = (registry.shelf_for("main", one), registry.shelf_for("main", two));
    let session = one.begin("team/app").await.unwrap();
    one.append("team/app", &session, None, &BYTES[..5]).await.unwrap();

    // Whoever may publish the image goes on with it; nobody finds it under another name.
    let elsewhere = registry.shelf_for("other", registry.operator());
    for (shelf, image) in [(&two, "team/apps"), (&two, "team/app/x"), (&elsewhere, "team/app")] {
        assert_eq!(refused(shelf.received(image, &session).await), ProblemCode::NotFound);
        let appended = shelf.append(image, &session, None, BYTES).await;
        assert_eq!(refused(appended), ProblemCode::NotFound, "{image}");
        let finished = shelf.finish(image, &session, BYTES, &digest(BYTES)).await;
        assert_eq!(refused(finished), ProblemCode::NotFound, "{image}");
    }
    let unknown = SessionId::parse(&"0".repeat(32)).unwrap();
    assert_eq!(refused(one.received("team/app", &unknown).await), ProblemCode::NotFound);
    two.finish("team/app", &session, &BYTES[5..], &digest(BYTES)).await.unwrap();
    assert_kept(&two).await;

    let reader = registry.bearer(Some("main"), Scope::Read, None).await;
    let foreign = registry.bearer(Some("main"), Scope::Publish, Some("team/other")).await;
    for caller in [reader, foreign] {
        let denied = registry.shelf_for("main", caller).begin("team/app").await;
        assert_eq!(refused(denied), ProblemCode::PermissionDenied);
    }
    let denied = registry.shelf_for("main", registry.anonymous()).begin("team/app").await;
    assert_eq!(refused(denied), ProblemCode::AuthenticationRequired);
}

#[tokio::test]
async fn a_piece_out_of_order_is_refused_and_changes_nothing() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let session = shelf.begin("team/app").await.unwrap();
    shelf.append("team/app", &session, Some(0), &BYTES[..5]).await.unwrap();
    for from in [0, 4, 6, 20, u64::MAX - 1] {
        let out_of_order = shelf.append("team/app", &session, Some(from), b"xx").await;
        assert_eq!(refused(out_of_order), ProblemCode::OutOfOrder, "{from}");
        assert_eq!(shelf.received("team/app", &session).await.unwrap(), 5);
    }
    shelf.append("team/app", &session, Some(5), &BYTES[5..]).await.unwrap();
    shelf.finish("team/app", &session, b"", &digest(BYTES)).await.unwrap();
    assert_kept(&shelf).await;
}

#[tokio::test]
async fn a_mismatch_is_refused_and_the_upload_forgotten() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    for promised in [digest(b"others"), sha512(b"others")] {
        let session = shelf.begin("team/app").await.unwrap();
        shelf.append("team/app", &session, None, BYTES).await.unwrap();
        let finished = shelf.finish("team/app", &session, b"", &promised).await;
        assert_eq!(refused(finished), ProblemCode::DigestMismatch);
        assert_eq!(refused(shelf.received("team/app", &session).await), ProblemCode::NotFound);
        let whole = shelf.upload_as("team/app", &promised, BYTES).await;
        assert_eq!(refused(whole), ProblemCode::DigestMismatch);
    }
    assert_eq!(registry.kept().await.len(), 0);
    assert_eq!(uploads(&registry), 0);
    registry.assert_sound().await;
}

#[tokio::test]
async fn finished_once_or_cancelled_it_is_gone() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let session = shelf.begin("team/app").await.unwrap();
    shelf.finish("team/app", &session, BYTES, &digest(BYTES)).await.unwrap();
    let again = shelf.finish("team/app", &session, BYTES, &digest(BYTES)).await;
    assert_eq!(refused(again), ProblemCode::NotFound);
    assert_kept(&shelf).await;

    let session = shelf.begin("team/app").await.unwrap();
    shelf.append("team/app", &session, None, BYTES).await.unwrap();
    let resumed = shelf.resume(Method::Delete, "team/app", &session, "", None).await;
    resumed.unwrap().1.cancel().await.unwrap();
    assert_eq!(refused(shelf.received("team/app", &session).await), ProblemCode::NotFound);
    assert_eq!(uploads(&registry), 0);
}

#[tokio::test]
async fn of_two_who_finish_at_once_one_does() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    for _ in 0..20 {
        let session = shelf.begin("team/app").await.unwrap();
        shelf.append("team/app", &session, None, &BYTES[..5]).await.unwrap();
        let sha256 = digest(BYTES);
        let finish = || shelf.finish("team/app", &session, &BYTES[5..], &sha256);
        let (one, two) = tokio::join!(finish(), finish());
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let problem = one.err().or(two.err()).unwrap();
        let fits = matches!(problem.code, ProblemCode::Busy | ProblemCode::NotFound);
        assert!(fits, "{problem:?}");
    }
    assert_kept(&shelf).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn while_one_writes_nobody_else_does() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let session = shelf.begin("team/app").await.unwrap();
    let (_, mut held) = shelf.resume(Method::Patch, "team/app", &session, "", None).await.unwrap();
    let other = shelf.append("team/app", &session, None, b"x").await;
    assert_eq!(refused(other), ProblemCode::Busy);
    held.write(Bytes::from_static(BYTES)).await.unwrap();
    // Its client hangs up: what was written may be there or not, and is counted right.
    drop(held);
    let received = shelf.received("team/app", &session).await.unwrap();
    let rest = &BYTES[usize::try_from(received).unwrap()..];
    shelf.finish("team/app", &session, rest, &digest(BYTES)).await.unwrap();
    assert_kept(&shelf).await;
}

#[tokio::test]
async fn sha512_names_a_blob_of_its_own() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let long = sha512(BYTES);
    let session = shelf.begin("team/app").await.unwrap();
    shelf.append("team/app", &session, None, &BYTES[..9]).await.unwrap();
    drop(shelf);
    let registry = registry.reopened().await;
    let shelf = registry.shelf();
    shelf.finish("team/app", &session, &BYTES[9..], &long).await.unwrap();
    assert_eq!(shelf.blob("team/app", &long).await.unwrap(), BYTES);
    // Nobody said that it is here under another name.
    assert_eq!(refused(shelf.blob("team/app", &digest(BYTES)).await), ProblemCode::NotFound);
    shelf.upload_as("team/app", &long, BYTES).await.unwrap();
    shelf.upload("team/app", BYTES).await.unwrap();
    assert_eq!((registry.kept().await.len(), registry.blobs().await.len()), (2, 1));
    registry.assert_sound().await;
}

#[tokio::test]
async fn an_upload_survives_a_restart() {
    let registry = TestRegistry::open().await;
    let session = registry.shelf().begin("team/app").await.unwrap();
    let mut registry = registry.reopened().await;
    // Nothing was written yet, and it is nobody else's all the same.
    assert_eq!(uploads(&registry), 0);
    let received = registry.shelf().received("team/other", &session).await;
    assert_eq!(refused(received), ProblemCode::NotFound);
    assert_eq!(registry.shelf().received("team/app", &session).await.unwrap(), 0);
    for (from, to) in [(0, 5), (5, 5), (5, 12)] {
        let shelf = registry.shelf();
        let piece = &BYTES[from..to];
        shelf.append("team/app", &session, Some(from as u64), piece).await.unwrap();
        drop(shelf);
        registry = registry.reopened().await;
        assert_eq!(registry.shelf().received("team/app", &session).await.unwrap(), to as u64);
    }
    let shelf = registry.shelf();
    shelf.finish("team/app", &session, &BYTES[12..], &digest(BYTES)).await.unwrap();
    drop(shelf);
    let registry = registry.reopened().await;
    assert_kept(&registry.shelf()).await;
    assert_eq!(uploads(&registry), 0);
    registry.assert_sound().await;
}

#[tokio::test]
async fn an_upload_that_ended_is_not_gone_on_with() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let (kept, cancelled) =
        (shelf.begin("team/app").await.unwrap(), shelf.begin("team/app").await.unwrap());
    shelf.finish("team/app", &kept, BYTES, &digest(BYTES)).await.unwrap();
    let (_, upload) = shelf.resume(Method::Delete, "team/app", &cancelled, "", None).await.unwrap();
    upload.cancel().await.unwrap();
    for session in [&kept, &cancelled] {
        let received = shelf.received("team/app", session).await;
        assert_eq!(refused(received), ProblemCode::NotFound);
    }
    assert_eq!(uploads(&registry), 0);
}

#[tokio::test]
async fn what_nobody_goes_on_with_for_a_day_is_collected() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let abandoned = shelf.begin("team/app").await.unwrap();
    shelf.append("team/app", &abandoned, None, BYTES).await.unwrap();
    let collect =
        async || registry.registry.collect_garbage(&registry.operator(), false).await.unwrap();
    registry.clock.advance(hours(23));
    assert_eq!(collect().await.uploads, 0);
    assert_eq!(shelf.received("team/app", &abandoned).await.unwrap(), BYTES.len() as u64);
    registry.clock.advance(hours(2));
    let held = shelf.begin("team/app").await.unwrap();
    let (_, held) = shelf.resume(Method::Patch, "team/app", &held, "", None).await.unwrap();
    let dry = registry.registry.collect_garbage(&registry.operator(), true).await.unwrap();
    assert_eq!(dry.uploads, 0);
    let collected = collect().await;
    assert_eq!((collected.uploads, collected.bytes), (1, BYTES.len() as u64));
    assert_eq!(refused(shelf.received("team/app", &abandoned).await), ProblemCode::NotFound);
    // One that somebody holds is not abandoned, however old.
    held.pause().await.unwrap();
}

#[tokio::test]
async fn what_was_begun_and_got_no_bytes_is_in_nobodys_way() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let begun = shelf.begin("team/app").await.unwrap();
    let written = shelf.begin("team/app").await.unwrap();
    shelf.append("team/app", &written, None, &BYTES[..5]).await.unwrap();
    for _ in 0..10_000 {
        shelf.begin("team/flood").await.unwrap();
    }
    // The one that had to go begins with its first bytes.
    assert_eq!(shelf.received("team/app", &begun).await.unwrap(), 0);
    shelf.finish("team/app", &begun, BYTES, &digest(BYTES)).await.unwrap();
    assert_kept(&shelf).await;
    assert_eq!(shelf.received("team/app", &written).await.unwrap(), 5);
    let foreign = shelf.received("team/other", &begun).await;
    assert_eq!(refused(foreign), ProblemCode::NotFound);
}

#[tokio::test]
async fn whoever_begins_ever_more_uploads_keeps_nobody_else_from_pushing() {
    let registry = TestRegistry::open().await;
    let bearer = async || registry.bearer(Some("main"), Scope::Publish, None).await;
    let greedy = registry.shelf_for("main", bearer().await);
    let honest = registry.shelf_for("main", bearer().await);
    let mine = honest.begin("team/app").await.unwrap();
    honest.append("team/app", &mine, None, &BYTES[..5]).await.unwrap();
    let mut first = None;
    for _ in 0..10_000 {
        let session = greedy.begin("team/app").await.unwrap();
        greedy.append("team/app", &session, None, b"x").await.unwrap();
        first.get_or_insert(session);
    }
    // The place that they take is their own.
    assert_eq!(uploads(&registry), 10_000);
    let lost = greedy.received("team/app", &first.unwrap()).await;
    assert_eq!(refused(lost), ProblemCode::NotFound);
    honest.upload("team/other", BYTES).await.unwrap();
    honest.finish("team/app", &mine, &BYTES[5..], &digest(BYTES)).await.unwrap();
    assert_kept(&honest).await;
}

#[tokio::test]
async fn rights_that_end_meanwhile_end_the_upload() {
    let registry = TestRegistry::open().await;
    let (operator, api) = (registry.operator(), &registry.registry);
    let caller = registry.bearer(Some("main"), Scope::Publish, None).await;
    let shelf = registry.shelf_for("main", caller);
    let session = shelf.begin("team/app").await.unwrap();
    let query = format!("?digest={}", digest(BYTES));
    let resumed = shelf.resume(Method::Put, "team/app", &session, &query, None).await;
    let (operation, mut upload) = resumed.unwrap();
    upload.write(Bytes::from_static(BYTES)).await.unwrap();
    let tokens = api.tokens(&operator).unwrap();
    api.revoke_token(&operator, &tokens[0].id.0).await.unwrap();
    let finished = api.finish_upload(operation, upload).await;
    assert_eq!(refused(finished), ProblemCode::AuthenticationRequired);
    assert_eq!(registry.kept().await.len(), 0);
}

/// How many uploads have a file.
fn uploads(registry: &TestRegistry) -> usize {
    std::fs::read_dir(registry.data().join("uploads")).expect("a place for uploads").count()
}
