//! Tags, their history, and the catalogue of packages.

use provender_domain::{FileState, Origin, TagRule};
use provender_store::{Metadata, PackageKey, StoreError, TagChange, TagRow, Write};

use crate::support::{
    ECOSYSTEM, bind, blob, file_name, kept, key, mirrored, moment, record, repository,
    repository_name, tag,
};

/// As many as a long-lived package has.
const MANY: u32 = 10_000;

pub(crate) async fn all(metadata: &Metadata) {
    metadata.commit(vec![Write::CreateRepository(repository("tags"))], vec![]).await.unwrap();
    moves_and_their_history(metadata).await;
    an_immutable_tag_stays(metadata).await;
    tags_of_another_origin_do_not_stay(metadata).await;
    a_file_that_goes_takes_its_tags_along(metadata).await;
    pages_are_sorted_whatever_the_case(metadata).await;
    ten_thousand(metadata).await;
    catalogue(metadata).await;
}

async fn commit(metadata: &Metadata, write: Write) -> Result<(), StoreError> {
    metadata.commit(vec![write], vec![]).await.map(drop)
}

fn put(key: &PackageKey, name: &str, file: &str, at: i64) -> Write {
    Write::PutTag {
        key: key.clone(),
        tag: tag(name),
        file: file_name(file),
        at: moment(at),
        actor: "ann\u{0}".to_owned(),
        checked_at: None,
        rule: TagRule::Movable,
    }
}

fn checked(write: Write, at: i64) -> Write {
    match write {
        Write::PutTag { key, tag, file, at: moved, actor, rule, .. } => {
            let checked_at = Some(moment(at));
            Write::PutTag { key, tag, file, at: moved, actor, checked_at, rule }
        }
        other => panic!("{other:?}"),
    }
}

fn immutable(write: Write) -> Write {
    match write {
        Write::PutTag { key, tag, file, at, actor, checked_at, .. } => {
            Write::PutTag { key, tag, file, at, actor, checked_at, rule: TagRule::Immutable }
        }
        other => panic!("{other:?}"),
    }
}

fn remove(key: &PackageKey, name: &str, at: i64) -> Write {
    let (key, tag, at) = (key.clone(), tag(name), moment(at));
    Write::RemoveTag { key, tag, at, actor: "bob".to_owned(), unless_moved: None }
}

/// At 8, where it points to this file since then.
fn remove_unmoved(key: &PackageKey, name: &str, file: &str, since: i64) -> Write {
    let mut write = remove(key, name, 8);
    if let Write::RemoveTag { unless_moved, .. } = &mut write {
        *unless_moved = Some((file_name(file), moment(since)));
    }
    write
}

fn touch(key: &PackageKey, name: &str, at: i64) -> Write {
    Write::TouchTag { key: key.clone(), tag: tag(name), checked_at: moment(at) }
}

fn row(name: &str, file: &str, moved: i64, checked_at: Option<i64>) -> TagRow {
    let (tag, file, moved_at) = (tag(name), file_name(file), moment(moved));
    TagRow { tag, file, moved_at, checked_at: checked_at.map(moment) }
}

fn change(name: &str, file: Option<&str>, at: i64) -> TagChange {
    let actor = if file.is_some() { "ann\u{fffd}" } else { "bob" };
    let (tag, file, at) = (tag(name), file.map(file_name), moment(at));
    TagChange { tag, file, at, actor: actor.to_owned() }
}

fn is_missing(outcome: &Result<(), StoreError>, expected: &str) -> bool {
    matches!(outcome, Err(StoreError::Missing { what, .. }) if *what == expected)
}

