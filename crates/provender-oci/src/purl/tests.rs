use provender_domain::FileName;

use super::{read, write};
use crate::name;

#[test]
fn package_urls() {
    let check = |image: &str, file: Option<&str>, expected: &str| {
        let package = name::normalize(image).unwrap();
        let file = file.map(|file| FileName::new(file).unwrap());
        let purl = write(&package, file.as_ref());
        assert_eq!(purl.to_string(), expected);
        let subject = read(&purl).unwrap();
        assert_eq!((subject.package, subject.version, subject.file), (package, None, file));
    };
    let hex = "a".repeat(64);
    check("app", None, "pkg:oci/app");
    check("team/app", None, "pkg:oci/app?repository_url=%2Fteam%2Fapp");
    let manifest = format!("manifest@sha256:{hex}");
    check(
        "my.team/sub/app",
        Some(&manifest),
        &format!("pkg:oci/app@sha256:{hex}?repository_url=%2Fmy.team%2Fsub%2Fapp"),
    );
    let blob = format!("blob@sha256:{hex}");
    check("app", Some(&blob), &format!("pkg:oci/app?file_name=blob%40sha256:{hex}"));
}

#[test]
fn package_urls_of_others() {
    let check = |text: &str, expected: Option<&str>| {
        let purl = text.parse().unwrap();
        let found = read(&purl);
        assert_eq!(found.as_ref().map(|found| found.package.as_str()), expected, "{text}");
        if text.contains("sha256") {
            assert!(found.is_none_or(|found| found.file.is_some()), "{text}");
        }
    };
    let digest = format!("sha256%3A{}", "a".repeat(64));
    let with = |url: &str| format!("pkg:oci/app@{digest}?repository_url={url}&tag=1.0");
    check(&with("packages.example:8080/main/team/app"), Some("team/app"));
    check(&with("packages.example/main/app"), Some("app"));
    check(&with("https://packages.example/main/team/app/"), Some("team/app"));
    check(&with("localhost/main/app"), Some("app"));
    check(&with("main/team/app"), Some("team/app"));
    check(&with("main/app"), Some("app"));
    check(&with("main/other"), None);
    check(&with("/"), None);
    check(&format!("pkg:oci/app@{digest}"), Some("app"));
    check("pkg:oci/app@1.0", None);
    check("pkg:oci/team/app", None);
    check("pkg:oci/App", None);
    check("pkg:docker/app", None);
}
