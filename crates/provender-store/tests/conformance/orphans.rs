//! Files that nothing refers to, and forgetting them.

use provender_domain::ReferenceRole::{Optional, Required, Subject};
use provender_domain::{FileName, FileState, RepositoryName, TagRule};
use provender_store::{
    Attestation, AttestationSource, FileKey, Metadata, PackageKey, SigningKind, StoreError, Write,
};

use crate::support::{
    ECOSYSTEM, bind, blob, file_name, kept, key, moment, record, refer, reference, repository, tag,
};

pub(crate) async fn all(metadata: &Metadata) {
    for name in ["orphans-a", "orphans-b"] {
        metadata.commit(vec![Write::CreateRepository(repository(name))], vec![]).await.unwrap();
    }
    what_nothing_refers_to_is_found(metadata).await;
    marks_stay_until_something_refers(metadata).await;
    only_what_was_marked_long_enough_is_forgotten(metadata).await;
    nothing_of_a_forgotten_file_is_left(metadata).await;
    what_is_about_a_file_goes_when_that_is_gone(metadata).await;
    what_tags_alone_keep_is_told(metadata).await;
}

async fn commit(metadata: &Metadata, write: Write) -> Result<(), StoreError> {
    metadata.commit(vec![write], vec![]).await.map(drop)
}

fn put_tag(key: &PackageKey, name: &str, file: &str) -> Write {
    Write::PutTag {
        key: key.clone(),
        tag: tag(name),
        file: file_name(file),
        at: moment(1),
        actor: "ann".to_owned(),
        checked_at: None,
        rule: TagRule::Movable,
    }
}

fn set_state(key: &PackageKey, name: &str, state: FileState) -> Write {
    let mut file = kept(name, blob(1));
    file.state = state;
    Write::UpdateFile { key: key.clone(), file }
}

fn mark(key: &PackageKey, name: &str, since: i64) -> Write {
    Write::MarkOrphan { key: key.clone(), file: file_name(name), since: moment(since) }
}

fn forget(key: &PackageKey, name: &str, before: i64) -> Write {
    let (key, name) = (key.clone(), file_name(name));
    Write::ForgetFile { key, name, marked_before: moment(before) }
}

/// All that is found, by pages of this size.
async fn unreferenced(metadata: &Metadata, prefix: &str, limit: u32) -> Vec<String> {
    unreferenced_in(metadata, None, prefix, limit).await
}

/// The same in one repository.
async fn unreferenced_in(
    metadata: &Metadata,
    repository: Option<&str>,
    prefix: &str,
    limit: u32,
) -> Vec<String> {
    let repository = repository.map(|name| RepositoryName::new(name).unwrap());
    let repository = repository.as_ref();
    let mut after: Option<(PackageKey, FileName)> = None;
    let mut found = Vec::new();
    loop {
        let after_last = after.as_ref();
        let page = metadata.unreferenced(repository, ECOSYSTEM, prefix, after_last, limit).await;
        let page = page.unwrap();
        assert!(page.files.len() <= limit as usize);
        found.extend(
            page.files
                .iter()
                .filter(|(key, _)| key.repository.as_str().starts_with("orphans-"))
                .map(|(key, file)| {
                    format!("{}/{}/{}", key.repository, key.package, file.file.name)
                }),
        );
        after = page.next;
        if after.is_none() {
            found.sort();
            return found;
        }
    }
}

