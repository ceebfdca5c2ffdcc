//! Names, patterns, versions, probes and setups.

use provender_domain::{Algorithm, Digest, FileName, NamePattern, Purl};

use super::{Samples, hostile_texts};
use crate::{ClientSetup, Ecosystem, Endpoint, Named, PurlSubject};

pub(super) fn check(ecosystem: &dyn Ecosystem, samples: &Samples) {
    names(ecosystem, samples);
    patterns(ecosystem, samples);
    versions(ecosystem, samples);
    tags(ecosystem, samples);
    digests(ecosystem, samples);
    purls(ecosystem, samples);
    references(ecosystem);
    probes(ecosystem);
    setups(ecosystem);
}

fn names(ecosystem: &dyn Ecosystem, samples: &Samples) {
    for (raw, normal) in &samples.names {
        let name = ecosystem.package_name(raw).map(|name| name.as_str().to_owned());
        assert_eq!(name.as_deref(), Ok(*normal), "the name {raw:?}");
    }
    for raw in &samples.wrong_names {
        assert!(ecosystem.package_name(raw).is_err(), "{raw:?} is no name");
    }
    for raw in hostile_texts() {
        if let Ok(name) = ecosystem.package_name(&raw) {
            let again = ecosystem.package_name(name.as_str());
            assert_eq!(again.as_ref(), Ok(&name), "normalizing {raw:?} twice changes more");
        }
    }
}

fn patterns(ecosystem: &dyn Ecosystem, samples: &Samples) {
    for (raw, _) in &samples.names {
        let name = ecosystem.package_name(raw).expect("the sample is a name");
        let matches = |pattern: &str| {
            let pattern = ecosystem.name_pattern(pattern);
            pattern.as_ref().is_ok_and(|pattern| pattern.matches(&name))
        };
        assert!(matches(raw), "the pattern {raw:?} does not match the name it spells");
        assert!(matches("*"), "the pattern * does not match {name}");
        let first = raw.chars().next().expect("a name has a character");
        assert!(matches(&format!("{first}*")), "the pattern {first}* does not match {name}");
    }
    for raw in hostile_texts() {
        if let Ok(pattern) = ecosystem.name_pattern(&raw) {
            let again: Result<NamePattern, _> = ecosystem.name_pattern(&pattern.to_string());
            assert_eq!(again.as_ref(), Ok(&pattern), "normalizing {raw:?} twice changes more");
        }
    }
}

fn versions(ecosystem: &dyn Ecosystem, samples: &Samples) {
    for (raw, normal) in &samples.versions {
        let version = ecosystem.version(raw).map(|version| version.as_str().to_owned());
        assert_eq!(version.as_deref(), Ok(*normal), "the version {raw:?}");
    }
    for raw in &samples.wrong_versions {
        assert!(ecosystem.version(raw).is_err(), "{raw:?} is no version");
    }
    for raw in hostile_texts() {
        if let Ok(version) = ecosystem.version(&raw) {
            let again = ecosystem.version(version.as_str());
            assert_eq!(again.as_ref(), Ok(&version), "normalizing {raw:?} twice changes more");
        }
    }
}

fn tags(ecosystem: &dyn Ecosystem, samples: &Samples) {
    assert_eq!(ecosystem.has_tags(), !samples.tags.is_empty(), "whether there are tags");
    for raw in &samples.tags {
        let tag = ecosystem.tag(raw).map(|tag| tag.as_str().to_owned());
        assert_eq!(tag.as_deref(), Ok(*raw), "the tag {raw:?}");
    }
    for raw in &samples.wrong_tags {
        assert!(ecosystem.tag(raw).is_err(), "{raw:?} is no tag");
    }
    for raw in hostile_texts() {
        if let Ok(tag) = ecosystem.tag(&raw) {
            assert!(!samples.tags.is_empty(), "{raw:?} is a tag, but there are none");
            assert_eq!(tag.as_str(), raw, "a tag is checked, not changed");
        }
    }
}

