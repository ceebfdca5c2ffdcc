use super::{ManifestType, essence, is_not_distributable, is_valid};

#[test]
fn media_types() {
    let check = |text: &str, expected: bool| assert_eq!(is_valid(text), expected, "{text:?}");
    check("application/vnd.oci.image.manifest.v1+json", true);
    check("application/x!#$&-^_.+", true);
    check(&format!("a/{}", "b".repeat(253)), true);
    check(&format!("a/{}", "b".repeat(254)), false);
    check("", false);
    check("/", false);
    check("a/", false);
    check("/b", false);
    check("a/b/c", false);
    check("a/+b", false);
    check("a/b;c=d", false);
    check("a/b c", false);
    check("a/b\r\nx: y", false);
    check("text/\u{e4}", false);
}

#[test]
fn only_manifests_are_manifests() {
    for text in ["text/html", "image/svg+xml", "application/json", "", "*/*"] {
        assert_eq!(ManifestType::named(text), None, "{text:?}");
    }
    let sent = "Application/VND.OCI.image.index.v1+json; charset=utf-8";
    assert!(ManifestType::named(&essence(sent)).is_some());
}

#[test]
fn layers_that_may_be_elsewhere() {
    let check = |text, expected| assert_eq!(is_not_distributable(text), expected, "{text:?}");
    check("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", true);
    check("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true);
    check("application/vnd.docker.image.rootfs.diff.tar.gzip", false);
    check("application/vnd.oci.image.layer.v1.tar+zstd", false);
}
