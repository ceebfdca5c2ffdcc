use std::io::Cursor;

use provender_domain::{Attributes, FileName, Version};
use provender_ecosystem::{Depth, Expected, InspectErrorClass, Inspection};

use super::{MANIFEST_LIMIT_BYTES, inspect};
use crate::{attribute, name};

fn inspected(
    file: &str,
    bytes: &[u8],
    sent_as: Option<&str>,
    version: Option<&str>,
) -> Result<Inspection, InspectErrorClass> {
    let package = name::normalize("app").unwrap();
    let file = FileName::new(file).unwrap();
    let version = version.map(|version| Version::new(version).unwrap());
    let mut attributes = Attributes::default();
    if let Some(sent_as) = sent_as {
        attributes.set_text(attribute::MEDIA_TYPE, sent_as);
    }
    let expected = Expected {
        package: &package,
        version: version.as_ref(),
        file: &file,
        attributes: Some(&attributes),
    };
    inspect(&expected, &mut Cursor::new(bytes), Depth::Full).map_err(|error| error.class)
}

#[test]
fn blobs_are_not_opened() {
    let blob = format!("blob@sha256:{}", "a".repeat(64));
    for bytes in [&b""[..], b"{", b"\x1f\x8b", b"{\"schemaVersion\":1}"] {
        assert_eq!(inspected(&blob, bytes, None, None), Ok(Inspection::default()));
    }
}

#[test]
fn manifests_are() {
    let manifest = format!("manifest@sha256:{}", "a".repeat(64));
    let index = br#"{"schemaVersion":2,"manifests":[]}"#;
    let check = |bytes: &[u8], sent_as, version, expected: Option<InspectErrorClass>| {
        assert_eq!(inspected(&manifest, bytes, sent_as, version).err(), expected);
    };
    let oci = "application/vnd.oci.image.index.v1+json";
    check(index, None, None, None);
    check(index, Some(oci), None, None);
    check(index, Some("text/html"), None, Some(InspectErrorClass::Damaged));
    check(index, None, Some("1.0"), Some(InspectErrorClass::Contradiction));
    check(b"", None, None, Some(InspectErrorClass::Damaged));
    let padded = |length: u64| {
        let mut bytes = index.to_vec();
        bytes.resize(usize::try_from(length).unwrap(), b' ');
        bytes
    };
    check(&padded(MANIFEST_LIMIT_BYTES), None, None, None);
    check(&padded(MANIFEST_LIMIT_BYTES + 1), None, None, Some(InspectErrorClass::Limit));
}

#[test]
fn other_names_are_no_files_of_an_image() {
    let found = inspected("app-1.0.tar.gz", b"", None, None);
    assert_eq!(found, Err(InspectErrorClass::Contradiction));
}
