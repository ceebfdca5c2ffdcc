//! Every change of one byte is refused, or what is proved stays the same.

use proptest::prelude::*;
use provender_attest::{Artifact, Bundle, Policy, Verified, Verifier};

use crate::instance::{ARTIFACT, ISSUER, Instance, SIGNER};

struct Signed {
    verifier: Verifier,
    text: Vec<u8>,
    proved: Verified,
}

async fn signed(as_statement: bool) -> Signed {
    let instance = Instance::open().await;
    // A few more entries, so that there is a path to prove.
    for _ in 0..2 {
        instance.sign_artifact().await;
    }
    let bundle = match as_statement {
        true => instance.sign_statement().await,
        false => instance.sign_artifact().await,
    };
    let verifier = instance.verifier();
    let text = bundle.to_json().into_bytes();
    let proved = verify(&verifier, &text).expect("it was just signed");
    Signed { verifier, text, proved }
}

fn verify(verifier: &Verifier, text: &[u8]) -> Option<Verified> {
    let bundle = Bundle::parse(text).ok()?;
    let policy = Policy::identity(SIGNER, ISSUER);
    verifier.verify(&bundle, Artifact::Bytes(ARTIFACT), &policy).ok()
}

impl Signed {
    fn check(&self, changed: &[u8]) {
        if let Some(proved) = verify(&self.verifier, changed) {
            assert_eq!(proved, self.proved, "{}", String::from_utf8_lossy(changed));
        }
    }
}

#[tokio::test]
async fn every_byte_changed_once() {
    for as_statement in [false, true] {
        let signed = signed(as_statement).await;
        let mut survivors = 0;
        for position in 0..signed.text.len() {
            let mut changed = signed.text.clone();
            changed[position] ^= 1;
            signed.check(&changed);
            survivors += usize::from(verify(&signed.verifier, &changed).is_some());
        }
        // What the signer's name for the checkpoint's key and the timestamp's own copy of its
        // certificate say, nobody reads; everything else counts.
        assert!(survivors * 3 < signed.text.len(), "{survivors} of {}", signed.text.len());
    }
}

#[test]
fn any_change_anywhere() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let signed = [runtime.block_on(signed(false)), runtime.block_on(signed(true))];
    let change = (any::<bool>(), any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    proptest!(ProptestConfig::with_cases(512), |((second, position, byte, kind) in change)| {
        let signed = &signed[usize::from(second)];
        let mut changed = signed.text.clone();
        let position = position.index(changed.len());
        match kind {
            0 => changed[position] = byte,
            1 => changed.insert(position, byte),
            2 => drop(changed.remove(position)),
            _ => changed.truncate(position),
        }
        signed.check(&changed);
    });
}