/// A name that promises a digest is one name, and the only one; what a tag points to is such a file.
fn digests(ecosystem: &dyn Ecosystem, samples: &Samples) {
    for algorithm in Algorithm::ALL {
        let digest = Digest::from_bytes(algorithm, &vec![0x5a; algorithm.length_bytes()]);
        let digest = digest.expect("of the right length");
        if let Some(file) = ecosystem.tagged_file(&digest) {
            let found = ecosystem.digest_of_file(&file);
            assert_eq!(found.as_ref(), Some(&digest), "{file} promises another digest");
            assert!(algorithm.is_collision_resistant(), "{file} promises what can be forged");
        }
    }
    for file in &samples.view.files {
        let digest = ecosystem.digest_of_file(&file.name);
        let is_known = digest.as_ref().is_none_or(|digest| file.digests.contains(digest));
        assert!(is_known, "{} promises a digest that it does not have", file.name);
    }
    for text in hostile_texts() {
        let file = FileName::new(&text);
        let digest = file.as_ref().ok().and_then(|file| ecosystem.digest_of_file(file));
        assert_eq!(digest, None, "{text:?} promises a digest");
    }
}

/// Whatever has a name has a package URL, which any reader takes apart again.
fn purls(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let files = samples.view.files.iter().map(|file| Some(&file.name)).chain([None]);
    let files: Vec<Option<&FileName>> = files.collect();
    for (name, _) in &samples.names {
        let package = ecosystem.package_name(name).expect("the sample is a name");
        let versions = samples.versions.iter().map(|(raw, _)| ecosystem.version(raw).ok());
        for version in versions.chain([None]) {
            for &file in &files {
                let purl = ecosystem.purl(&package, version.as_ref(), file);
                let text = purl.to_string();
                let start = format!("pkg:{}/", ecosystem.id());
                assert!(text.starts_with(&start), "{text} does not begin with {start}");
                assert_eq!(text.parse(), Ok(purl.clone()), "{text} reads otherwise");
                let (package, version) = (package.clone(), version.clone());
                let subject = PurlSubject { package, version, file: file.cloned() };
                assert_eq!(ecosystem.read_purl(&purl), Some(subject), "{text} leads elsewhere");
            }
        }
    }
    for text in hostile_texts() {
        let packages = FileName::new(&text).map(|file| ecosystem.packages_of_file(&file));
        for package in packages.unwrap_or_default() {
            let again = ecosystem.package_name(package.as_str());
            assert_eq!(again.as_ref(), Ok(&package), "{text:?} gives a name that is not normal");
        }
        ecosystem.read_purl(&Purl::new(ecosystem.id().as_str(), &text).with_version(&text));
        let other = Purl::new("no-such-type", "demo");
        assert_eq!(ecosystem.read_purl(&other), None, "another type's package URL is read");
    }
}

/// A reference is never read as a name that is not normal.
fn references(ecosystem: &dyn Ecosystem) {
    for text in hostile_texts() {
        for text in [format!("host.example/{text}"), format!("main/{text}"), text] {
            let Some(named) = ecosystem.read_reference(&text) else { continue };
            let again = ecosystem.package_name(named.package.as_str());
            assert_eq!(again.as_ref(), Ok(&named.package), "{text:?} gives a name not normal");
        }
    }
}

fn probes(ecosystem: &dyn Ecosystem) {
    let url = "https://user:word@upstream.example:8443/index/";
    for probe in ecosystem.probes() {
        let inputs = [url.to_owned(), format!("x = \"{url}\"\n").repeat(10_000)];
        for input in hostile_texts().into_iter().chain(inputs) {
            for found in (probe.read)(&input) {
                let (Named::Extra(url)
                | Named::Default(url)
                | Named::BuiltIn(url)
                | Named::Pinned(url)) = &found
                else {
                    continue;
                };
                let is_url = url::Url::parse(url).is_ok();
                assert!(is_url, "the probe {:?} reads {found:?}, no URL", probe.source);
            }
        }
    }
}

fn setups(ecosystem: &dyn Ecosystem) {
    let endpoint = Endpoint { origin: "http://127.0.0.1:8080", repository: "main" };
    let setups = ecosystem.client_setup(&endpoint);
    assert!(!setups.is_empty(), "there is no client to set up");
    for setup in &setups {
        let command = &setup.command;
        assert!(command.contains("127.0.0.1:8080"), "{command:?} does not name the server");
        // A login is one for all repositories.
        let of_client = |other: &&ClientSetup| other.client == setup.client;
        let is_named = setups.iter().filter(of_client).any(|one| one.command.contains("main"));
        assert!(is_named, "{} is not told of the repository", setup.client);
        assert!(!command.contains('\n'), "{command:?} is more than a line");
    }
}
