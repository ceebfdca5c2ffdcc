//! A database of an earlier version is brought up to date, and keeps what it has.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

mod support;

use std::path::Path;

use provender_domain::{ReferenceRole, RepositoryPolicy, TagRule, Timestamp};
use provender_store::{Blobs, DatabaseUrl, Metadata, Milestone, Write};
use sqlx::{AnyConnection, Connection as _, Executor as _};
use support::{bind, blob, file_name, kept, key, moment, record, reference, repository_name, tag};

/// What the version before tags ran.
const SCHEMA_2: [&str; 6] = [
    "CREATE TABLE schema_versions (version BIGINT PRIMARY KEY NOT NULL)",
    include_str!("../src/metadata/schema/0001.sql"),
    include_str!("../src/metadata/schema/0001-sqlite.sql"),
    include_str!("../src/metadata/schema/0002.sql"),
    include_str!("../src/metadata/schema/0002-sqlite.sql"),
    "INSERT INTO schema_versions (version) VALUES (1), (2);
     INSERT INTO repositories (name, visibility, created_at) VALUES ('main', 'public', 5)",
];

#[tokio::test]
async fn from_before_tags() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metadata.db");
    run(&path, &SCHEMA_2).await;

    // The second time there is nothing left to do.
    for _ in 0..2 {
        let metadata = Metadata::open(&DatabaseUrl::sqlite(&path)).await.unwrap();
        let settings = metadata.settings().await.unwrap();
        assert_eq!(settings.repositories[0].name, repository_name("main"));
        assert_eq!(settings.repositories[0].policy, RepositoryPolicy::default());
        // Nobody who has been here finds upstreams that were never asked for.
        assert!(metadata.is_reached(Milestone::UpstreamsDiscovered).await.unwrap());
        let key = key("main", "demo");
        let put = Write::PutTag {
            key: key.clone(),
            tag: tag("latest"),
            file: file_name("a"),
            at: moment(1),
            actor: "ann".to_owned(),
            checked_at: None,
            rule: TagRule::Immutable,
        };
        if metadata.file(&key, &file_name("a")).await.unwrap().is_none() {
            let writes = vec![bind(&key), record(&key, kept("a", blob(1)))];
            metadata.commit(writes, vec![]).await.unwrap();
        }
        metadata.commit(vec![put], vec![]).await.unwrap();
        assert_eq!(metadata.tags(&key, None, 10).await.unwrap().len(), 1);
        metadata.close().await;
    }
}

/// What the versions from tags on to that before bundles were kept once ran beside that.
const SCHEMA_5: [&str; 7] = [
    include_str!("../src/metadata/schema/0003.sql"),
    include_str!("../src/metadata/schema/0003-sqlite.sql"),
    include_str!("../src/metadata/schema/0004.sql"),
    include_str!("../src/metadata/schema/0004-sqlite.sql"),
    include_str!("../src/metadata/schema/0005.sql"),
    include_str!("../src/metadata/schema/0005-sqlite.sql"),
    "INSERT INTO schema_versions (version) VALUES (3), (4), (5)",
];

/// As they wrote it: an image of one layer, tagged and attested, its manifest a small blob.
const ROWS_5: &str = r#"
    INSERT INTO packages (repository, ecosystem, name, origin, generation, created_at)
        VALUES ('main', 'generic', 'demo', '{"kind":"published"}', 0, 5);
    INSERT INTO files (repository, ecosystem, package, name, blob, state, facts)
        SELECT 'main', 'generic', 'demo', name, blob, 'present',
        '{"n":"' || name || '","d":["sha256:' || blob || '"],"s":100,"b":"' || blob ||
        '","r":1750000001000000,"q":"present"}'
        FROM (SELECT 'manifest' AS name,
        '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881' AS blob
        UNION SELECT 'layer',
        '0101010101010101010101010101010101010101010101010101010101010101');
    INSERT INTO file_references (repository, ecosystem, package, file, role, target)
        VALUES ('main', 'generic', 'demo', 'manifest', 'required', 'layer');
    INSERT INTO tags (repository, ecosystem, package, tag, file, moved_at)
        VALUES ('main', 'generic', 'demo', 'latest', 'manifest', 5);
    INSERT INTO small_blobs (blob, size, committed_at, bytes)
        VALUES ('2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881', 1, 5, x'78');
    INSERT INTO attestations (id, blob, repository, ecosystem, package, file, source,
        predicate_type, bundle, recorded_at, packed)
        VALUES ('a', '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881',
        'main', 'generic', 'demo', 'manifest', 'ours', 'p', '{"as":"text"}', 1, NULL),
        ('b', '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881',
        'main', 'generic', 'demo', 'manifest', 'ours', 'p', '', 2, x'00077b2261223a227d00')"#;

