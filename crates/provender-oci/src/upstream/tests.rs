use provender_domain::FileName;
use provender_ecosystem::UpstreamDocument;
use url::Url;

use super::{
    catalogue_request, file_request, index_request, next_request, read_catalogue, read_index,
    read_referrers, referrers_requests, signatures_tag, tag_request,
};
use crate::{attribute, name};

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn digest() -> String {
    format!("sha256:{}", "a".repeat(64))
}

#[test]
fn signatures_have_a_tag() {
    let check = |name: &str, expected: Option<String>| {
        let tag = signatures_tag(&FileName::new(name).unwrap());
        assert_eq!(tag.map(|tag| tag.to_string()), expected, "{name}");
    };
    let hex = "a".repeat(64);
    check(&format!("manifest@sha256:{hex}"), Some(format!("sha256-{hex}.sig")));
    check(&format!("blob@sha256:{hex}"), None);
    check(&format!("manifest@sha512:{hex}{hex}"), None);
}

#[test]
fn requests() {
    let check = |base: &str, start: &str, access: &str| {
        let (base, package) = (url(base), name::normalize("team/app").unwrap());
        let hex = "a".repeat(64);
        let file = |kind: &str| FileName::new(&format!("{kind}@sha256:{hex}")).unwrap();
        let tags = index_request(&base, &package);
        assert_eq!(tags.url.as_str(), format!("{start}/team/app/tags/list?n=1000"));
        let manifest = file_request(&base, &package, &file("manifest")).unwrap();
        assert_eq!(manifest.url.as_str(), format!("{start}/team/app/manifests/sha256:{hex}"));
        let blob = file_request(&base, &package, &file("blob")).unwrap();
        assert_eq!(blob.url.as_str(), format!("{start}/team/app/blobs/sha256:{hex}"));
        let tag = tag_request(&base, &package, "1.0");
        assert_eq!(tag.url.as_str(), format!("{start}/team/app/manifests/1.0"));
        assert_eq!(tag.digest_field, Some("docker-content-digest"));
        let referrers = referrers_requests(&base, &package, &file("manifest"));
        let found: Vec<&str> = referrers.iter().map(|request| request.url.as_str()).collect();
        let expected = [
            format!("{start}/team/app/referrers/sha256:{hex}"),
            format!("{start}/team/app/manifests/sha256-{hex}"),
        ];
        assert_eq!(found, expected);
        assert!(referrers_requests(&base, &package, &file("blob")).is_empty());
        for request in [tags, manifest, blob, tag].iter().chain(&referrers) {
            assert_eq!(request.access.as_deref(), Some(access), "{}", request.url);
        }
    };
    check("https://upstream.example", "https://upstream.example/v2", "team/app");
    check("https://upstream.example/", "https://upstream.example/v2", "team/app");
    check("https://upstream.example/v2/", "https://upstream.example/v2", "team/app");
    check("https://upstream.example/a/b/", "https://upstream.example/v2/a/b", "a/b/team/app");
    check("https://upstream.example/v2/a", "https://upstream.example/v2/a", "a/team/app");
    check("http://127.0.0.1:1/v2x?q#f", "http://127.0.0.1:1/v2/v2x", "v2x/team/app");
}

#[test]
fn long_digests_have_short_tags() {
    let of = FileName::new(&format!("manifest@sha512:{}", "ab".repeat(64))).unwrap();
    let package = name::normalize("app").unwrap();
    let requests = referrers_requests(&url("https://upstream.example"), &package, &of);
    let tag = format!("/v2/app/manifests/sha512-{}", "ab".repeat(32));
    assert_eq!(requests[1].url.path(), tag);
}

#[test]
fn catalogues_are_of_whole_registries() {
    let found = |base: &str| catalogue_request(&url(base)).map(|request| request.url.to_string());
    let all = "https://upstream.example/v2/_catalog?n=1000";
    assert_eq!(found("https://upstream.example").as_deref(), Some(all));
    assert_eq!(found("https://upstream.example/prefix"), None);
}

fn document(at: &str, body: &str) -> UpstreamDocument {
    UpstreamDocument {
        url: url(at),
        content_type: Some("application/json; charset=utf-8".to_owned()),
        body: body.as_bytes().to_vec(),
        link: None,
    }
}

const TAGS: &str = "https://upstream.example/v2/team/app/tags/list?n=1000";

