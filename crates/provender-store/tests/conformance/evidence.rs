//! Attestations, and what is still to be signed.

use provender_domain::{FileState, KeptFile, ReferenceRole};
use provender_store::{
    Attestation, AttestationSource, Blobs, FileKey, Metadata, PackageKey, PackedAttestation,
    SigningKind, SigningTask, StoreError, Write,
};

use crate::support::{
    bind, blob, file_name, kept, key, moment, record, refer, reference, repository, staged,
};

pub(crate) async fn all(metadata: &Metadata) {
    metadata.commit(vec![Write::CreateRepository(repository("evidence"))], vec![]).await.unwrap();
    attestations(metadata).await;
    files_that_are_spoken_of(metadata).await;
    needs_its_file(metadata).await;
    a_bundle_is_kept_once(metadata).await;
    queue(metadata).await;
    a_task_ends_once(metadata).await;
    a_removed_file_leaves_nothing(metadata).await;
}

fn file(package: &PackageKey, name: &str) -> FileKey {
    FileKey::new(package, file_name(name))
}

fn about(number: u8, file: Option<FileKey>, source: AttestationSource, at: i64) -> Attestation {
    Attestation {
        blob: blob(number),
        file,
        source,
        predicate_type: "https://in-toto.io/attestation/release/v0.1".to_owned(),
        bundle: format!("{{\"number\":{number},\"at\":{at},\"text\":\"\\u0000é\"}}"),
        log_index: u64::try_from(at).ok().filter(|index| index % 2 == 0),
        recorded_at: moment(at),
    }
}

async fn attestations(metadata: &Metadata) {
    use AttestationSource::{Ours, Publisher, Upstream};
    let package = key("evidence", "demo");
    let files = [kept("a", blob(40)), kept("b", blob(41)), kept("c", blob(42))];
    let mut writes = vec![bind(&package)];
    writes.extend(files.into_iter().map(|file| record(&package, file)));
    metadata.commit(writes, vec![]).await.unwrap();

    let ours = about(40, Some(file(&package, "a")), Ours, 2);
    let publishers = about(40, Some(file(&package, "a")), Publisher, 1);
    let upstreams = about(41, Some(file(&package, "b")), Upstream, 4);
    let nobodys = about(40, None, Ours, 3);
    let given = [&ours, &publishers, &upstreams, &nobodys];
    let writes = given.map(|given| Write::RecordAttestation(given.into()));
    metadata.commit(writes.to_vec(), vec![]).await.unwrap();
    // Again, as after an answer that was lost: kept once, as it was first.
    let again = Attestation { recorded_at: moment(9), ..ours.clone() };
    metadata.commit(vec![Write::RecordAttestation((&again).into())], vec![]).await.unwrap();

    let of_blob = metadata.attestations_of_blob(&blob(40)).await.unwrap();
    assert_eq!(of_blob, [publishers.clone(), ours.clone(), nobodys]);
    assert_eq!(metadata.attestations_of_blob(&blob(99)).await.unwrap(), []);
    let of_file =
        async |name: &str| metadata.attestations_of_file(&package, &file_name(name)).await.unwrap();
    assert_eq!(of_file("a").await, [publishers, ours]);
    assert_eq!(of_file("b").await, [upstreams]);
    assert_eq!(of_file("c").await, []);
    let attested = metadata.attested_files(&package).await.unwrap();
    let expected = [("a", Ours), ("a", Publisher), ("b", Upstream)];
    assert_eq!(attested, expected.map(|(name, source)| (file_name(name), source)));
    assert_eq!(metadata.attested_files(&key("evidence", "other")).await.unwrap(), []);
}

