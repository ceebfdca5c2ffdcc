//! Which files name which.

use provender_domain::ReferenceRole::{Optional, Required, Subject};
use provender_domain::{FileState, KeptFile, Origin, Reference, ReferenceRole, UpstreamName};
use provender_store::{Metadata, PackageKey, StoreError, Write};

use crate::support::{
    bind, blob, file_name, kept, key, moment, record, refer, reference, repository,
};

/// As many signatures and the like as a well-known image has.
const MANY: usize = 1_000;

pub(crate) async fn all(metadata: &Metadata) {
    metadata.commit(vec![Write::CreateRepository(repository("references"))], vec![]).await.unwrap();
    what_is_required_must_be_there(metadata).await;
    they_are_read_from_both_ends(metadata).await;
    a_file_is_kept_whatever_became_of_it(metadata).await;
    many_at_once(metadata).await;
}

async fn commit(metadata: &Metadata, write: Write) -> Result<(), StoreError> {
    metadata.commit(vec![write], vec![]).await.map(drop)
}

fn with_state(mut file: KeptFile, state: FileState) -> KeptFile {
    file.state = state;
    file
}

fn update(key: &PackageKey, file: KeptFile) -> Write {
    Write::UpdateFile { key: key.clone(), file }
}

async fn what_is_required_must_be_there(metadata: &Metadata) {
    let key = key("references", "required");
    let held = with_state(kept("held", blob(3)), FileState::Quarantined);
    let writes = vec![
        bind(&key),
        record(&key, kept("layer", blob(1))),
        record(&key, held),
        record(&key, kept("gone", blob(2))),
        update(&key, with_state(kept("gone", blob(2)), FileState::Deleted)),
    ];
    metadata.commit(writes, vec![]).await.unwrap();
    let check = async |references: &[Reference], missing: Option<&str>| {
        let writes =
            vec![record(&key, kept("manifest", blob(9))), refer(&key, "manifest", references)];
        let before = metadata.counts().await.unwrap();
        let outcome = metadata.commit(writes, vec![]).await;
        match (outcome, missing) {
            (Ok(_), None) => {}
            (Err(StoreError::MissingReference { target }), Some(expected)) => {
                assert_eq!(target, file_name(expected));
                assert_eq!(metadata.file(&key, &file_name("manifest")).await.unwrap(), None);
                assert_eq!(metadata.counts().await.unwrap(), before);
            }
            (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
        }
    };
    for absent in ["gone", "held", "never"] {
        let both = [reference("layer", Required), reference(absent, Required)];
        check(&both, Some(absent)).await;
    }
    let fine = [
        reference("layer", Required),
        reference("never", Optional),
        reference("gone", Optional),
        reference("elsewhere", Subject),
    ];
    check(&fine, None).await;
    // The same again is fine.
    commit(metadata, refer(&key, "manifest", &fine)).await.unwrap();
    for who in ["gone", "never"] {
        let outcome = commit(metadata, refer(&key, who, &[])).await;
        assert!(matches!(outcome, Err(StoreError::Missing { what: "file", .. })), "{outcome:?}");
    }
}

async fn they_are_read_from_both_ends(metadata: &Metadata) {
    let key = key("references", "read");
    // Not in the order of their names, and with as many digits as it comes.
    let recorded_at = |name: &str| match name {
        "held-signature" => -3,
        "image" => 9,
        _ => 10,
    };
    let file = |name: &str| {
        let mut kept = kept(name, blob(u8::try_from(name.len()).unwrap()));
        kept.recorded_at = moment(recorded_at(name));
        // What whoever made it wrote into it.
        kept.file.attributes.set_text("note", "\0 \\u0000 \u{1f389}");
        kept
    };
    let mut writes = vec![bind(&key)];
    for name in ["layer", "image", "index", "signature", "held-signature"] {
        writes.push(record(&key, file(name)));
    }
    writes.push(refer(&key, "image", &[reference("layer", Required)]));
    let of_index = [reference("image", Required), reference("foreign", Optional)];
    writes.push(refer(&key, "index", &of_index));
    for name in ["signature", "held-signature"] {
        let both = [reference("image", Subject), reference("layer", Required)];
        writes.push(refer(&key, name, &both));
    }
    let held = with_state(file("held-signature"), FileState::Quarantined);
    writes.push(update(&key, held));
    metadata.commit(writes, vec![]).await.unwrap();

    let check = async |target: &str, roles: &[ReferenceRole], expected: &[&str]| {
        let found = metadata.referring(&key, &file_name(target), roles).await.unwrap();
        let found: Vec<_> = found.iter().map(AsRef::as_ref).collect();
        assert_eq!(found, expected, "{target} {roles:?}");
    };
    check("layer", &[Required], &["held-signature", "image", "signature"]).await;
    check("layer", &[Subject, Optional], &[]).await;
    check("image", &ReferenceRole::ALL, &["held-signature", "index", "signature"]).await;
    check("image", &[Required], &["index"]).await;
    check("foreign", &[Optional], &["index"]).await;
    check("image", &[], &[]).await;

    let newest = async |target: &str, limit: u32| {
        let roles = [Required, Optional];
        let found = metadata.newest_referring(&key, &file_name(target), roles, limit).await;
        found.unwrap().iter().map(|file| file.file.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(newest("layer", 9).await, ["signature", "image", "held-signature"]);
    assert_eq!(newest("layer", 2).await, ["signature", "image"]);
    assert_eq!(newest("image", 9).await, ["index"], "what is about it is not above it");
    assert_eq!(newest("nothing", 9).await, [""; 0]);

    let about = async |target: &str| {
        let found = metadata.referrers(&key, &file_name(target)).await.unwrap();
        found.iter().map(|file| file.file.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(about("image").await, ["signature"]);
    assert_eq!(about("layer").await, [""; 0]);
    let of_signature =
        async || metadata.references_of(&key, &file_name("signature")).await.unwrap();
    assert_eq!(of_signature().await, [reference("image", Subject), reference("layer", Required)]);

    let tombstone = with_state(file("signature"), FileState::Deleted);
    commit(metadata, update(&key, tombstone)).await.unwrap();
    assert_eq!(of_signature().await, []);
    assert_eq!(about("image").await, [""; 0]);
    check("layer", &[Required], &["held-signature", "image"]).await;
}

async fn a_file_is_kept_whatever_became_of_it(metadata: &Metadata) {
    let key = key("references", "kept");
    let file = kept("a", blob(1));
    let before = metadata.counts().await.unwrap();
    let keep = |file: &KeptFile| Write::KeepFile { key: key.clone(), file: file.clone() };
    let now_there = async || metadata.file(&key, &file_name("a")).await.unwrap().unwrap();
    let outcome = commit(metadata, keep(&file)).await;
    assert!(matches!(outcome, Err(StoreError::Missing { .. })), "{outcome:?}");
    metadata.commit(vec![bind(&key), keep(&file)], vec![]).await.unwrap();
    let mark = Write::MarkOrphan { key: key.clone(), file: file_name("a"), since: moment(1) };
    commit(metadata, mark).await.unwrap();
    // There already, from where it comes now: it stays, and is no orphan.
    let anew =
        KeptFile { recorded_at: moment(9), publisher: Some("bob".to_owned()), ..file.clone() };
    commit(metadata, keep(&anew)).await.unwrap();
    assert_eq!(now_there().await, file);
    assert!(!metadata.is_orphan(&key, &file_name("a")).await.unwrap());
    // Deleted: it comes back.
    commit(metadata, update(&key, with_state(file.clone(), FileState::Deleted))).await.unwrap();
    commit(metadata, keep(&anew)).await.unwrap();
    assert_eq!(now_there().await, anew);
    // From elsewhere: it is the newer one's.
    let upstream = UpstreamName::new("elsewhere").unwrap();
    let mirrored = KeptFile { origin: Origin::Mirrored { upstream }, ..anew.clone() };
    commit(metadata, keep(&mirrored)).await.unwrap();
    assert_eq!(now_there().await, mirrored);
    let after = metadata.counts().await.unwrap();
    assert_eq!((after.files - before.files, after.bytes - before.bytes), (1, 100));
    // Other bytes, or in quarantine: refused.
    let check = async |file: &KeptFile| {
        let outcome = commit(metadata, keep(file)).await;
        assert!(matches!(outcome, Err(StoreError::FileExists { .. })), "{outcome:?}");
    };
    check(&kept("a", blob(2))).await;
    commit(metadata, update(&key, with_state(mirrored, FileState::Quarantined))).await.unwrap();
    check(&anew).await;
}

async fn many_at_once(metadata: &Metadata) {
    let key = key("references", "many");
    let mut writes = vec![bind(&key), record(&key, kept("image", blob(1)))];
    let layers: Vec<_> = (0..150).map(|number| format!("layer-{number:03}")).collect();
    writes.extend(layers.iter().map(|name| record(&key, kept(name, blob(2)))));
    let mut of_image: Vec<_> = layers.iter().map(|name| reference(name, Required)).collect();
    writes.push(refer(&key, "image", &of_image));
    for number in 0..MANY {
        let name = format!("signature-{number:04}");
        writes.push(record(&key, kept(&name, blob(3))));
        writes.push(refer(&key, &name, &[reference("image", Subject)]));
    }
    metadata.commit(writes, vec![]).await.unwrap();
    assert_eq!(metadata.references_of(&key, &file_name("image")).await.unwrap(), of_image);
    let referrers = metadata.referrers(&key, &file_name("image")).await.unwrap();
    assert_eq!(referrers.len(), MANY);
    assert!(referrers.is_sorted_by_key(|file| file.file.name.clone()));

    of_image.push(reference("layer-150", Required));
    let refused = commit(metadata, refer(&key, "image", &of_image)).await;
    assert!(matches!(refused, Err(StoreError::MissingReference { .. })), "{refused:?}");
}