#[test]
fn next_pages() {
    let check = |at: &str, link: &str, expected: Option<&str>| {
        let document = UpstreamDocument { link: Some(link.to_owned()), ..document(at, "") };
        let found = next_request(&document);
        assert_eq!(found.as_ref().map(|found| found.url.as_str()), expected, "{link}");
        if let Some(found) = found {
            let is_of_image = at.contains("/team/app/");
            assert_eq!(found.access.as_deref(), is_of_image.then_some("team/app"));
        }
    };
    let next = Some("https://upstream.example/v2/team/app/tags/list?last=b&n=9");
    check(TAGS, "</v2/team/app/tags/list?last=b&n=9>; rel=\"next\"", next);
    check(TAGS, "<?last=b&n=9>; rel=next", next);
    check(TAGS, "<https://upstream.example/v2/team/app/tags/list?last=b&n=9>;rel=\"next\"", next);
    check(TAGS, "</x>; rel=\"prev\", <?last=b&n=9>; title=\"a\"; REL=\"x Next\"", next);
    check(TAGS, "</v2/team/app/tags/list?last=b>; rel=\"prev\"", None);
    check(TAGS, "</v2/other/tags/list?last=b>; rel=\"next\"", None);
    check(TAGS, "<https://elsewhere.example/v2/team/app/tags/list?n=1>; rel=\"next\"", None);
    check(TAGS, "<http://upstream.example/v2/team/app/tags/list?n=1>; rel=\"next\"", None);
    check(TAGS, "<https://u:p@upstream.example/v2/team/app/tags/list?n=1>; rel=\"next\"", None);
    check(TAGS, "<//elsewhere.example/v2/team/app/tags/list>; rel=\"next\"", None);
    check(TAGS, "<>; rel=\"next\"", None);
    check(TAGS, "<", None);
    check(TAGS, "", None);
    check(TAGS, &format!("<?last={}>; rel=next", "a".repeat(5000)), None);
    let catalogue = "https://upstream.example/v2/_catalog?n=1";
    let behind = Some("https://upstream.example/v2/_catalog?last=b");
    check(catalogue, "</v2/_catalog?last=b>; rel=\"next\"", behind);
}

#[test]
fn tags() {
    let check = |body: &str, expected: Option<&[&str]>| {
        let listing = read_index(&document(TAGS, body)).ok();
        let tags: Option<Vec<_>> = listing.map(|listing| {
            assert!(listing.files.is_empty());
            listing.tags.iter().map(|tag| tag.as_str().to_owned()).collect()
        });
        assert_eq!(
            tags.as_deref(),
            expected
                .map(|tags| tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>())
                .as_deref(),
            "{body}"
        );
    };
    check(r#"{"name":"x","tags":["b","a","a"]}"#, Some(&["b", "a"]));
    check(r#"{"name":"x","tags":["-a","a/b","","a\n"]}"#, Some(&[]));
    check(r#"{"tags":null}"#, Some(&[]));
    check("{}", Some(&[]));
    check(r#"{"tags":["a",1]}"#, None);
    check(r#"{"tags":["a"],"tags":["b"]}"#, None);
    check("[]", None);
    check("", None);
    check("<html>", None);
    let mut page = document(TAGS, "{}");
    page.content_type = Some("text/html".to_owned());
    assert!(read_index(&page).is_err(), "a page for people is no list");
}

#[test]
fn names() {
    let body = r#"{"repositories":["app","team/app","App","a//b",""]}"#;
    let names = read_catalogue(&document("https://upstream.example/v2/_catalog", body)).unwrap();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    assert_eq!(names, ["app", "team/app"]);
}

#[test]
fn referrers() {
    let check = |entry: &str, expected: Option<(Option<&str>, bool)>| {
        let entry = entry.replace("DIGEST", &digest());
        let body = format!(r#"{{"schemaVersion":2,"manifests":[{entry},{entry}]}}"#);
        let at = "https://upstream.example/v2/app/referrers/x";
        let files = read_referrers(&document(at, &body)).unwrap_or_default();
        let found = files.first().map(|file| {
            assert_eq!(file.name.as_str(), format!("manifest@{}", digest()));
            let annotations = file.attributes.0.contains_key(attribute::ANNOTATIONS);
            (file.attributes.text(attribute::ARTIFACT_TYPE), annotations)
        });
        assert_eq!(found, expected, "{entry}");
        assert!(files.len() < 2, "{entry} is there twice");
    };
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    check(
        &format!(r#"{{"mediaType":"{manifest}","digest":"DIGEST","size":1}}"#),
        Some((None, false)),
    );
    check(
        &format!(
            r#"{{"mediaType":"{manifest}","digest":"DIGEST","size":1,"artifactType":"x/y","annotations":{{"a":"b"}}}}"#
        ),
        Some((Some("x/y"), true)),
    );
    check(
        &format!(r#"{{"mediaType":"{manifest}","digest":"DIGEST","size":1,"artifactType":"<x>"}}"#),
        Some((None, false)),
    );
    check(r#"{"mediaType":"text/html","digest":"DIGEST","size":1}"#, None);
    check(&format!(r#"{{"mediaType":"{manifest}","digest":"md5:0","size":1}}"#), None);
    check(&format!(r#"{{"mediaType":"{manifest}","digest":"DIGEST","size":-1}}"#), None);
    let sizes =
        [(i64::MAX.cast_unsigned(), Some((None, false))), (1 << 63, None), (u64::MAX, None)];
    for (size, expected) in sizes {
        let entry = format!(r#"{{"mediaType":"{manifest}","digest":"DIGEST","size":{size}}}"#);
        check(&entry, expected);
    }
    let long = "b".repeat(70_000);
    check(
        &format!(
            r#"{{"mediaType":"{manifest}","digest":"DIGEST","size":1,"annotations":{{"a":"{long}"}}}}"#
        ),
        Some((None, false)),
    );
    let image = format!(r#"{{"schemaVersion":2,"mediaType":"{manifest}","layers":[]}}"#);
    let files = read_referrers(&document(TAGS, &image)).unwrap();
    assert!(files.is_empty(), "an image under the tag lists nothing");
    assert!(read_referrers(&document(TAGS, r#"{"schemaVersion":3}"#)).is_err());
}
