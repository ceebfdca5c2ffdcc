//! Files, tombstones, quarantine, and the blobs they keep in use.

use std::collections::HashSet;

use provender_domain::{BlobId, Companion, FileState, KeptFile};
use provender_store::{Metadata, PackageKey, StoreError, Write};

use crate::support::{bind, blob, file_name, kept, key, record, repository, repository_name};

pub(crate) async fn all(metadata: &Metadata) {
    metadata.commit(vec![Write::CreateRepository(repository("files"))], vec![]).await.unwrap();
    a_name_never_changes_its_bytes(metadata).await;
    quarantine(metadata).await;
    companions_keep_blobs_in_use(metadata).await;
    many_blobs_at_once(metadata).await;
    one_of_two_racing_writers_wins(metadata).await;
    totals_follow(metadata).await;
}

async fn commit(metadata: &Metadata, write: Write) -> Result<(), StoreError> {
    metadata.commit(vec![write], vec![]).await.map(drop)
}

fn with_state(mut file: KeptFile, state: FileState) -> KeptFile {
    file.state = state;
    file.state_reason = Some("because".to_owned());
    file
}

fn update(key: &PackageKey, file: KeptFile) -> Write {
    Write::UpdateFile { key: key.clone(), file }
}

fn is_missing(outcome: &Result<(), StoreError>, expected: &str) -> bool {
    matches!(outcome, Err(StoreError::Missing { what, .. }) if *what == expected)
}

async fn a_name_never_changes_its_bytes(metadata: &Metadata) {
    let key = key("files", "fixed");
    let file = kept("a", blob(1));
    let outcome = commit(metadata, record(&key, file.clone())).await;
    assert!(is_missing(&outcome, "package"), "{outcome:?}");

    metadata.commit(vec![bind(&key), record(&key, file.clone())], vec![]).await.unwrap();
    let generation = metadata.package(&key).await.unwrap().unwrap().generation;
    let again = commit(metadata, record(&key, file.clone())).await;
    assert!(matches!(again, Err(StoreError::SameFile)), "{again:?}");
    let other = kept("a", blob(2));
    for write in [record(&key, other.clone()), update(&key, other.clone())] {
        let refused = commit(metadata, write).await;
        let expected_state = FileState::Present;
        assert!(
            matches!(&refused, Err(StoreError::FileExists { existing, state })
                if *existing == blob(1) && *state == expected_state),
            "{refused:?}"
        );
    }
    let unchanged = metadata.package(&key).await.unwrap().unwrap().generation;
    assert_eq!(unchanged, generation);

    let tombstone = with_state(file.clone(), FileState::Deleted);
    commit(metadata, update(&key, tombstone.clone())).await.unwrap();
    assert!(metadata.package(&key).await.unwrap().unwrap().generation > generation);
    for reuse in [file, other] {
        let refused = commit(metadata, record(&key, reuse)).await;
        assert!(
            matches!(refused, Err(StoreError::FileExists { state: FileState::Deleted, .. })),
            "{refused:?}"
        );
    }
    assert_eq!(metadata.file(&key, &file_name("a")).await.unwrap(), Some(tombstone));
    let outcome = commit(metadata, update(&key, kept("b", blob(1)))).await;
    assert!(is_missing(&outcome, "file"), "{outcome:?}");
}

async fn quarantine(metadata: &Metadata) {
    let key = key("files", "suspect");
    let held = with_state(kept("held", blob(3)), FileState::Quarantined);
    let fine = kept("fine", blob(4));
    let writes = vec![bind(&key), record(&key, held.clone()), record(&key, fine.clone())];
    metadata.commit(writes, vec![]).await.unwrap();
    assert_eq!(metadata.files(&key).await.unwrap(), [fine.clone(), held.clone()]);

    let names = async |state, repository: Option<&str>| {
        let repository = repository.map(repository_name);
        let files = metadata.files_in_state(state, repository.as_ref()).await.unwrap();
        let name = |(key, file): &(provender_store::StoredKey, KeptFile)| {
            format!("{}/{}/{}", key.repository, key.package, file.file.name)
        };
        files.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(FileState::Quarantined, None).await, ["files/suspect/held"]);
    assert_eq!(names(FileState::Quarantined, Some("packages")).await, [""; 0]);
    assert_eq!(names(FileState::Present, Some("files")).await, ["files/suspect/fine"]);
    assert_eq!(names(FileState::Deleted, Some("files")).await, ["files/fixed/a"]);

    let remove = |name| Write::RemoveFile { key: key.clone(), name: file_name(name) };
    let outcome = commit(metadata, remove("fine")).await;
    assert!(is_missing(&outcome, "quarantined file"), "{outcome:?}");
    commit(metadata, remove("held")).await.unwrap();
    assert_eq!(metadata.files(&key).await.unwrap(), [fine]);
    commit(metadata, record(&key, kept("held", blob(5)))).await.unwrap();
}

