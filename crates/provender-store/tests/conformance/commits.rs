//! Atomicity, group commit, durability.

use provender_domain::{Event, EventKind};
use provender_store::{DatabaseUrl, EventFilter, Metadata, StoreError, Write};

use crate::support::{bind, blob, event, kept, key, record, repository};

pub(crate) async fn all(metadata: &Metadata) {
    metadata.commit(vec![Write::CreateRepository(repository("commits"))], vec![]).await.unwrap();
    a_failed_commit_leaves_nothing(metadata).await;
    failing_members_do_not_disturb_others(metadata).await;
    a_dropped_caller_loses_nothing_but_the_answer(metadata).await;
    has_no_gaps(&every_event(metadata).await);
}

/// What [`all`] wrote is there in a store that was opened anew.
pub(crate) async fn is_kept(metadata: &Metadata) {
    let events = every_event(metadata).await;
    has_no_gaps(&events);
    assert_eq!(*metadata.watch_events().borrow(), i64::try_from(events.len()).unwrap());
    assert_eq!(metadata.counts().await.unwrap().events, events.len() as u64);
    assert_eq!(metadata.files(&key("commits", "group")).await.unwrap().len(), 200);
    metadata.close().await;
}

async fn every_event(metadata: &Metadata) -> Vec<Event> {
    metadata.events(&EventFilter { limit: 1_000_000, ..Default::default() }).await.unwrap()
}

fn has_no_gaps(events: &[Event]) {
    for (expected, event) in (1..).zip(events) {
        assert_eq!(event.number, expected);
    }
}

async fn a_failed_commit_leaves_nothing(metadata: &Metadata) {
    let key = key("commits", "atomic");
    let before = metadata.counts().await.unwrap();
    let writes = vec![
        bind(&key),
        record(&key, kept("a", blob(1))),
        Write::CreateRepository(repository("commits")),
    ];
    let refused = metadata.commit(writes, vec![event(EventKind::Published, "no")]).await;
    assert!(matches!(refused, Err(StoreError::Exists { .. })), "{refused:?}");
    assert_eq!(metadata.package(&key).await.unwrap(), None);
    assert_eq!(metadata.files(&key).await.unwrap(), []);
    assert_eq!(metadata.counts().await.unwrap(), before);
}

async fn failing_members_do_not_disturb_others(metadata: &Metadata) {
    let key = key("commits", "group");
    let before = metadata.counts().await.unwrap();
    metadata.commit(vec![bind(&key)], vec![]).await.unwrap();
    let mut tasks = Vec::new();
    for number in 0..400 {
        let (metadata, key) = (metadata.clone(), key.clone());
        tasks.push(tokio::spawn(async move {
            // Every name is recorded twice with the same bytes; every tenth call violates a
            // foreign key as well, which PostgreSQL punishes with the whole transaction.
            let mut writes = vec![record(&key, kept(&format!("f{}", number / 2), blob(1)))];
            if number % 20 == 19 {
                writes.insert(0, bind(&crate::support::key("nowhere", "x")));
            }
            let outcome = metadata.commit(writes, vec![event(EventKind::Published, "yes")]).await;
            match outcome {
                Ok(committed) => committed.first_event,
                Err(StoreError::SameFile | StoreError::Missing { .. }) => None,
                Err(other) => panic!("{other:?}"),
            }
        }));
    }
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.extend(task.await.unwrap());
    }
    assert_eq!(numbers.len(), 200);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 200);
    let after = metadata.counts().await.unwrap();
    assert_eq!((after.files - before.files, after.events - before.events), (200, 200));
}

async fn a_dropped_caller_loses_nothing_but_the_answer(metadata: &Metadata) {
    let before = metadata.counts().await.unwrap();
    for number in 0..50 {
        let key = key("commits", &format!("dropped{number}"));
        let writes = vec![bind(&key), record(&key, kept("a", blob(1)))];
        let events = vec![event(EventKind::Published, "perhaps")];
        let commit = metadata.commit(writes, events);
        // Polled once, then dropped at once or a little later.
        let _ = tokio::time::timeout(std::time::Duration::from_micros(number * 20), commit).await;
    }
    // Commits are done in order, so those before are done when this is.
    metadata.commit(vec![], vec![event(EventKind::Published, "last")]).await.unwrap();
    let after = metadata.counts().await.unwrap();
    assert_eq!(after.events - before.events, after.files - before.files + 1);
    assert_eq!(after.files - before.files, after.packages - before.packages);
}

/// Two servers on one database write at once.
pub(crate) async fn of_two_servers(url: &DatabaseUrl) {
    let servers = [Metadata::open(url).await.unwrap(), Metadata::open(url).await.unwrap()];
    servers[0].commit(vec![Write::CreateRepository(repository("shared"))], vec![]).await.unwrap();
    let mut tasks = Vec::new();
    for number in 0..200 {
        let metadata = servers[number % 2].clone();
        tasks.push(tokio::spawn(async move {
            // In opposite orders, which would deadlock if the servers did not take turns.
            let (a, b) = (key("shared", "a"), key("shared", "b"));
            let binds =
                if number % 2 == 0 { vec![bind(&a), bind(&b)] } else { vec![bind(&b), bind(&a)] };
            metadata.commit(binds, vec![event(EventKind::Published, "both")]).await.unwrap();
            let file = kept(&format!("f{}", number / 2), blob(u8::try_from(number % 2).unwrap()));
            match metadata.commit(vec![record(&a, file)], vec![]).await {
                Ok(_) => 1,
                Err(StoreError::FileExists { .. }) => 0,
                Err(other) => panic!("{other:?}"),
            }
        }));
    }
    let mut recorded = 0;
    for task in tasks {
        recorded += task.await.unwrap();
    }
    assert_eq!(recorded, 100);
    let events = every_event(&servers[1]).await;
    assert_eq!(events.len(), 200);
    has_no_gaps(&events);
    for server in servers {
        server.close().await;
    }
}
