use provender_domain::{Attributes, File, FileName};
use provender_ecosystem::{Endpoint, Receipt, SessionId};

use super::{presentation, render};
use crate::{attribute, name, version};

const ENDPOINT: Endpoint<'_> = Endpoint { origin: "http://localhost:8080", repository: "main" };

fn file_name(kind: &str) -> FileName {
    FileName::new(&format!("{kind}@sha256:{}", "a".repeat(64))).unwrap()
}

#[test]
fn replies() {
    let check = |receipt: &Receipt<'_>, status: u16, expected: &[(&str, &str)]| {
        let reply = render(&ENDPOINT, receipt);
        assert_eq!(reply.status, status, "{receipt:?}");
        let fields: Vec<_> =
            reply.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let version = [("docker-distribution-api-version", "registry/2.0")];
        assert_eq!(fields, [expected, &version].concat(), "{receipt:?}");
    };
    let package = &name::normalize("team/app").unwrap();
    let session = &SessionId::parse(&"7".repeat(32)).unwrap();
    let (location, id) = (
        "/v2/main/team/app/blobs/uploads/77777777777777777777777777777777",
        "77777777777777777777777777777777",
    );
    let uploading = |received_bytes, is_status| Receipt::Uploading {
        package,
        session,
        received_bytes,
        is_status,
    };
    let fields = |range| [("location", location), ("range", range), ("docker-upload-uuid", id)];
    check(&uploading(0, false), 202, &fields("0-0"));
    check(&uploading(1, false), 202, &fields("0-0"));
    check(&uploading(10, false), 202, &fields("0-9"));
    check(&uploading(10, true), 204, &fields("0-9"));
    check(&Receipt::Cancelled, 204, &[]);
    check(&Receipt::Changed, 202, &[]);
    let digest = format!("sha256:{}", "a".repeat(64));
    let (blob, manifest) = (&file_name("blob"), &file_name("manifest"));
    let at = |segment: &str| format!("/v2/main/team/app/{segment}/{digest}");
    check(
        &Receipt::Stored { package, file: blob },
        201,
        &[("location", &at("blobs")), ("docker-content-digest", &digest)],
    );
    let tag = version::tag("1.0").unwrap();
    check(
        &Receipt::Published { package, file: manifest, tag: Some(&tag), subject: Some(manifest) },
        201,
        &[
            ("location", &at("manifests")),
            ("docker-content-digest", &digest),
            ("oci-subject", &digest),
            ("oci-tag", "1.0"),
        ],
    );
    check(
        &Receipt::Published { package, file: manifest, tag: None, subject: None },
        201,
        &[("location", &at("manifests")), ("docker-content-digest", &digest)],
    );
}

#[test]
fn presentations() {
    let check = |kind: &str, media_type: &str, expected: &str| {
        let mut attributes = Attributes::default();
        attributes.set_text(attribute::MEDIA_TYPE, media_type);
        let file = File {
            name: file_name(kind),
            version: None,
            url: None,
            digests: Vec::new(),
            size_bytes: None,
            uploaded_at: None,
            yank: None,
            attributes,
            companions: Vec::new(),
        };
        assert_eq!(presentation(&file).content_type, expected, "{kind} of {media_type:?}");
    };
    let octets = "application/octet-stream";
    check(
        "manifest",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.index.v1+json",
    );
    check("manifest", "text/html", octets);
    check("manifest", "image/svg+xml", octets);
    check("manifest", "application/vnd.oci.image.index.v1+json\r\nx: y", octets);
    check("manifest", "", octets);
    check("blob", "application/vnd.oci.image.index.v1+json", octets);
}
