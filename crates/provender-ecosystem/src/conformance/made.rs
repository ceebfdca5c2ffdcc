//! Files that are made of what this server signed.

use std::collections::HashSet;
use std::io::Cursor;

use provender_domain::Algorithm;
use sha2::{Digest as _, Sha256};

use super::{Samples, hostile_texts};
use crate::{Depth, Ecosystem, Expected, MadeFile, Signed};

pub(super) fn check(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let bundle = "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"}".to_owned();
    let bundle = &bundle;
    let at = "2026-01-31T12:00:00Z";
    if let Some(file) = &samples.signed {
        let signed = Signed { file, predicate_type: "https://server.example/p/v1", bundle, at };
        let made = ecosystem.render_evidence(&signed);
        assert!(!made.is_empty(), "nothing is made of what is signed about {}", file.name);
        assert_eq!(made, ecosystem.render_evidence(&signed), "it differs from time to time");
        sound(ecosystem, samples, &signed, &made);
    }
    for file in &samples.view.files {
        for text in hostile_texts() {
            let signed = Signed { file, predicate_type: &text, bundle: &text, at: &text };
            let made = ecosystem.render_evidence(&signed);
            assert!(made.is_empty() || samples.signed.is_some(), "there is no sample of it");
            sound(ecosystem, samples, &signed, &made);
        }
    }
}

/// Each name is the digest of its bytes, the last file refers to all others and to what it is
/// about, and reading it finds what is said of it.
fn sound(ecosystem: &dyn Ecosystem, samples: &Samples, signed: &Signed<'_>, made: &[MadeFile]) {
    for file in made {
        let digest = ecosystem.digest_of_file(&file.name).expect("its name promises a digest");
        assert_eq!(digest.algorithm(), Algorithm::Sha256, "{} is named otherwise", file.name);
        let found = provender_domain::BlobId::from_bytes(Sha256::digest(&file.bytes).into());
        assert_eq!(digest, found.digest(), "{} has other bytes", file.name);
    }
    let Some((last, others)) = made.split_last() else { return };
    let named: HashSet<_> = last.references.iter().map(|reference| &reference.file).collect();
    for other in others {
        assert!(named.contains(&other.name), "{} does not name {}", last.name, other.name);
    }
    let expected = Expected {
        package: &samples.view.package,
        version: None,
        file: &last.name,
        attributes: Some(&last.attributes),
    };
    let read = ecosystem.inspect(&expected, &mut Cursor::new(&last.bytes), Depth::Full);
    let read = read.unwrap_or_else(|error| panic!("{}: {error}", last.name));
    assert_eq!(read.attributes, last.attributes, "{} has other facts", last.name);
    assert_eq!(read.references, last.references, "{} refers elsewhere", last.name);
    let evidence = read.evidence.expect("what is made of it is evidence");
    assert_eq!(evidence.about.as_ref(), Some(&signed.file.name), "it is about another file");
    assert!(evidence.bundle.is_some(), "its bundle is not found");
}
