use provender_domain::{Attributes, File, FileName, RepositoryName};
use provender_ecosystem::{AllPackagesView, ReferrersView, TagsView, View};
use serde_json::{Value, json};

use super::render;
use crate::{attribute, name, version};

fn body(view: &View<'_>) -> Value {
    serde_json::from_slice(&render(view).body).unwrap()
}

fn field(view: &View<'_>, name: &str) -> Option<String> {
    render(view).fields.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn tags_view(more: Option<u32>) -> TagsView {
    TagsView {
        repository: RepositoryName::new("main").unwrap(),
        package: name::normalize("team/app").unwrap(),
        tags: ["1.0", "latest"].map(|tag| version::tag(tag).unwrap()).to_vec(),
        more,
    }
}

#[test]
fn tags() {
    let view = tags_view(None);
    let expected = json!({ "name": "main/team/app", "tags": ["1.0", "latest"] });
    assert_eq!(body(&View::Tags(&view)), expected);
    assert_eq!(field(&View::Tags(&view), "link"), None);
    let view = tags_view(Some(2));
    let link = "</v2/main/team/app/tags/list?last=latest&n=2>; rel=\"next\"";
    assert_eq!(field(&View::Tags(&view), "link").as_deref(), Some(link));
    // The specification: n=0 is an empty list, without a link.
    let view = TagsView { tags: Vec::new(), ..tags_view(Some(0)) };
    assert_eq!(body(&View::Tags(&view))["tags"], json!([]));
    assert_eq!(field(&View::Tags(&view), "link"), None);
}

#[test]
fn catalogues() {
    let packages = ["app", "team/app"].map(|name| name::normalize(name).unwrap());
    let repository = RepositoryName::new("main").unwrap();
    let view = AllPackagesView {
        packages: packages.iter().map(|name| (repository.clone(), name.clone())).collect(),
        more: Some(2),
    };
    let view = View::AllPackages(&view);
    assert_eq!(body(&view), json!({ "repositories": ["main/app", "main/team/app"] }));
    let link = "</v2/_catalog?last=main%2Fteam%2Fapp&n=2>; rel=\"next\"";
    assert_eq!(field(&view, "link").as_deref(), Some(link));
    let view = View::Catalogue(&packages);
    assert_eq!(body(&view), json!({ "repositories": ["app", "team/app"] }));
}

fn manifest(digit: &str, artifact_type: Option<&str>) -> File {
    let mut attributes = Attributes::default();
    attributes.set_text(attribute::MEDIA_TYPE, "application/vnd.oci.image.manifest.v1+json");
    if let Some(artifact_type) = artifact_type {
        attributes.set_text(attribute::ARTIFACT_TYPE, artifact_type);
        attributes.0.insert(attribute::ANNOTATIONS.to_owned(), json!({ "a": "b" }));
    }
    File {
        name: FileName::new(&format!("manifest@sha256:{}", digit.repeat(64))).unwrap(),
        version: None,
        url: None,
        digests: Vec::new(),
        size_bytes: Some(7),
        uploaded_at: None,
        yank: None,
        attributes,
        companions: Vec::new(),
    }
}

#[test]
fn referrers() {
    let check = |kind: Option<&str>, expected: &[&str]| {
        let blob = File {
            name: FileName::new(&format!("blob@sha256:{}", "f".repeat(64))).unwrap(),
            ..manifest("f", None)
        };
        let view = ReferrersView {
            repository: RepositoryName::new("main").unwrap(),
            package: name::normalize("app").unwrap(),
            of: manifest("0", None).name,
            files: vec![manifest("a", Some("x/sbom")), manifest("b", None), blob],
            kind: kind.map(str::to_owned),
            after: None,
        };
        let view = View::Referrers(&view);
        let index = body(&view);
        let found = index["manifests"].as_array().unwrap().iter();
        let found = found.map(|entry| entry["digest"].as_str().unwrap()[7..8].to_owned());
        assert_eq!(found.collect::<Vec<_>>(), expected, "{kind:?}");
        let applied = kind.map(|_| "artifactType".to_owned());
        assert_eq!(field(&view, "oci-filters-applied"), applied, "{kind:?}");
        assert_eq!(render(&view).content_type, "application/vnd.oci.image.index.v1+json");
        assert_eq!(
            (&index["schemaVersion"], &index["mediaType"]),
            (&json!(2), &json!("application/vnd.oci.image.index.v1+json"))
        );
        if let Some(first) = index["manifests"].get(0).filter(|_| expected == ["a"]) {
            assert_eq!(
                *first,
                json!({
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "digest": format!("sha256:{}", "a".repeat(64)),
                    "size": 7,
                    "artifactType": "x/sbom",
                    "annotations": { "a": "b" },
                })
            );
        }
    };
    check(None, &["a", "b"]);
    check(Some("x/sbom"), &["a"]);
    check(Some("x/other"), &[]);
}

#[test]
fn referrers_in_pages() {
    let check = |kind: Option<&str>, text_bytes: usize, expected: &[usize]| {
        let large = |number: usize| {
            let mut file = manifest("a", Some("x/sbom+json"));
            file.name = FileName::new(&format!("manifest@sha256:{number:064x}")).unwrap();
            let annotations = json!({ "text": "x".repeat(text_bytes) });
            file.attributes.0.insert(attribute::ANNOTATIONS.to_owned(), annotations);
            file
        };
        let mut view = ReferrersView {
            repository: RepositoryName::new("main").unwrap(),
            package: name::normalize("team/app").unwrap(),
            of: manifest("0", None).name,
            files: (0..90).map(large).collect(),
            kind: kind.map(str::to_owned),
            after: None,
        };
        let (mut pages, mut listed) = (Vec::new(), Vec::new());
        loop {
            let document = render(&View::Referrers(&view));
            assert!(document.body.len() <= 4 << 20, "{}", document.body.len());
            let page: Value = serde_json::from_slice(&document.body).unwrap();
            let page = page["manifests"].as_array().unwrap().clone();
            pages.push(page.len());
            listed.extend(page.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()));
            let Some(link) = field(&View::Referrers(&view), "link") else { break };
            let last = listed.last().unwrap();
            let filter = kind.map(|_| "artifactType=x%2Fsbom%2Bjson&").unwrap_or_default();
            let of = "0".repeat(64);
            let query = format!("{filter}last={}", last.replace(':', "%3A"));
            let path = format!("/v2/main/team/app/referrers/sha256:{of}");
            assert_eq!(link, format!("<{path}?{query}>; rel=\"next\""));
            view.after = Some(FileName::new(&format!("manifest@{last}")).unwrap());
        }
        assert_eq!(pages, expected);
        let all = view.files.iter().map(|file| &file.name.as_str()["manifest@".len()..]);
        assert!(all.eq(&listed));
    };
    check(None, 1_000, &[90]);
    check(None, 60_000, &[69, 21]);
    check(Some("x/sbom+json"), 60_000, &[69, 21]);
}