async fn moves_and_their_history(metadata: &Metadata) {
    let key = key("tags", "moved");
    let outcome = commit(metadata, put(&key, "latest", "a", 1)).await;
    assert!(is_missing(&outcome, "file"), "{outcome:?}");
    let writes = vec![
        bind(&key),
        record(&key, kept("a", blob(1))),
        record(&key, kept("b", blob(2))),
        put(&key, "latest", "a", 1),
    ];
    metadata.commit(writes, vec![]).await.unwrap();
    let latest = async || metadata.tag(&key, &tag("latest")).await.unwrap();
    let generation = async || metadata.package(&key).await.unwrap().unwrap().generation;
    assert_eq!(latest().await, Some(row("latest", "a", 1, None)));

    // Where it points already: nothing but the time of asking changes.
    let before = generation().await;
    commit(metadata, put(&key, "latest", "a", 2)).await.unwrap();
    assert_eq!(latest().await, Some(row("latest", "a", 1, None)));
    commit(metadata, checked(put(&key, "latest", "a", 2), 3)).await.unwrap();
    assert_eq!(latest().await, Some(row("latest", "a", 1, Some(3))));
    commit(metadata, touch(&key, "latest", 4)).await.unwrap();
    assert_eq!(latest().await, Some(row("latest", "a", 1, Some(4))));
    assert_eq!(generation().await, before);

    commit(metadata, put(&key, "latest", "b", 5)).await.unwrap();
    assert_eq!(latest().await, Some(row("latest", "b", 5, None)));
    assert!(generation().await > before);
    commit(metadata, checked(put(&key, "other", "b", 6), 7)).await.unwrap();
    assert_eq!(metadata.tags_of_file(&key, &file_name("a")).await.unwrap(), []);
    // Whoever looked before it moved takes nothing away.
    for (file, since) in [("a", 1), ("a", 5), ("b", 1)] {
        let outcome = commit(metadata, remove_unmoved(&key, "latest", file, since)).await;
        assert!(is_missing(&outcome, "tag"), "{outcome:?}");
    }
    let both = [tag("latest"), tag("other")];
    assert_eq!(metadata.tags_of_file(&key, &file_name("b")).await.unwrap(), both);
    commit(metadata, remove_unmoved(&key, "latest", "b", 5)).await.unwrap();
    assert_eq!(latest().await, None);
    for gone in [remove(&key, "latest", 9), touch(&key, "latest", 9)] {
        let outcome = commit(metadata, gone).await;
        assert!(is_missing(&outcome, "tag"), "{outcome:?}");
    }
    commit(metadata, put(&key, "latest", "a", 1)).await.unwrap();

    let history = [
        change("latest", Some("a"), 1),
        change("latest", None, 8),
        change("other", Some("b"), 6),
        change("latest", Some("b"), 5),
        change("latest", Some("a"), 1),
    ];
    assert_eq!(metadata.tag_history(&key, None, 10).await.unwrap(), history);
    assert_eq!(metadata.tag_history(&key, None, 2).await.unwrap(), history[..2]);
    let of_one: Vec<_> =
        history.iter().filter(|change| change.tag == tag("latest")).cloned().collect();
    assert_eq!(metadata.tag_history(&key, Some(&tag("latest")), 10).await.unwrap(), of_one);
    assert_eq!(metadata.tag_history(&key, Some(&tag("never")), 10).await.unwrap(), []);
}

async fn an_immutable_tag_stays(metadata: &Metadata) {
    let key = key("tags", "immutable");
    let writes = vec![
        bind(&key),
        record(&key, kept("a", blob(1))),
        record(&key, kept("b", blob(2))),
        immutable(put(&key, "1.0", "a", 1)),
        // The same again is fine.
        immutable(put(&key, "1.0", "a", 2)),
    ];
    metadata.commit(writes, vec![]).await.unwrap();
    let refused = commit(metadata, immutable(put(&key, "1.0", "b", 3))).await;
    assert!(
        matches!(&refused, Err(StoreError::TagTaken { file }) if *file == file_name("a")),
        "{refused:?}"
    );
    assert_eq!(metadata.tag(&key, &tag("1.0")).await.unwrap(), Some(row("1.0", "a", 1, None)));
    assert_eq!(metadata.tag_history(&key, None, 10).await.unwrap(), [change("1.0", Some("a"), 1)]);
}