async fn what_nothing_refers_to_is_found(metadata: &Metadata) {
    let image = key("orphans-a", "image");
    let mut writes = vec![bind(&image)];
    let names = [
        "blob@layer",
        "blob@loose",
        "blob@spare",
        "blob@dropped",
        "blob@held",
        "blob@gone",
        "manifest@tagged",
        "manifest@loose",
        "manifest@signature",
        "manifest@dropped",
        "manifest@suspect",
        "blob@of-suspect",
    ];
    writes.extend(names.iter().map(|name| record(&image, kept(name, blob(1)))));
    writes.extend([
        refer(
            &image,
            "manifest@tagged",
            &[reference("blob@layer", Required), reference("blob@spare", Optional)],
        ),
        put_tag(&image, "latest", "manifest@tagged"),
        refer(&image, "manifest@signature", &[reference("manifest@loose", Subject)]),
        refer(&image, "manifest@dropped", &[reference("blob@dropped", Required)]),
        refer(&image, "manifest@suspect", &[reference("blob@of-suspect", Required)]),
        set_state(&image, "manifest@dropped", FileState::Deleted),
        set_state(&image, "manifest@suspect", FileState::Quarantined),
        set_state(&image, "blob@held", FileState::Quarantined),
        set_state(&image, "blob@gone", FileState::Deleted),
    ]);
    // What names it in another package or repository does not keep it.
    for other in [key("orphans-a", "other"), key("orphans-b", "image")] {
        writes.push(bind(&other));
        for name in ["blob@loose", "manifest@x"] {
            writes.push(record(&other, kept(name, blob(1))));
        }
        writes.push(refer(&other, "manifest@x", &[reference("blob@loose", Required)]));
        writes.push(put_tag(&other, "x", "manifest@x"));
    }
    writes.push(record(&key("orphans-b", "image"), kept("blob@alone", blob(1))));
    metadata.commit(writes, vec![]).await.unwrap();
    for limit in [1, 2, 3, 1_000] {
        let blobs = [
            "orphans-a/image/blob@dropped",
            "orphans-a/image/blob@loose",
            "orphans-b/image/blob@alone",
        ];
        assert_eq!(unreferenced(metadata, "blob@", limit).await, blobs, "{limit}");
        let (a, b) = (Some("orphans-a"), Some("orphans-b"));
        assert_eq!(unreferenced_in(metadata, a, "blob@", limit).await, blobs[..2], "{limit}");
        assert_eq!(unreferenced_in(metadata, b, "blob@", limit).await, blobs[2..], "{limit}");
        let manifests = ["orphans-a/image/manifest@loose"];
        assert_eq!(unreferenced(metadata, "manifest@", limit).await, manifests, "{limit}");
    }
    assert_eq!(unreferenced(metadata, "nothing@", 10).await, [""; 0]);
    let none = metadata.unreferenced(None, ECOSYSTEM, "blob@", None, 0).await.unwrap();
    assert_eq!(none.files, []);
}

async fn marks_stay_until_something_refers(metadata: &Metadata) {
    let key = key("orphans-b", "marked");
    let mut writes = vec![bind(&key)];
    for name in ["one", "two", "three", "four", "manifest", "signature"] {
        writes.push(record(&key, kept(name, blob(1))));
    }
    writes.push(put_tag(&key, "used", "four"));
    for (name, since) in [("two", 5), ("one", 4), ("three", 6), ("manifest", 7), ("four", 1)] {
        writes.push(mark(&key, name, since));
    }
    writes.push(mark(&key, "signature", 8));
    // The earlier mark stays; what is in use or not here gets none.
    writes.extend([mark(&key, "one", 9), mark(&key, "never", 1)]);
    metadata.commit(writes, vec![]).await.unwrap();
    let check = async |before: i64, limit: u32, expected: &[&str]| {
        let found = metadata.orphaned_before(ECOSYSTEM, moment(before), limit).await.unwrap();
        let names: Vec<_> = found.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, expected, "{before} {limit}");
    };
    let marked = ["one", "two", "three", "manifest", "signature"];
    check(100, 10, &marked).await;
    check(100, 2, &marked[..2]).await;
    check(6, 10, &marked[..2]).await;
    check(4, 10, &[]).await;
    for (name, expected) in [("one", true), ("four", false), ("never", false)] {
        assert_eq!(metadata.is_orphan(&key, &file_name(name)).await.unwrap(), expected, "{name}");
    }

    commit(metadata, Write::ClearOrphan { key: key.clone(), file: file_name("two") })
        .await
        .unwrap();
    commit(metadata, Write::ClearOrphan { key: key.clone(), file: file_name("two") })
        .await
        .unwrap();
    check(100, 10, &["one", "three", "manifest", "signature"]).await;
    commit(metadata, refer(&key, "manifest", &[reference("one", Required)])).await.unwrap();
    check(100, 10, &["three", "manifest", "signature"]).await;
    commit(metadata, put_tag(&key, "latest", "manifest")).await.unwrap();
    check(100, 10, &["three", "signature"]).await;
    commit(metadata, refer(&key, "signature", &[reference("three", Subject)])).await.unwrap();
    check(100, 10, &["three"]).await;
    commit(metadata, set_state(&key, "three", FileState::Quarantined)).await.unwrap();
    check(100, 10, &[]).await;
    commit(metadata, set_state(&key, "three", FileState::Deleted)).await.unwrap();
    commit(metadata, set_state(&key, "three", FileState::Present)).await.unwrap();
    check(100, 10, &[]).await;
}

