//! Every fact of a file survives its column.

use provender_domain::{
    Attributes, BlobId, Companion, File, FileName, FileState, KeptFile, Origin, Timestamp,
    UpstreamName, Version, Yank,
};

use super::{decode, encode};

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

#[test]
fn round_trips() {
    let check = |change: fn(&mut KeptFile)| {
        let mut file = bare();
        change(&mut file);
        assert_eq!(decode(&encode(&file)).unwrap(), file);
    };
    check(|_| {});
    check(|kept| kept.file.name = FileName::new("dé \"mo\"\u{1f600}.whl").unwrap());
    check(|kept| kept.file.version = Some(Version::new("1.0+local.1").unwrap()));
    check(|kept| kept.file.url = Some("https://upstream.example/a\"b\u{0}".to_owned()));
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
fn malformed_facts_are_an_error_and_unknown_ones_are_not() {
    let check = |from: &str, to: &str, sound: bool| {
        let text = encode(&bare());
        assert!(text.contains(from), "{from} in {text}");
        assert_eq!(decode(&text.replacen(from, to, 1)).is_ok(), sound, "{from} -> {to}");
    };
    check("\"demo", "\"../demo", false);
    check("\"present\"", "\"elsewhere\"", false);
    check("0707", "07", false);
    check("\"d\":[]", "\"d\":[\"sha256:00\"]", false);
    check("{", "{\"later\":true,", true);
    check("{", "", false);
}
