//! A database of an earlier version is brought up to date, and keeps what it has.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

mod support;

use provender_domain::{RepositoryPolicy, TagRule};
use provender_store::{DatabaseUrl, Metadata, Write};
use sqlx::{AnyConnection, Connection as _, Executor as _};
use support::{bind, blob, file_name, kept, key, moment, record, repository_name, tag};

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
    sqlx::any::install_default_drivers();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metadata.db");
    let raw_url = format!("sqlite://{}?mode=rwc", path.display());
    let mut raw = AnyConnection::connect(&raw_url).await.unwrap();
    for script in SCHEMA_2 {
        raw.execute(sqlx::raw_sql(script)).await.unwrap();
    }
    raw.close().await.unwrap();

    // The second time there is nothing left to do.
    for _ in 0..2 {
        let metadata = Metadata::open(&DatabaseUrl::sqlite(&path)).await.unwrap();
        let settings = metadata.settings().await.unwrap();
        assert_eq!(settings.repositories[0].name, repository_name("main"));
        assert_eq!(settings.repositories[0].policy, RepositoryPolicy::default());
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
