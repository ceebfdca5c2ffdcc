use aws_lc_rs::signature::Ed25519KeyPair;
use proptest::prelude::*;

use super::{NoteError, NoteSigner, NoteVerifier};

/// The key whose seed consists of this byte.
pub(crate) fn key(byte: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[byte; 32]).unwrap()
}

fn signer() -> NoteSigner {
    NoteSigner::new("log.example", key(1)).unwrap()
}

/// The example of the signed-note specification's reference implementation.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETERS_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

#[test]
fn a_known_note_is_checked() {
    let peter = NoteVerifier::parse(PETER).unwrap();
    assert_eq!(peter.name(), "PeterNeumann");
    assert_eq!(peter.to_string(), PETER);
    let text = peter.verify(PETERS_NOTE).unwrap();
    assert!(text.starts_with("If you think") && text.ends_with("problem is.\n"));
    let changed = PETERS_NOTE.replace("cryptography", "Cryptography");
    let wrong = NoteError::WrongSignature("PeterNeumann".to_owned());
    assert_eq!(peter.verify(&changed), Err(wrong));
}

#[test]
fn a_known_log_has_a_known_id() {
    // A log of Sigstore's staging instance, whose id stands in its bundles.
    let note = "log2025-alpha1.rekor.sigstage.dev\n646\n\
        kNum4JmdViJPfZLMRB3xPi6flATj2JzJSiF+1pQDzNQ=\n\n\
        \u{2014} log2025-alpha1.rekor.sigstage.dev 8w1amQA0XB55lIjvC/rvbpawQn9lp2R5TSkvqoNJuxcH9Ii05Ddi66xN8z5ZE6GsK2MkvgNZuqnZ5RtHbq2kpt/B8AE=\n";
    let key = "MCowBQYDK2VwAyEAPn+AREHoBaZ7wgS1zBqpxmLSGnyhxXj4lFxSdWVB8o8=";
    let der = base64::Engine::decode(&super::STANDARD, key).unwrap();
    let log = NoteVerifier::from_spki("log2025-alpha1.rekor.sigstage.dev", &der).unwrap();
    assert_eq!(log.id().to_base64(), "8w1amZ2S5mJIQkQmPxdMuOrL/oJkvFg9MnQXmeOCXck=");
    assert!(log.verify(note).is_ok());
}

#[test]
fn a_signed_note_comes_back() {
    let note = signer().sign("text\n\nmore\n").unwrap();
    let verifier = signer().verifier().clone();
    assert_eq!(verifier.verify(&note), Ok("text\n\nmore\n"));
    assert_eq!(NoteVerifier::parse(&verifier.to_string()), Ok(verifier.clone()));
    let cosigned = format!("{note}\u{2014} witness AAAAAAAA\n");
    assert_eq!(verifier.verify(&cosigned), Ok("text\n\nmore\n"));
    let other = NoteSigner::new("log.example", key(2)).unwrap();
    let not_signed = NoteError::NotSigned("log.example".to_owned());
    assert_eq!(other.verifier().verify(&note), Err(not_signed));
    assert_eq!(format!("{:?}", signer()), "NoteSigner(log.example)");
}

#[test]
fn what_is_no_note_is_refused() {
    let note = signer().sign("text\n").unwrap();
    let check = |note: &str| {
        let found = signer().verifier().verify(note);
        assert!(matches!(found, Err(NoteError::Malformed(_))), "{note:?}: {found:?}");
    };
    check("");
    check("text\n");
    check("text\n\n");
    check(note.trim_end());
    check(&note.replace('\u{2014}', "-"));
    check(&note.replace("text", "te\rxt"));
    check(&format!("{note}more\n"));
    check(&format!("{note}\u{2014} name !!!!\n"));
    check(&format!("{}{note}", "x".repeat(super::NOTE_MAX_BYTES)));
    check(&format!("{note}{}", "\u{2014} w AAAAAAAA\n".repeat(200)));
    assert_eq!(signer().sign("no end"), Err(NoteError::Text));
    assert_eq!(signer().sign("a\tb\n"), Err(NoteError::Text));
}

#[test]
fn what_is_no_key_is_refused() {
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\n"] {
        let refused = NoteVerifier::new(name, [0; 32]);
        assert_eq!(refused, Err(NoteError::Name(name.to_owned())));
    }
    for text in
        ["", "name", "name+c74f20a3", &PETER.replace('7', "8"), &PETER.replace("+AR", "+BR")]
    {
        assert!(NoteVerifier::parse(text).is_err(), "{text}");
    }
    assert!(NoteVerifier::from_spki("name", b"no der").is_err());
    assert!(NoteSigner::from_pkcs8("name", b"no der").is_err());
}

proptest! {
    #[test]
    fn a_changed_note_is_refused(place in 0_usize..1000, bit in 0_u32..7) {
        let note = signer().sign("log.example\n5\nsome root\n").unwrap();
        let mut bytes = note.clone().into_bytes();
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(signer().verifier().verify(&changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a\n\u{2014} A=+]{0,60}") {
        prop_assert!(signer().verifier().verify(&text).is_err());
        let _ = NoteVerifier::parse(&text);
    }
}