async fn only_what_was_marked_long_enough_is_forgotten(metadata: &Metadata) {
    let key = key("orphans-b", "forgotten");
    let before = metadata.counts().await.unwrap();
    let mut writes = vec![bind(&key)];
    for name in ["old", "young", "unmarked", "raced", "held"] {
        writes.push(record(&key, kept(name, blob(1))));
    }
    writes.push(record(&key, kept("manifest", blob(2))));
    writes.extend([mark(&key, "old", 10), mark(&key, "young", 20), mark(&key, "raced", 10)]);
    writes.extend([mark(&key, "held", 10), set_state(&key, "held", FileState::Quarantined)]);
    metadata.commit(writes, vec![]).await.unwrap();
    commit(metadata, refer(&key, "manifest", &[reference("raced", Required)])).await.unwrap();

    let check = async |name: &str, expected: &str| {
        let outcome = commit(metadata, forget(&key, name, 20)).await;
        let found = match &outcome {
            Ok(()) => "forgotten",
            Err(StoreError::InUse) => "in use",
            Err(StoreError::Missing { what: "file", .. }) => "missing",
            Err(_) => "other",
        };
        assert_eq!(found, expected, "{name}: {outcome:?}");
    };
    check("young", "in use").await;
    check("unmarked", "in use").await;
    check("raced", "in use").await;
    check("held", "missing").await;
    check("never", "missing").await;
    let generation = metadata.package(&key).await.unwrap().unwrap().generation;
    check("old", "forgotten").await;
    assert!(metadata.package(&key).await.unwrap().unwrap().generation > generation);
    check("old", "missing").await;
    assert_eq!(metadata.file(&key, &file_name("old")).await.unwrap(), None);
    let after = metadata.counts().await.unwrap();
    assert_eq!((after.files - before.files, after.bytes - before.bytes), (5, 500));
    // Its name is free again, without the mark.
    commit(metadata, record(&key, kept("old", blob(3)))).await.unwrap();
    assert!(!metadata.is_orphan(&key, &file_name("old")).await.unwrap());
}

