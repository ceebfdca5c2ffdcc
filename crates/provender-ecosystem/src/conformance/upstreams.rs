//! Requests to upstreams and what they answer.

use std::collections::HashSet;

use provender_domain::{Listing, PackageName};
use url::Url;

use super::{Samples, mutations};
use crate::{Ecosystem, Mount, UpstreamDocument, UpstreamRequest};

/// Changed documents tried of each sample.
const MUTATIONS: usize = 1500;

pub(super) fn check(ecosystem: &dyn Ecosystem, samples: &Samples) {
    requests(ecosystem, samples);
    for (package, document, files) in &samples.indexes {
        let listing = ecosystem.read_upstream_index(package, document);
        let listing = listing.unwrap_or_else(|error| panic!("{document:?}: {error}"));
        assert_eq!(listing.files.len(), *files, "files read from {:?}", document.content_type);
        for changed in changes(document) {
            next_page_stays(ecosystem, &changed);
            ecosystem.read_upstream_referrers(&changed).unwrap_or_default();
            if let Ok(listing) = ecosystem.read_upstream_index(package, &changed) {
                promises_hold(ecosystem, package, &listing);
            }
        }
    }
    for (document, names) in &samples.catalogues {
        let read = ecosystem.read_upstream_catalogue(document);
        let read = read.unwrap_or_else(|error| panic!("{document:?}: {error}"));
        assert_eq!(read.len(), *names, "names read from {:?}", document.content_type);
        for changed in changes(document) {
            for name in ecosystem.read_upstream_catalogue(&changed).unwrap_or_default() {
                let again = ecosystem.package_name(name.as_str());
                assert_eq!(again, Ok(name), "a catalogue gives a name that is not normal");
            }
        }
    }
}

fn requests(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let package = &samples.view.package;
    let bases = ["https://upstream.example", "https://upstream.example/a/b", "http://127.0.0.1:1/"];
    for base in bases {
        let base = Url::parse(base).expect("a URL");
        let with_slash = Url::parse(&format!("{}/", base.as_str().trim_end_matches('/')));
        let with_slash = with_slash.expect("a URL");
        let stays = |request: &UpstreamRequest| {
            // Below a root mount the base's path stands behind the mount's segment.
            let is_inside = match ecosystem.mount() {
                Mount::UnderRepository => request.url.as_str().starts_with(base.as_str()),
                Mount::Root { .. } => request.url.origin() == base.origin(),
            };
            assert!(is_inside, "{} strays", request.url);
            assert!(!request.accept.is_empty(), "{} accepts nothing", request.url);
        };
        let request = ecosystem.upstream_index(&base, package);
        stays(&request);
        assert_eq!(request, ecosystem.upstream_index(&with_slash, package), "a slash matters");
        if let Some(request) = ecosystem.upstream_catalogue(&base) {
            stays(&request);
        }
        for file in &samples.view.files {
            ecosystem.upstream_file(&base, package, &file.name).iter().for_each(stays);
            ecosystem.upstream_referrers(&base, package, &file.name).iter().for_each(stays);
            if let Some(tag) = ecosystem.referrers_tag(&file.name) {
                assert_eq!(ecosystem.tag(tag.as_str()).as_ref(), Ok(&tag), "{tag} is no tag");
            }
        }
        for tag in samples.tags.iter().filter_map(|raw| ecosystem.tag(raw).ok()) {
            ecosystem.upstream_tag(&base, package, &tag).iter().for_each(stays);
        }
    }
    let odd = Url::parse("mailto:nobody@upstream.example").expect("a URL");
    ecosystem.upstream_index(&odd, package);
    ecosystem.upstream_catalogue(&odd);
}

/// A link to the next page cannot lead a client, with its credentials, to another server.
fn next_page_stays(ecosystem: &dyn Ecosystem, document: &UpstreamDocument) {
    let links =
        ["<?n=1>; rel=\"next\"", "<//elsewhere.example/>; rel=next", "<", "<>;rel=next,", ""];
    for link in links {
        let document = UpstreamDocument { link: Some(link.to_owned()), ..document.clone() };
        if let Some(request) = ecosystem.upstream_next(&document) {
            assert_eq!(request.url.origin(), document.url.origin(), "{} strays", request.url);
        }
    }
}

fn changes(document: &UpstreamDocument) -> impl Iterator<Item = UpstreamDocument> {
    let bodies = mutations(&document.body, MUTATIONS).into_iter();
    let changed = bodies.map(|body| UpstreamDocument { body, ..document.clone() });
    let types = [None, Some(""), Some(";;"), Some("text/html"), Some("application/json")];
    let retyped = types.into_iter().map(|content_type| UpstreamDocument {
        content_type: content_type.map(str::to_owned),
        ..document.clone()
    });
    changed.chain(retyped)
}

fn promises_hold(ecosystem: &dyn Ecosystem, package: &PackageName, listing: &Listing) {
    let mut seen = HashSet::new();
    let mut tags = HashSet::new();
    for tag in &listing.tags {
        assert!(tags.insert(tag), "{tag} is listed twice");
        assert_eq!(ecosystem.tag(tag.as_str()).as_ref(), Ok(tag), "{tag} was not checked");
    }
    for file in &listing.files {
        assert!(seen.insert(&file.name), "{} is listed twice", file.name);
        let version = ecosystem.version_of_file(package, &file.name);
        assert!(version.is_none() || version == file.version, "{} has two versions", file.name);
        let url = file.url.as_deref().expect("an upstream's file has a URL");
        url_is_safe(url);
        for companion in &file.companions {
            url_is_safe(companion.url.as_deref().expect("an upstream's companion has a URL"));
        }
    }
}

fn url_is_safe(text: &str) {
    let url = Url::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert!(matches!(url.scheme(), "http" | "https"), "{url} is no web address");
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    assert!(is_anonymous, "{url} has credentials");
}
