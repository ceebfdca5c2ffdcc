use provender_domain::FileName;

use super::{Kind, digest_of, name, parse};

#[test]
fn names() {
    let check = |text: &str, expected: Option<Kind>| {
        let file = FileName::new(text).unwrap();
        let found = parse(&file);
        assert_eq!(found.as_ref().map(|(kind, _)| *kind), expected, "{text:?}");
        if let Some((kind, digest)) = found {
            assert_eq!(name(kind, &digest), file, "{text:?} has another name too");
        }
    };
    let (sha256, sha512) = ("ab".repeat(32), "ab".repeat(64));
    check(&format!("blob@sha256:{sha256}"), Some(Kind::Blob));
    check(&format!("manifest@sha256:{sha256}"), Some(Kind::Manifest));
    check(&format!("manifest@sha512:{sha512}"), Some(Kind::Manifest));
    check(&format!("manifest@sha256:{sha512}"), None);
    check(&format!("manifest@sha384:{}", "ab".repeat(48)), None);
    check(&format!("manifest@md5:{}", "ab".repeat(16)), None);
    check(&format!("manifest@sha256:{}", sha256.to_uppercase()), None);
    check(&format!("manifest@SHA256:{sha256}"), None);
    check(&format!("Manifest@sha256:{sha256}"), None);
    check(&format!("tag@sha256:{sha256}"), None);
    check(&format!("sha256:{sha256}"), None);
    check("manifest@", None);
    check("blob", None);
}

#[test]
fn digests_have_one_spelling() {
    assert!(digest_of(&format!("sha256:{}", "0".repeat(64))).is_some());
    for text in ["", "sha256", "sha256:", ":", "sha256:baddigeststring", "multihash+base58:Qm"] {
        assert!(digest_of(text).is_none(), "{text:?}");
    }
    assert!(digest_of(&format!(" sha256:{}", "0".repeat(64))).is_none());
    assert!(digest_of(&format!("sha256:{}\n", "0".repeat(64))).is_none());
}
