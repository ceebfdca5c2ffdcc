//! What a collection costs those who read meanwhile.

use std::sync::Arc;
use std::time::Duration;

use provender_domain::{
    BlobId, EcosystemId, File, FileName, FileState, KeptFile, Origin, PackageName, RepositoryName,
    Timestamp,
};
use provender_oci::Oci;
use provender_store::{PackageKey, Write};

use crate::{Options, Registry};

/// A layer to which nothing refers, as was found long ago.
fn orphan(key: &PackageKey, number: u8) -> [Write; 2] {
    let long_ago = Timestamp::from_microseconds(1);
    let blob = BlobId::from_bytes([number; 32]);
    let file = KeptFile {
        file: File {
            name: FileName::new(&format!("blob@{}", blob.digest())).unwrap(),
            version: None,
            url: None,
            digests: vec![blob.digest()],
            size_bytes: Some(1),
            uploaded_at: None,
            yank: None,
            attributes: Default::default(),
            companions: Vec::new(),
        },
        blob,
        origin: Origin::Published,
        recorded_at: long_ago,
        publisher: None,
        state: FileState::Present,
        state_reason: None,
    };
    let mark =
        Write::MarkOrphan { key: key.clone(), file: file.file.name.clone(), since: long_ago };
    [Write::KeepFile { key: key.clone(), file }, mark]
}

#[tokio::test]
async fn many_files_that_are_forgotten_are_one_change_of_settings() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = Options::new(directory.path().to_owned(), vec![Arc::new(Oci)]);
    options.tuning.orphan_grace = Duration::ZERO;
    let registry = Registry::open(options).await.unwrap();
    let key = PackageKey {
        repository: RepositoryName::new("main").unwrap(),
        ecosystem: EcosystemId::new("oci"),
        package: PackageName::new("team/app").unwrap(),
    };
    let bind = Write::BindName {
        key: key.clone(),
        origin: Origin::Published,
        at: Timestamp::from_microseconds(1),
    };
    let orphans = (1..=5).flat_map(|number| orphan(&key, number));
    let writes = std::iter::once(bind).chain(orphans).collect();
    registry.inner.metadata.commit(writes, Vec::new()).await.unwrap();
    let before = registry.inner.index_cache.settings();
    let collected = registry.collect_garbage(&registry.operator(), false).await.unwrap();
    assert_eq!(collected.files, 5);
    assert_eq!(registry.inner.index_cache.settings() - before, 1);
    // Nothing is one to forget.
    registry.collect_garbage(&registry.operator(), false).await.unwrap();
    assert_eq!(registry.inner.index_cache.settings() - before, 1);
    registry.close().await;
}