async fn tags_of_another_origin_do_not_stay(metadata: &Metadata) {
    let key = key("tags", "claimed");
    let claim = |origin, at| {
        let (key, at, actor) = (key.clone(), moment(at), "bob".to_owned());
        Write::RebindName { key, origin, at, actor }
    };
    let writes = vec![
        Write::BindName { key: key.clone(), origin: mirrored("one"), at: moment(1) },
        record(&key, kept("a", blob(1))),
        record(&key, kept("b", blob(2))),
        checked(put(&key, "2.0", "a", 1), 1),
        checked(put(&key, "1.0", "a", 2), 2),
    ];
    metadata.commit(writes, vec![]).await.unwrap();
    commit(metadata, claim(mirrored("one"), 3)).await.unwrap();
    assert_eq!(metadata.tags(&key, None, 10).await.unwrap().len(), 2, "nothing changed");
    commit(metadata, claim(Origin::Published, 4)).await.unwrap();
    assert_eq!(metadata.tags(&key, None, 10).await.unwrap(), []);
    let history = metadata.tag_history(&key, None, 10).await.unwrap();
    let expected = [
        change("2.0", None, 4),
        change("1.0", None, 4),
        change("1.0", Some("a"), 2),
        change("2.0", Some("a"), 1),
    ];
    assert_eq!(history, expected);
    // Nor would one that came in meanwhile stand in the way; one that was put here does.
    commit(metadata, checked(put(&key, "1.0", "a", 5), 5)).await.unwrap();
    commit(metadata, immutable(put(&key, "1.0", "b", 6))).await.unwrap();
    assert_eq!(metadata.tag(&key, &tag("1.0")).await.unwrap(), Some(row("1.0", "b", 6, None)));
    let refused = commit(metadata, immutable(put(&key, "1.0", "a", 7))).await;
    assert!(matches!(refused, Err(StoreError::TagTaken { .. })), "{refused:?}");
}

async fn a_file_that_goes_takes_its_tags_along(metadata: &Metadata) {
    let key = key("tags", "gone");
    let file = kept("a", blob(1));
    let writes = vec![
        bind(&key),
        record(&key, file.clone()),
        put(&key, "two", "a", 1),
        put(&key, "one", "a", 1),
    ];
    metadata.commit(writes, vec![]).await.unwrap();
    let mut tombstone = file.clone();
    tombstone.state = FileState::Deleted;
    let delete = Write::UpdateFile { key: key.clone(), file: tombstone };
    let refused = commit(metadata, delete.clone()).await;
    assert!(matches!(refused, Err(StoreError::InUse)), "{refused:?}");
    let remove = Write::RemoveTagsOf {
        key: key.clone(),
        file: file_name("a"),
        at: moment(2),
        actor: "bob".to_owned(),
    };
    metadata.commit(vec![remove, delete], vec![]).await.unwrap();
    assert_eq!(metadata.tags(&key, None, 10).await.unwrap(), []);
    let history = metadata.tag_history(&key, None, 2).await.unwrap();
    assert_eq!(history, [change("two", None, 2), change("one", None, 2)]);
    let outcome = commit(metadata, put(&key, "one", "a", 3)).await;
    assert!(is_missing(&outcome, "file"), "{outcome:?}");
}

async fn pages_are_sorted_whatever_the_case(metadata: &Metadata) {
    let key = key("tags", "sorted");
    let names = ["v1", "V2", "V1", "_x", "1.0", "1.10", "v1-a", "v1.a", "v1_a", "latest"];
    let mut writes = vec![bind(&key), record(&key, kept("a", blob(1)))];
    writes.extend(names.iter().map(|name| put(&key, name, "a", 1)));
    metadata.commit(writes, vec![]).await.unwrap();
    let sorted = ["1.0", "1.10", "_x", "latest", "V1", "v1", "v1-a", "v1.a", "v1_a", "V2"];
    let check = async |after: Option<&str>, limit: u32, expected: &[&str]| {
        let rows = metadata.tags(&key, after, limit).await.unwrap();
        let found: Vec<_> = rows.iter().map(|row| row.tag.as_str()).collect();
        assert_eq!(found, expected, "{after:?} {limit}");
    };
    check(None, 100, &sorted).await;
    check(None, 0, &[]).await;
    check(None, 2, &sorted[..2]).await;
    check(Some("1.10"), 3, &sorted[2..5]).await;
    check(Some("A"), 1, &["latest"]).await;
    check(Some("V1"), 1, &["v1"]).await;
    check(Some("v1"), 2, &["v1-a", "v1.a"]).await;
    check(Some("V2"), 100, &[]).await;
    check(Some("v2"), 100, &[]).await;
    check(Some("\0"), 1, &["1.0"]).await;
    check(Some("V1\0"), 1, &["v1-a"]).await;
}

