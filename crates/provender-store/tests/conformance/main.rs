//! One suite for every database that metadata can be kept in.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

#[path = "../support/mod.rs"]
mod support;

mod commits;
mod events;
mod evidence;
mod files;
mod listings;
mod log;
mod orphans;
mod packages;
mod references;
mod server;
mod settings;
mod small_blobs;
mod tags;

use provender_store::{DatabaseUrl, Metadata, StoreError};
use sqlx::{AnyConnection, Connection, Executor};

/// Everything that is promised of metadata, on a fresh database.
async fn suite(url: &DatabaseUrl, raw_url: &str) {
    let metadata = Metadata::open(url).await.unwrap();
    events::numbers_and_filters(&metadata).await;
    settings::all(&metadata).await;
    packages::all(&metadata).await;
    files::all(&metadata).await;
    tags::all(&metadata).await;
    references::all(&metadata).await;
    orphans::all(&metadata).await;
    listings::all(&metadata).await;
    small_blobs::all(&metadata).await;
    commits::all(&metadata).await;
    evidence::all(&metadata).await;
    log::all(&metadata).await;
    metadata.ping().await.unwrap();
    metadata.close().await;
    assert!(matches!(metadata.ping().await, Err(StoreError::Closed)));
    assert!(matches!(metadata.commit(vec![], vec![]).await, Err(StoreError::Closed)));

    sqlx::any::install_default_drivers();
    let mut raw = AnyConnection::connect(raw_url).await.unwrap();
    let again = Metadata::open(url).await.unwrap();
    log::is_kept(&again).await;
    commits::is_kept(&again).await;
    events::are_append_only(&mut raw).await;
    tags::history_is_append_only(&mut raw).await;
    refuses_a_newer_schema(url, &mut raw).await;
}

async fn refuses_a_newer_schema(url: &DatabaseUrl, raw: &mut AnyConnection) {
    raw.execute("INSERT INTO schema_versions (version) VALUES (9000)").await.unwrap();
    let refused = Metadata::open(url).await.err().unwrap();
    assert!(matches!(refused, StoreError::NewerSchema { found: 9000, .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("odd name?#%41.db");
    let raw_url = format!("sqlite://{}/odd%20name%3F%23%2541.db", directory.path().display());
    suite(&DatabaseUrl::sqlite(&path), &raw_url).await;
    assert!(path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let Some(server) = postgres_server() else { return };
    in_a_schema_of_its_own(&server, async |raw_url| {
        let url = DatabaseUrl::parse(raw_url).unwrap();
        commits::of_two_servers(&url).await;
        two_sequencers(&url).await;
        suite_after_two_servers(&url, raw_url).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_refuses_another_encoding() {
    let Some(server) = postgres_server() else { return };
    server::refuses_another_encoding(&server, &random_name()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_goes_away_and_comes_back() {
    let Some(server) = postgres_server() else { return };
    in_a_schema_of_its_own(&server, server::goes_away_and_comes_back).await;
}

/// Where a server is to be tried, if it is.
fn postgres_server() -> Option<String> {
    let server = std::env::var("PROVENDER_TEST_POSTGRES").ok();
    if server.is_none() {
        support::skip("the store on PostgreSQL: PROVENDER_TEST_POSTGRES is not set");
    }
    server
}

async fn administrator(server: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(server).await.unwrap()
}

fn random_name() -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    format!("provender_test_{}", hex::encode(random))
}

/// Runs what wants an empty database, which it gets the URL of.
async fn in_a_schema_of_its_own(server: &str, test: impl AsyncFnOnce(&str)) {
    let mut administrator = administrator(server).await;
    let schema = random_name();
    let execute = |sql: String| sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
    execute(format!("CREATE SCHEMA {schema}")).execute(&mut administrator).await.unwrap();
    let joint = if server.contains('?') { '&' } else { '?' };
    test(&format!("{server}{joint}options=-csearch_path%3D{schema}")).await;
    execute(format!("DROP SCHEMA {schema} CASCADE")).execute(&mut administrator).await.unwrap();
}

/// Two servers on one database append to one log.
async fn two_sequencers(url: &DatabaseUrl) {
    let servers = [Metadata::open(url).await.unwrap(), Metadata::open(url).await.unwrap()];
    log::race(&servers, "shared.example").await;
    log::race_and_follow(&servers, "followed.example").await;
    for server in servers {
        server.close().await;
    }
}

/// The suite wants an empty database: makes another schema's worth by starting over.
async fn suite_after_two_servers(url: &DatabaseUrl, raw_url: &str) {
    let mut raw = AnyConnection::connect(raw_url).await.unwrap();
    let schema = raw_url.rsplit_once("%3D").unwrap().1;
    let again = format!("DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(again)).execute(&mut raw).await.unwrap();
    suite(url, raw_url).await;
}
