//! Packages and their origin.

use provender_domain::Origin;
use provender_store::{Metadata, PackageKey, StoreError, Write};

use crate::support::{ECOSYSTEM, bind, key, mirrored, moment, repository, repository_name};

pub(crate) async fn all(metadata: &Metadata) {
    metadata.commit(vec![Write::CreateRepository(repository("packages"))], vec![]).await.unwrap();
    first_origin_stays(metadata).await;
    administrators_claim(metadata).await;
    lists_are_sorted_by_bytes(metadata).await;
    needs_its_repository(metadata).await;
}

async fn origin(metadata: &Metadata, key: &PackageKey) -> Option<Origin> {
    metadata.package(key).await.unwrap().and_then(|row| row.origin)
}

async fn first_origin_stays(metadata: &Metadata) {
    let key = key("packages", "bound");
    assert_eq!(metadata.package(&key).await.unwrap(), None);
    let before = metadata.counts().await.unwrap();
    let bind_to = async |origin: Origin| {
        let write = Write::BindName { key: key.clone(), origin, at: moment(5) };
        metadata.commit(vec![write], vec![]).await
    };
    bind_to(mirrored("one")).await.unwrap();
    bind_to(mirrored("one")).await.unwrap();
    for other in [mirrored("two"), Origin::Published] {
        let refused = bind_to(other).await.unwrap_err();
        assert!(
            matches!(&refused, StoreError::OriginBound { bound } if *bound == mirrored("one")),
            "{refused:?}"
        );
    }
    let row = metadata.package(&key).await.unwrap().unwrap();
    assert_eq!((row.origin, row.created_at), (Some(mirrored("one")), moment(5)));
    assert_eq!(metadata.counts().await.unwrap().packages, before.packages + 1);
}

async fn administrators_claim(metadata: &Metadata) {
    let key = key("packages", "claimed");
    let claim = |origin| Write::RebindName {
        key: key.clone(),
        origin,
        at: moment(6),
        actor: "root".to_owned(),
    };
    metadata.commit(vec![claim(mirrored("one"))], vec![]).await.unwrap();
    let generation = metadata.package(&key).await.unwrap().unwrap().generation;
    metadata.commit(vec![claim(Origin::Published)], vec![]).await.unwrap();
    assert_eq!(origin(metadata, &key).await, Some(Origin::Published));
    assert!(metadata.package(&key).await.unwrap().unwrap().generation > generation);
}

async fn lists_are_sorted_by_bytes(metadata: &Metadata) {
    metadata.commit(vec![Write::CreateRepository(repository("sorted"))], vec![]).await.unwrap();
    let names = ["a-b", "B", "ab", "a.c", "é", "z", "a_b"];
    let writes = names.iter().map(|name| bind(&key("sorted", name))).collect();
    metadata.commit(writes, vec![]).await.unwrap();
    let packages = metadata.packages(&repository_name("sorted"), ECOSYSTEM).await.unwrap();
    let listed: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(listed, ["B", "a-b", "a.c", "a_b", "ab", "z", "é"]);
}

async fn needs_its_repository(metadata: &Metadata) {
    let claim = Write::RebindName {
        key: key("nowhere", "x"),
        origin: Origin::Published,
        at: moment(1),
        actor: "root".to_owned(),
    };
    for write in [bind(&key("nowhere", "x")), claim] {
        let refused = metadata.commit(vec![write], vec![]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Missing { what: "repository", .. }), "{refused:?}");
    }
}
