//! Every fact of a file survives its column.

use provender_domain::{
    Attributes, BlobId, Companion, File, FileName, FileState, KeptFile, Origin, Timestamp,
    UpstreamName, Version, Yank,
};

use super::{FileColumns, decode, encode};
use crate::StoreError;
use crate::metadata::read::state_name;

fn bare() -> KeptFile {
    let blob = BlobId::from_bytes([7; 32]);
    let file = File {
        name: FileName::new("demo-1.0.tar.gz").unwrap(),
        version: None,
        url: None,
        digests: vec![],
        size_bytes: None,
        uploaded_at: None,
        yank: None,
        attributes: Attributes::default(),
        companions: vec![],
    };
    KeptFile {
        file,
        blob,
        origin: Origin::Published,
        recorded_at: Timestamp::from_microseconds(1),
        publisher: None,
        state: FileState::Present,
        state_reason: None,
    }
}

fn decoded(of: &KeptFile, text: &str) -> Result<KeptFile, StoreError> {
    let (name, blob) = (of.file.name.as_str(), &*of.blob.to_hex());
    decode(&FileColumns { name, blob, state: state_name(of.state) }, text)
}

#[test]
fn round_trips() {
    let check = |change: fn(&mut KeptFile)| {
        let mut file = bare();
        change(&mut file);
        assert_eq!(decoded(&file, &encode(&file)).unwrap(), file);
    };
    check(|_| {});
    check(|kept| kept.file.name = FileName::new("dé \"mo\"\u{1f600}.whl").unwrap());
    check(|kept| kept.file.version = Some(Version::new("1.0+local.1").unwrap()));
    check(|kept| kept.file.url = Some("https://upstream.example/a\"b\u{0}".to_owned()));
    check(|kept| kept.file.digests = vec![kept.blob.digest()]);
    check(|kept| kept.file.digests = vec![kept.blob.digest(), kept.blob.digest()]);
    check(|kept| kept.file.size_bytes = Some(u64::MAX));
    check(|kept| kept.file.uploaded_at = Some(Timestamp::from_microseconds(1_750_000_000_123_456)));
    check(|kept| kept.file.yank = Some(Yank { reason: None }));
    check(|kept| kept.file.yank = Some(Yank { reason: Some("bad\nbuild".to_owned()) }));
    check(|kept| kept.file.attributes.set_text("requires-python", ">=3.9"));
    check(|kept| {
        let url = Some("https://upstream.example/m".to_owned());
        let digest = Some(kept.blob.digest());
        kept.file.companions = vec![
            Companion { kind: "metadata".to_owned(), url: None, digest },
            Companion { kind: "provenance".to_owned(), url, digest: None },
        ];
    });
    check(|kept| {
        kept.origin = Origin::Mirrored { upstream: UpstreamName::new("outside").unwrap() };
    });
    check(|kept| kept.publisher = Some("token ci (1)".to_owned()));
    check(|kept| kept.state = FileState::Quarantined);
    check(|kept| {
        kept.state = FileState::Deleted;
        kept.state_reason = Some("leaked a key".to_owned());
    });
}

#[test]
fn nothing_is_written_twice() {
    let mut file = bare();
    file.file.digests = vec![file.blob.digest()];
    assert_eq!(encode(&file), "{\"r\":1}");
}

#[test]
fn what_earlier_versions_wrote_is_read() {
    let mut file = bare();
    let blob = file.blob.to_hex();
    let with = |digests: &str| {
        format!(
            "{{\"n\":\"demo-1.0.tar.gz\",\"d\":[{digests}],\"b\":\"{blob}\",\"r\":1,\"q\":\"present\"}}"
        )
    };
    assert_eq!(decoded(&file, &with("")).unwrap(), file);
    file.file.digests = vec![file.blob.digest()];
    assert_eq!(decoded(&file, &with(&format!("\"sha256:{blob}\""))).unwrap(), file);
}

#[test]
fn malformed_facts_are_an_error_and_unknown_ones_are_not() {
    let check = |from: &str, to: &str, is_sound: bool| {
        let text = encode(&bare());
        assert!(text.contains(from), "{from} in {text}");
        let read = decoded(&bare(), &text.replacen(from, to, 1));
        assert_eq!(read.is_ok(), is_sound, "{from} -> {to}");
    };
    check("\"d\":[]", "\"d\":[\"sha256:00\"]", false);
    check("{", "{\"later\":true,", true);
    check("{", "", false);
    let check = |name: &str, blob: &str, state: &str| {
        assert!(decode(&FileColumns { name, blob, state }, &encode(&bare())).is_err());
    };
    let blob = "07".repeat(32);
    check("../demo", &blob, "present");
    check("demo", &blob[2..], "present");
    check("demo", &blob, "elsewhere");
}