/// What may be signed is found for a whole package: what this server said itself of the file alone
/// does not count.
async fn files_that_are_spoken_of(metadata: &Metadata) {
    use AttestationSource::{Ours, Publisher};
    let (package, other) = (key("evidence", "spoken"), key("evidence", "spoken-elsewhere"));
    let mut writes = vec![bind(&package), bind(&other)];
    let names = ["none", "ours", "publishers", "bytes", "copied", "one", "two", "subject", "about"];
    let files = names.iter().zip(110..).map(|(name, number)| kept(name, blob(number)));
    writes.extend(files.map(|file| record(&package, file)));
    // The same bytes: elsewhere, and under another name.
    writes.push(record(&other, kept("copy", blob(114))));
    writes.push(record(&package, kept("two-again", blob(116))));
    let refer_to =
        [reference("subject", ReferenceRole::Subject), reference("one", ReferenceRole::Required)];
    writes.push(refer(&package, "about", &refer_to));
    let attested = [
        about(111, Some(file(&package, "ours")), Ours, 1),
        about(112, Some(file(&package, "publishers")), Publisher, 2),
        about(113, None, Ours, 3),
        about(114, Some(file(&other, "copy")), Ours, 4),
        about(116, Some(file(&package, "two-again")), Ours, 5),
    ];
    writes.extend(attested.iter().map(|attested| Write::RecordAttestation(attested.into())));
    metadata.commit(writes, vec![]).await.unwrap();
    let mut spoken_of = metadata.files_spoken_of(&package).await.unwrap();
    spoken_of.sort_unstable();
    let expected = ["bytes", "copied", "publishers", "subject", "two"].map(file_name);
    assert_eq!(spoken_of, expected);
    let references = metadata.references_within(&package).await.unwrap();
    assert_eq!(references, [(file_name("about"), file_name("one"))]);
}

/// Where its bytes are kept as a blob, and its file is that blob's file for whoever asks.
async fn a_bundle_is_kept_once(metadata: &Metadata) {
    let root = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(root.path(), metadata.clone()).await.unwrap();
    let package = key("evidence", "once");
    let attestation = about(60, Some(file(&package, "a")), AttestationSource::Ours, 6);
    let bundle = staged(&blobs, attestation.bundle.as_bytes()).await.unwrap();
    let bundle = bundle.verify(&[]).await.unwrap();
    let id = bundle.id();
    let keep = blobs.commit_with_row(bundle).await.unwrap().unwrap();
    let mut writes = vec![
        bind(&package),
        record(&package, kept("a", blob(60))),
        keep,
        record(&package, kept("bundle", id)),
    ];
    let packed = PackedAttestation::beside(&attestation, &writes);
    writes.push(Write::RecordAttestation(packed));
    metadata.commit(writes, vec![]).await.unwrap();
    let found = async || metadata.attestations_of_file(&package, &file_name("a")).await;
    assert_eq!(found().await.unwrap(), std::slice::from_ref(&attestation));
    let of_blob = metadata.attestations_of_blob(&blob(60)).await.unwrap();
    assert_eq!(of_blob, std::slice::from_ref(&attestation));
    // Whoever takes that file away leaves the attestation what it needs.
    let gone = KeptFile { state: FileState::Deleted, ..kept("bundle", id) };
    commit(metadata, Write::UpdateFile { key: package.clone(), file: gone }).await.unwrap();
    assert!(metadata.references(&id).await.unwrap());
    // Another without the bytes beside it has them itself.
    let packed = PackedAttestation::beside(&Attestation { file: None, ..attestation.clone() }, &[]);
    commit(metadata, Write::RecordAttestation(packed)).await.unwrap();
    let quarantined = KeptFile { state: FileState::Quarantined, ..kept("a", blob(60)) };
    commit(metadata, Write::UpdateFile { key: package.clone(), file: quarantined }).await.unwrap();
    let remove = Write::RemoveFile { key: package.clone(), name: file_name("a") };
    commit(metadata, remove).await.unwrap();
    assert!(!metadata.references(&id).await.unwrap());
    blobs.remove(&id).await.unwrap();
    let left = metadata.attestations_of_blob(&blob(60)).await.unwrap();
    assert_eq!(left, [Attestation { file: None, ..attestation }]);
}

async fn needs_its_file(metadata: &Metadata) {
    let missing = file(&key("evidence", "demo"), "missing");
    let attestation = about(1, Some(missing.clone()), AttestationSource::Ours, 1);
    let queue = Write::QueueSigning { file: missing, kind: SigningKind::Release, at: moment(1) };
    for write in [Write::RecordAttestation((&attestation).into()), queue] {
        let refused = metadata.commit(vec![write], vec![]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Missing { what: "file", .. }), "{refused:?}");
    }
}