#[tokio::test]
async fn from_before_bundles_were_kept_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metadata.db");
    run(&path, &SCHEMA_2).await;
    run(&path, &SCHEMA_5).await;
    run(&path, &[ROWS_5]).await;

    let metadata = Metadata::open(&DatabaseUrl::sqlite(&path)).await.unwrap();
    let key = key("main", "demo");
    let manifest = file_name("manifest");
    let id = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881".parse().unwrap();
    let found = metadata.file(&key, &manifest).await.unwrap().unwrap();
    assert_eq!(found, kept("manifest", id));
    assert_eq!(metadata.files(&key).await.unwrap(), [kept("layer", blob(1)), found]);
    let needs = metadata.references_of(&key, &manifest).await.unwrap();
    assert_eq!(needs, [reference("layer", ReferenceRole::Required)]);
    let layer = file_name("layer");
    let needed_by = metadata.referring(&key, &layer, &[ReferenceRole::Required]);
    assert_eq!(needed_by.await.unwrap(), std::slice::from_ref(&manifest));
    let tags = metadata.tags(&key, None, 10).await.unwrap();
    assert_eq!(tags.len(), 1);
    let attestations = metadata.attestations_of_file(&key, &manifest).await.unwrap();
    let bundles: Vec<_> = attestations.iter().map(|found| found.bundle.as_str()).collect();
    assert_eq!(bundles, ["{\"as\":\"text\"}", "{\"a\":\"}"]);
    let blobs = Blobs::open(directory.path(), metadata.clone()).await.unwrap();
    assert_eq!(blobs.read(&id, 10).await.unwrap().unwrap(), "x");
    metadata.close().await;
}

/// What the versions before sign-ins could be ended ran beside that.
const SCHEMA_7: [&str; 5] = [
    include_str!("../src/metadata/schema/0006.sql"),
    include_str!("../src/metadata/schema/0006-sqlite.sql"),
    include_str!("../src/metadata/schema/0007.sql"),
    include_str!("../src/metadata/schema/0007-sqlite.sql"),
    "INSERT INTO schema_versions (version) VALUES (6), (7);
     INSERT INTO accounts (name, email, password_hash, created_at, disabled_at)
         VALUES ('ada', 'ada@people.example', '$', 5, 6)",
];

#[tokio::test]
async fn from_before_sign_ins_could_be_ended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metadata.db");
    run(&path, &SCHEMA_2).await;
    run(&path, &SCHEMA_5).await;
    run(&path, &SCHEMA_7).await;

    let metadata = Metadata::open(&DatabaseUrl::sqlite(&path)).await.unwrap();
    let accounts = metadata.settings().await.unwrap().accounts;
    let at = |microseconds| Timestamp::from_microseconds(microseconds);
    assert_eq!((accounts[0].created_at, accounts[0].sign_ins_since), (at(5), at(5)));
    assert_eq!(accounts[0].disabled_at, Some(at(6)));
    metadata.close().await;
}

async fn run(path: &Path, scripts: &[&'static str]) {
    sqlx::any::install_default_drivers();
    let raw_url = format!("sqlite://{}?mode=rwc", path.display());
    let mut raw = AnyConnection::connect(&raw_url).await.unwrap();
    for script in scripts {
        raw.execute(sqlx::raw_sql(*script)).await.unwrap();
    }
    raw.close().await.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_told_of_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metadata.db");
    std::fs::write(&path, [b'x'; 8192]).unwrap();
    let Err(error) = Metadata::open(&DatabaseUrl::sqlite(&path)).await else {
        panic!("a database was opened that is none");
    };
    let reason = std::error::Error::source(&error).unwrap().to_string();
    assert!(reason.contains("not a database"), "{reason}");
}
