//! What upstreams said.

use provender_domain::{Listing, Upstream, UpstreamTarget};
use provender_store::{ListingOutcome, Metadata, StoreError, StoredListing, Write};

use crate::support::{kept, key, moment, repository, repository_name, upstream_name};

pub(crate) async fn all(metadata: &Metadata) {
    let (key, name) = (key("listings", "demo"), upstream_name("outside"));
    metadata.commit(vec![Write::CreateRepository(repository("listings"))], vec![]).await.unwrap();
    let commit = async |write: Write| metadata.commit(vec![write], vec![]).await;
    let put = |listing: &StoredListing| Write::PutListing {
        key: key.clone(),
        upstream: name.clone(),
        listing: listing.clone(),
    };
    let touch =
        || Write::TouchListing { key: key.clone(), upstream: name.clone(), fetched_at: moment(9) };
    let stored = async || metadata.listing(&key, &name).await.unwrap();

    assert_eq!(stored().await, None);
    let outcome = commit(touch()).await;
    assert!(matches!(outcome, Err(StoreError::Missing { what: "listing", .. })), "{outcome:?}");

    let mut listing = found("a");
    commit(put(&listing)).await.unwrap();
    assert_eq!(stored().await, Some(listing.clone()));
    listing.fetched_at = moment(9);
    commit(touch()).await.unwrap();
    assert_eq!(stored().await, Some(listing));

    let missing = StoredListing {
        outcome: ListingOutcome::Missing,
        etag: None,
        last_modified: None,
        fetched_at: moment(10),
    };
    commit(put(&missing)).await.unwrap();
    assert_eq!(stored().await, Some(missing));
    commit(put(&found("b"))).await.unwrap();
    assert_eq!(stored().await, Some(found("b")));
    assert_eq!(metadata.listing(&key, &upstream_name("other")).await.unwrap(), None);

    // Another upstream of the same name must not answer with what this one said.
    commit(Write::AddUpstream(upstream())).await.unwrap();
    assert_eq!(stored().await, None);
    commit(put(&found("c"))).await.unwrap();
    commit(Write::RemoveUpstream {
        repository: repository_name("listings"),
        ecosystem: "generic".to_owned(),
        name: name.clone(),
    })
    .await
    .unwrap();
    assert_eq!(stored().await, None);
}

fn found(file: &str) -> StoredListing {
    let mut listing = Listing::default();
    listing.files.push(kept(file, crate::support::blob(1)).file);
    listing.attributes.set_text("project-status", "archived\u{0}");
    StoredListing {
        outcome: ListingOutcome::Found(listing),
        etag: Some("\"1\"".to_owned()),
        last_modified: Some("Thu, 01 Jan 1970 00:00:00 GMT".to_owned()),
        fetched_at: moment(8),
    }
}

fn upstream() -> Upstream {
    Upstream {
        repository: repository_name("listings"),
        ecosystem: "generic".to_owned(),
        name: upstream_name("outside"),
        position: 0,
        target: UpstreamTarget::Repository { repository: repository_name("zoo") },
        watch_names: false,
        created_at: moment(4),
    }
}