async fn commit(metadata: &Metadata, write: Write) -> Result<(), StoreError> {
    metadata.commit(vec![write], vec![]).await.map(drop)
}

async fn queue(metadata: &Metadata) {
    let package = key("evidence", "demo");
    let task = |name: &str, kind, at| SigningTask {
        file: file(&package, name),
        kind,
        tries: 0,
        next_try_at: moment(at),
        last_error: None,
    };
    let release = task("a", SigningKind::Release, 20);
    let summary = task("a", SigningKind::VerificationSummary, 10);
    let later = task("b", SigningKind::Release, 30);
    for task in [&release, &summary, &later, &release] {
        let SigningTask { file, kind, next_try_at: at, .. } = task.clone();
        commit(metadata, Write::QueueSigning { file, kind, at }).await.unwrap();
    }
    let due = async |now, limit| metadata.signing_tasks_due(moment(now), limit).await.unwrap();
    assert_eq!(metadata.signing_tasks_pending().await.unwrap(), 3);
    assert_eq!(due(9, 10).await, []);
    assert_eq!(due(10, 10).await, std::slice::from_ref(&summary));
    assert_eq!(due(40, 2).await, [summary.clone(), release.clone()]);
    assert_eq!(due(40, 10).await, [summary.clone(), release.clone(), later.clone()]);

    let postpone = |task: &SigningTask, to| Write::PostponeSigning {
        file: task.file.clone(),
        kind: task.kind,
        next_try_at: moment(to),
        error: "the clock \0 is wrong".to_owned(),
    };
    commit(metadata, postpone(&summary, 50)).await.unwrap();
    commit(metadata, postpone(&summary, 60)).await.unwrap();
    assert_eq!(due(40, 10).await, [release, later]);
    let found = due(60, 10).await;
    assert_eq!((found[2].tries, found[2].next_try_at), (2, moment(60)));
    assert_eq!(found[2].last_error.as_deref(), Some("the clock \u{fffd} is wrong"));
    let unknown = task("c", SigningKind::Release, 1);
    let refused = commit(metadata, postpone(&unknown, 1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Missing { what: "signing task", .. }), "{refused:?}");
}

/// Two who signed the same task: one attestation is kept, the other commit is refused whole.
async fn a_task_ends_once(metadata: &Metadata) {
    let package = key("evidence", "demo");
    let end = async |at: i64| {
        let file = file(&package, "b");
        let signed = about(41, Some(file.clone()), AttestationSource::Ours, at);
        let kind = SigningKind::Release;
        let writes =
            vec![Write::RecordAttestation((&signed).into()), Write::EndSigning { file, kind }];
        metadata.commit(writes, vec![]).await
    };
    let (one, other) = tokio::join!(end(70), end(71));
    assert_eq!([&one, &other].iter().filter(|ended| ended.is_ok()).count(), 1);
    let refused = one.and(other).unwrap_err();
    assert!(matches!(refused, StoreError::Missing { what: "signing task", .. }), "{refused:?}");
    let kept = metadata.attestations_of_file(&package, &file_name("b")).await.unwrap();
    let ours = kept.iter().filter(|kept| kept.source == AttestationSource::Ours);
    assert_eq!(ours.count(), 1);
    assert_eq!(metadata.signing_tasks_pending().await.unwrap(), 2);
}

async fn a_removed_file_leaves_nothing(metadata: &Metadata) {
    let package = key("evidence", "removed");
    let mut held = kept("held", blob(50));
    held.state = FileState::Quarantined;
    let of_it = file(&package, "held");
    let writes = vec![
        bind(&package),
        record(&package, held),
        Write::RecordAttestation(
            (&about(50, Some(of_it.clone()), AttestationSource::Upstream, 1)).into(),
        ),
        Write::QueueSigning { file: of_it, kind: SigningKind::Release, at: moment(1) },
    ];
    metadata.commit(writes, vec![]).await.unwrap();
    let pending = metadata.signing_tasks_pending().await.unwrap();
    let remove = Write::RemoveFile { key: package.clone(), name: file_name("held") };
    commit(metadata, remove).await.unwrap();
    assert_eq!(metadata.attested_files(&package).await.unwrap(), []);
    assert_eq!(metadata.signing_tasks_pending().await.unwrap(), pending - 1);
}