async fn ten_thousand(metadata: &Metadata) {
    let key = key("tags", "many");
    let mut writes = vec![bind(&key), record(&key, kept("a", blob(1)))];
    writes.extend((0..MANY).map(|number| put(&key, &format!("build-{number:05}"), "a", 1)));
    metadata.commit(writes, vec![]).await.unwrap();
    let mut after: Option<String> = None;
    let mut seen = 0;
    loop {
        let page = metadata.tags(&key, after.as_deref(), 3_000).await.unwrap();
        for row in &page {
            assert_eq!(row.tag.as_str(), format!("build-{seen:05}"));
            seen += 1;
        }
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.tag.to_string());
    }
    assert_eq!(seen, MANY);
}

async fn catalogue(metadata: &Metadata) {
    let repositories = ["cat-b", "cat-a", "cat_c"];
    let mut writes = Vec::new();
    for name in repositories {
        writes.push(Write::CreateRepository(repository(name)));
        for package in ["b", "B/x", "a-b", "a/b", "empty", "deleted"] {
            let key = key(name, package);
            writes.push(bind(&key));
            let mut file = kept("f", blob(1));
            if package == "empty" {
                continue;
            }
            writes.push(record(&key, file.clone()));
            if package == "deleted" {
                file.state = FileState::Deleted;
                writes.push(Write::UpdateFile { key, file });
            }
        }
    }
    metadata.commit(writes, vec![]).await.unwrap();
    let check = async |of: &[&str], after: Option<(&str, &str)>, limit: u32, expected: &[&str]| {
        let of: Vec<_> = of.iter().map(|name| repository_name(name)).collect();
        let page = metadata.packages_page(&of, ECOSYSTEM, after, limit).await.unwrap();
        let found: Vec<_> =
            page.iter().map(|(repository, name)| format!("{repository}:{name}")).collect();
        assert_eq!(found, expected, "{of:?} {after:?} {limit}");
    };
    let of_a = ["cat-a:B/x", "cat-a:a-b", "cat-a:a/b", "cat-a:b"];
    check(&[], None, 10, &[]).await;
    check(&["cat-a"], None, 10, &of_a).await;
    check(&["cat-a", "cat-a"], None, 10, &of_a).await;
    check(&["cat_c", "cat-a"], None, 5, &[&of_a[..], &["cat_c:B/x"]].concat()).await;
    check(&["cat_c", "cat-a"], Some(("cat-a", "a/b")), 2, &["cat-a:b", "cat_c:B/x"]).await;
    check(&["cat_c", "cat-a"], Some(("cat-b", "b")), 1, &["cat_c:B/x"]).await;
    check(&["cat_c", "cat-a"], Some(("cat_c", "b")), 10, &[]).await;
    check(&["cat-a"], None, 0, &[]).await;
    check(&["cat-a"], Some(("cat-a", "a-b\0")), 1, &["cat-a:a/b"]).await;
    check(&["cat-a"], Some(("cat-a", "\0")), 1, &["cat-a:B/x"]).await;

    let of_blob = async |limit: u32| {
        let found = metadata.files_with_blob(&blob(191), limit).await.unwrap();
        found
            .iter()
            .map(|file| format!("{}:{}", file.package.repository, file.package.package))
            .collect::<Vec<_>>()
    };
    let mut writes = Vec::new();
    for name in repositories {
        for package in ["b", "B/x", "a-b", "a/b"] {
            writes.push(record(&key(name, package), kept("g", blob(191))));
        }
    }
    metadata.commit(writes, vec![]).await.unwrap();
    assert_eq!(of_blob(4).await, of_a);
    assert_eq!(of_blob(9).await.last().unwrap(), "cat_c:B/x");
}

/// The history may be neither changed nor shortened.
pub(crate) async fn history_is_append_only(raw: &mut sqlx::AnyConnection) {
    use sqlx::Executor as _;
    for sql in ["UPDATE tag_history SET actor = ''", "DELETE FROM tag_history WHERE number = 1"] {
        let refused = raw.execute(sql).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
}
