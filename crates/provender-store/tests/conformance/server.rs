//! A database that is a server of its own: what it must be like, and that it comes and goes.

use std::time::{Duration, Instant};

use provender_domain::EventKind;
use provender_store::{DatabaseUrl, Metadata, StoreError};
use sqlx::AssertSqlSafe;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::event;

/// The writer looks for the database for half a minute: once for who came first, once for all others.
const OUTAGE_MAX: Duration = Duration::from_secs(80);

/// The part of a URL's text between the credentials and the path.
fn place(url: &str) -> &str {
    let place = url.rsplit_once('@').unwrap().1;
    place.split('/').next().unwrap()
}

/// In any other encoding, names and texts would be refused one by one, later.
pub(crate) async fn refuses_another_encoding(server: &str, name: &str) {
    let (mut administrator, sql) = (super::administrator(server).await, AssertSqlSafe::<String>);
    let create = format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    );
    sqlx::raw_sql(sql(create)).execute(&mut administrator).await.unwrap();
    let url = server.rsplit_once('/').unwrap().0;
    let opened = Metadata::open(&DatabaseUrl::parse(&format!("{url}/{name}")).unwrap()).await;
    if let Ok(metadata) = &opened {
        metadata.close().await;
    }
    sqlx::raw_sql(sql(format!("DROP DATABASE {name}"))).execute(&mut administrator).await.unwrap();
    let refused = opened.err().unwrap().to_string();
    assert!(refused.contains("LATIN1") && refused.contains("UTF8"), "{refused}");
}

/// Everybody is told in good time while it is away, and why; then all goes on by itself.
pub(crate) async fn goes_away_and_comes_back(url: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let through = url.replacen(place(url), &address.to_string(), 1);
    let passing = passed_on(listener, place(url).to_owned());
    let metadata = Metadata::open(&DatabaseUrl::parse(&through).unwrap()).await.unwrap();
    let commit = |metadata: Metadata| async move {
        metadata.commit(vec![], vec![event(EventKind::Published, "yes")]).await
    };
    commit(metadata.clone()).await.unwrap();
    let before = metadata.counts().await.unwrap().events;

    passing.abort();
    let _ = passing.await;
    let since = Instant::now();
    let mut commits = JoinSet::new();
    for _ in 0..8 {
        commits.spawn(commit(metadata.clone()));
    }
    for outcome in commits.join_all().await {
        let Err(StoreError::Database(why)) = outcome else { panic!("{outcome:?}") };
        assert!(why.to_string().contains("refused"), "{why}");
    }
    assert!(since.elapsed() < OUTAGE_MAX, "{:?}", since.elapsed());

    passed_on(TcpListener::bind(address).await.unwrap(), place(url).to_owned());
    commit(metadata.clone()).await.unwrap();
    assert_eq!(metadata.counts().await.unwrap().events, before + 1);
    metadata.close().await;
}

/// Passes connections on until it is aborted; those under way end then.
fn passed_on(listener: TcpListener, to: String) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(&to).await.unwrap();
            connections.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    })
}
