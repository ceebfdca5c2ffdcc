//! References, right and wrong.

use super::read;
use provender_ecosystem::NamedTarget;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Host, repository, image and what is meant of it, with spaces between.
fn written(text: &str) -> Option<String> {
    let named = read(text)?;
    let host = named.host.as_deref().unwrap_or("-");
    let target = match &named.target {
        NamedTarget::Tag(tag) => format!(":{tag}"),
        NamedTarget::File(file) => file.to_string(),
    };
    Some(format!("{host} {} {} {target}", named.repository, named.package))
}

#[test]
fn what_references_name() {
    let check = |text: &str, expected: &str| {
        assert_eq!(written(text).as_deref(), Some(expected), "{text}");
    };
    check("localhost:8080/main/team/app:1.0", "localhost:8080 main team/app :1.0");
    check("localhost/main/app:1.0", "localhost main app :1.0");
    check("Registry.Example/main/app:Latest", "registry.example main app :Latest");
    check("127.0.0.1:5000/main/app:v1", "127.0.0.1:5000 main app :v1");
    check("[::1]:5000/main/app:v1", "[::1]:5000 main app :v1");
    check("main/app:1.0", "- main app :1.0");
    check("main/team/sub/app:1.0", "- main team/sub/app :1.0");
    let manifest = format!("manifest@{DIGEST}");
    check(&format!("main/app@{DIGEST}"), &format!("- main app {manifest}"));
    check(&format!("main/app:1.0@{DIGEST}"), &format!("- main app {manifest}"));
    let hosted = format!("registry.example:443/main/app@{DIGEST}");
    check(&hosted, &format!("registry.example:443 main app {manifest}"));
}

#[test]
fn what_is_no_reference() {
    for text in [
        "",
        "app",
        "app:1.0",
        "main/app",
        "localhost:8080/main/app",
        "localhost:8080/app:1.0",
        "localhost:port/main/app:1.0",
        "main/App:1.0",
        "main/app:",
        "main/app:-1",
        "main/app:1.0:2.0",
        "main//app:1.0",
        "/main/app:1.0",
        "main/app:1.0/x",
        "main/app@sha256:00",
        "main/app@md5:d41d8cd98f00b204e9800998ecf8427e",
        "http://localhost:8080/main/app:1.0",
        "user@host.example/main/app:1.0",
        "ho_st.example/main/app:1.0",
        "firmware.bin",
        "./main/app:1.0",
        "../main/app:1.0",
        "pkg:oci/app@1.0",
    ] {
        assert_eq!(written(text), None, "{text}");
    }
    assert_eq!(written(&format!("main/app@{}", DIGEST.to_uppercase())), None);
    assert_eq!(written(&format!("main/{}:1.0", "a".repeat(2000))), None);
}
