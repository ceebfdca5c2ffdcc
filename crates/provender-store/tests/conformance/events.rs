//! The record.

use provender_domain::{EventKind, NewEvent, PackageName, Severity};
use provender_store::{Committed, EventFilter, Metadata};
use sqlx::{AnyConnection, Executor};

use crate::support::{event, file_name, repository_name};

/// Expects an empty record.
pub(crate) async fn numbers_and_filters(metadata: &Metadata) {
    let watch = metadata.watch_events();
    assert_eq!(*watch.borrow(), 0);
    assert_eq!(metadata.commit(vec![], vec![]).await.unwrap(), committed(None));
    let first = event(EventKind::Initialized, "zero\u{0} \u{1f389}");
    let outcome = metadata.commit(vec![], vec![first.clone()]).await.unwrap();
    assert_eq!(outcome, committed(Some((1, 1))));
    let outcome = metadata.commit(vec![], vec![about("a", "x"), about("b", "y"), flag()]).await;
    assert_eq!(outcome.unwrap(), committed(Some((2, 4))));
    assert_eq!(*watch.borrow(), 4);

    let all = metadata.events(&EventFilter { limit: 10, ..Default::default() }).await.unwrap();
    assert_eq!(all[0].event, first);
    assert_eq!(all[0].severity, None);
    assert_eq!(all[3].severity, Some(Severity::High));
    filters(metadata).await;
}

fn committed(numbers: Option<(i64, i64)>) -> Committed {
    Committed {
        first_event: numbers.map(|(first, _)| first),
        last_event: numbers.map(|(_, last)| last),
    }
}

fn about(package: &str, file: &str) -> NewEvent {
    NewEvent {
        repository: Some(repository_name("main")),
        ecosystem: Some("generic".to_owned()),
        package: Some(PackageName::new(package).unwrap()),
        file: Some(file_name(file)),
        ..event(EventKind::Published, "published")
    }
}

fn flag() -> NewEvent {
    NewEvent {
        package: Some(PackageName::new("a").unwrap()),
        ..event(EventKind::DigestMismatch, "other bytes")
    }
}

async fn filters(metadata: &Metadata) {
    let check = async |change: fn(&mut EventFilter), expected: &[i64]| {
        let mut filter = EventFilter { limit: 10, ..Default::default() };
        change(&mut filter);
        let events = metadata.events(&filter).await.unwrap();
        let numbers: Vec<_> = events.iter().map(|event| event.number).collect();
        assert_eq!(numbers, expected, "{filter:?}");
    };
    check(|_| {}, &[1, 2, 3, 4]).await;
    check(|filter| filter.limit = 0, &[]).await;
    check(|filter| filter.limit = 2, &[1, 2]).await;
    check(|filter| filter.newest_first = true, &[4, 3, 2, 1]).await;
    check(|filter| (filter.newest_first, filter.limit) = (true, 1), &[4]).await;
    check(|filter| filter.after = Some(2), &[3, 4]).await;
    check(|filter| filter.before = Some(3), &[1, 2]).await;
    check(|filter| (filter.after, filter.before) = (Some(1), Some(3)), &[2]).await;
    check(|filter| filter.kinds = vec![EventKind::Published], &[2, 3]).await;
    check(|filter| filter.kinds = vec![EventKind::DigestMismatch, EventKind::Initialized], &[1, 4])
        .await;
    check(|filter| filter.minimum_severity = Some(Severity::Medium), &[4]).await;
    check(|filter| filter.repository = Some(repository_name("main")), &[2, 3]).await;
    check(|filter| filter.repository = Some(repository_name("other")), &[]).await;
    check(|filter| filter.ecosystem = Some("generic".to_owned()), &[2, 3]).await;
    check(|filter| filter.ecosystem = Some("generic\0".to_owned()), &[]).await;
    check(|filter| filter.package = Some(PackageName::new("a").unwrap()), &[2, 4]).await;
    check(|filter| filter.file = Some(file_name("y")), &[3]).await;
    check(
        |filter| {
            filter.package = Some(PackageName::new("a").unwrap());
            filter.kinds = vec![EventKind::Published];
            filter.ecosystem = Some("generic".to_owned());
        },
        &[2],
    )
    .await;
}

pub(crate) async fn are_append_only(raw: &mut AnyConnection) {
    for sql in ["UPDATE events SET facts = '{}'", "DELETE FROM events WHERE number = 1"] {
        let refused = raw.execute(sql).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
}