async fn nothing_of_a_forgotten_file_is_left(metadata: &Metadata) {
    let key = key("orphans-b", "whole");
    let file = FileKey::new(&key, file_name("manifest"));
    let attestation = Attestation {
        blob: blob(77),
        file: Some(file.clone()),
        source: AttestationSource::Ours,
        predicate_type: "p".to_owned(),
        bundle: "{}".to_owned(),
        log_index: None,
        recorded_at: moment(1),
    };
    let writes = vec![
        bind(&key),
        record(&key, kept("layer", blob(1))),
        record(&key, kept("manifest", blob(77))),
        refer(&key, "manifest", &[reference("layer", Required)]),
        Write::RecordAttestation((&attestation).into()),
        Write::QueueSigning { file: file.clone(), kind: SigningKind::Release, at: moment(1) },
        mark(&key, "manifest", 1),
    ];
    metadata.commit(writes, vec![]).await.unwrap();
    assert!(metadata.references(&blob(77)).await.unwrap());
    commit(metadata, forget(&key, "manifest", 2)).await.unwrap();
    assert!(!metadata.references(&blob(77)).await.unwrap());
    assert_eq!(metadata.attestations_of_blob(&blob(77)).await.unwrap(), []);
    assert_eq!(metadata.references_of(&key, &file.name).await.unwrap(), []);
    // Now nothing refers to the layer either.
    commit(metadata, mark(&key, "layer", 3)).await.unwrap();
    assert!(metadata.is_orphan(&key, &file_name("layer")).await.unwrap());
    commit(metadata, forget(&key, "layer", 4)).await.unwrap();
    assert_eq!(metadata.files(&key).await.unwrap(), []);
}

async fn what_is_about_a_file_goes_when_that_is_gone(metadata: &Metadata) {
    let key = key("orphans-b", "subjects");
    let mut writes = vec![bind(&key)];
    for subject in ["kept", "deleted", "forgotten"] {
        writes.push(record(&key, kept(subject, blob(1))));
    }
    for subject in ["kept", "deleted", "forgotten", "to-come"] {
        let statement = format!("about-{subject}");
        writes.push(record(&key, kept(&statement, blob(1))));
        writes.push(refer(&key, &statement, &[reference(subject, Subject)]));
    }
    writes.extend([put_tag(&key, "latest", "kept"), mark(&key, "forgotten", 10)]);
    metadata.commit(writes, vec![]).await.unwrap();
    let found = async || unreferenced(metadata, "about-", 10).await;
    assert_eq!(found().await, [""; 0]);
    commit(metadata, set_state(&key, "deleted", FileState::Deleted)).await.unwrap();
    commit(metadata, forget(&key, "forgotten", 11)).await.unwrap();
    let [deleted, forgotten] =
        ["deleted", "forgotten"].map(|subject| format!("orphans-b/subjects/about-{subject}"));
    assert_eq!(found().await, [deleted.clone(), forgotten]);
    let refused = commit(metadata, forget(&key, "about-forgotten", 11)).await;
    assert!(matches!(refused, Err(StoreError::InUse)), "not marked before");
    commit(metadata, forget(&key, "about-forgotten", 12)).await.unwrap();
    for name in ["about-kept", "about-to-come"] {
        commit(metadata, mark(&key, name, 1)).await.unwrap();
        let refused = commit(metadata, forget(&key, name, 100)).await;
        assert!(matches!(refused, Err(StoreError::InUse)), "{name}");
    }
    assert_eq!(found().await, [deleted]);
    commit(metadata, set_state(&key, "deleted", FileState::Present)).await.unwrap();
    assert_eq!(found().await, [""; 0], "it came back");
}

async fn what_tags_alone_keep_is_told(metadata: &Metadata) {
    let key = key("orphans-b", "tagged");
    let mut writes = vec![bind(&key)];
    for name in ["tagged", "needed", "loose", "index", "gone"] {
        writes.push(record(&key, kept(name, blob(1))));
    }
    writes.push(refer(&key, "index", &[reference("needed", Required)]));
    writes.extend(["tagged", "needed"].map(|name| put_tag(&key, name, name)));
    writes.push(set_state(&key, "gone", FileState::Deleted));
    metadata.commit(writes, vec![]).await.unwrap();
    for (name, expected) in
        [("tagged", true), ("loose", true), ("needed", false), ("gone", false), ("never", false)]
    {
        let found = metadata.kept_by_tags_alone(&key, &file_name(name)).await.unwrap();
        assert_eq!(found.is_some(), expected, "{name}");
    }
}