async fn companions_keep_blobs_in_use(metadata: &Metadata) {
    let key = key("files", "companions");
    let mut file = kept("a", blob(10));
    file.file.companions = vec![
        Companion { kind: "metadata".to_owned(), url: None, digest: Some(blob(11).digest()) },
        Companion {
            kind: "elsewhere".to_owned(),
            url: Some("https://upstream.example/a".to_owned()),
            digest: Some(blob(12).digest()),
        },
    ];
    let mut twin = file.clone();
    twin.file.name = file_name("b");
    let writes = vec![bind(&key), record(&key, file.clone()), record(&key, twin.clone())];
    metadata.commit(writes, vec![]).await.unwrap();

    let check = async |expected: [bool; 4]| {
        let blobs = [blob(10), blob(11), blob(12), blob(13)];
        let mut found = Vec::new();
        for blob in &blobs {
            found.push(metadata.references(blob).await.unwrap());
        }
        assert_eq!(found, expected);
    };
    check([true, true, false, false]).await;
    commit(metadata, update(&key, with_state(file.clone(), FileState::Deleted))).await.unwrap();
    check([true, true, false, false]).await;
    twin.file.companions[0].digest = Some(blob(13).digest());
    commit(metadata, update(&key, twin.clone())).await.unwrap();
    check([true, false, false, true]).await;
    commit(metadata, update(&key, with_state(twin.clone(), FileState::Deleted))).await.unwrap();
    check([false, false, false, false]).await;
    commit(metadata, update(&key, twin)).await.unwrap();
    check([true, false, false, true]).await;
}

async fn many_blobs_at_once(metadata: &Metadata) {
    let key = key("files", "many");
    let numbered = |number: u16| {
        let mut bytes = [0xee; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        BlobId::from_bytes(bytes)
    };
    let mut writes = vec![bind(&key)];
    for number in (0..250).step_by(2) {
        writes.push(record(&key, kept(&format!("f{number}"), numbered(number))));
    }
    metadata.commit(writes, vec![]).await.unwrap();
    let blobs: Vec<_> = (0..250).map(numbered).collect();
    let in_use = metadata.blobs_in_use(&blobs).await.unwrap();
    let expected: HashSet<_> = (0..250).step_by(2).map(numbered).collect();
    assert_eq!(in_use, expected);
    assert_eq!(metadata.blobs_in_use(&[]).await.unwrap(), HashSet::new());
}

async fn one_of_two_racing_writers_wins(metadata: &Metadata) {
    for round in 0..20 {
        let key = key("files", &format!("race{round}"));
        let write = |number| {
            let (metadata, key) = (metadata.clone(), key.clone());
            tokio::spawn(async move {
                let writes = vec![bind(&key), record(&key, kept("f", blob(number)))];
                metadata.commit(writes, vec![]).await
            })
        };
        let racers = [write(1), write(2), write(3)];
        let mut winners = 0;
        for racer in racers {
            match racer.await.unwrap() {
                Ok(_) => winners += 1,
                Err(StoreError::FileExists { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(winners, 1);
        assert_eq!(metadata.files(&key).await.unwrap().len(), 1);
    }
}

async fn totals_follow(metadata: &Metadata) {
    let key = key("files", "totals");
    let before = metadata.counts().await.unwrap();
    let mut file = kept("a", blob(20));
    let check = async |files: u64, bytes: u64| {
        let counts = metadata.counts().await.unwrap();
        assert_eq!((counts.files - before.files, counts.bytes - before.bytes), (files, bytes));
    };
    let writes = vec![bind(&key), record(&key, file.clone()), record(&key, kept("b", blob(20)))];
    metadata.commit(writes, vec![]).await.unwrap();
    check(2, 200).await;
    file.file.size_bytes = None;
    commit(metadata, update(&key, file.clone())).await.unwrap();
    check(2, 100).await;
    commit(metadata, update(&key, with_state(file, FileState::Deleted))).await.unwrap();
    check(1, 100).await;
    commit(metadata, record(&key, kept("b", blob(21)))).await.unwrap_err();
    check(1, 100).await;
}
