use proptest::prelude::*;

use super::{Checkpoint, CheckpointError};
use crate::note::{NoteSigner, tests::key};
use crate::{Frontier, Hash};

fn signer() -> NoteSigner {
    NoteSigner::new("log.example", key(1)).unwrap()
}

fn tree() -> Frontier {
    let mut tree = Frontier::empty();
    tree.extend([Hash::leaf(b"one"), Hash::leaf(b"two")]);
    tree
}

#[test]
fn a_checkpoint_comes_back() {
    let checkpoint = Checkpoint::of("log.example", &tree());
    let note = checkpoint.sign(&signer()).unwrap();
    let lines: Vec<&str> = note.lines().collect();
    assert_eq!(lines[..3], ["log.example", "2", &tree().root().to_base64()]);
    let found = Checkpoint::verify(&note, "log.example", signer().verifier());
    assert_eq!(found, Ok(checkpoint.clone()));
    let extended = format!("{}extension\n", checkpoint.text());
    assert_eq!(Checkpoint::parse(&extended), Ok(checkpoint));
}

#[test]
fn one_of_another_log_is_refused() {
    let note = Checkpoint::of("other.example", &tree()).sign(&signer()).unwrap();
    let found = Checkpoint::verify(&note, "log.example", signer().verifier());
    let (expected, other) = ("log.example".to_owned(), "other.example".to_owned());
    assert_eq!(found, Err(CheckpointError::OtherLog { expected, found: other }));
    let stranger = NoteSigner::new("log.example", key(2)).unwrap();
    let note = Checkpoint::of("log.example", &tree()).sign(&stranger).unwrap();
    let found = Checkpoint::verify(&note, "log.example", signer().verifier());
    assert!(matches!(found, Err(CheckpointError::Note(_))));
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let root = tree().root().to_base64();
    let check = |text: &str| {
        let found = Checkpoint::parse(text);
        assert!(matches!(found, Err(CheckpointError::Malformed(_))), "{text:?}: {found:?}");
    };
    check("");
    check("log.example\n");
    check(&format!("\n2\n{root}\n"));
    check(&format!("log.example\n2\n{root}"));
    check(&format!("log.example\n02\n{root}\n"));
    check(&format!("log.example\n+2\n{root}\n"));
    check(&format!("log.example\n\n{root}\n"));
    check(&format!("log.example\n18446744073709551616\n{root}\n"));
    check("log.example\n2\nAAAA\n");
    check(&format!("log.example\n2\n{root}\n\nmore\n"));
}

proptest! {
    #[test]
    fn a_text_that_is_read_is_written_the_same(text in "[a-z.]{1,9}\n[0-9]{1,20}\n[A-Za-z0-9+/]{43}=\n") {
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.text(), text);
        }
    }
}
