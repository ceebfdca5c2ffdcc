//! Bundles, log entries, statements, trust roots.

use provender_attest::{Artifact, Bundle, LogEntry, Policy, Statement, TrustRoot, Verifier};

pub(crate) fn bundle(data: &[u8]) {
    let entry = serde_json::from_slice(data).map(LogEntry::from_value);
    if let Ok(Ok(entry)) = entry {
        let again = LogEntry::from_value(entry.to_value());
        assert_eq!(again.expect("an entry that was read can be written"), entry);
    }
    let Ok(bundle) = Bundle::parse(data) else { return };
    let again = Bundle::parse(bundle.to_json().as_bytes());
    assert_eq!(again.expect("a bundle that was read can be written"), bundle);
    let root = TrustRoot::parse(EMPTY_ROOT).expect("it trusts nobody, but reads");
    let verifier = Verifier::new(&root).expect("nobody is nothing to read");
    let outcome = verifier.verify(&bundle, Artifact::Bytes(b"artifact"), &Policy::anybody());
    assert!(outcome.is_err(), "nobody is trusted");
}

const EMPTY_ROOT: &[u8] =
    br#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;

pub(crate) fn statement(data: &[u8]) {
    if let Ok(statement) = Statement::parse(data) {
        let again = Statement::parse(&statement.to_json());
        let again = again.expect("a statement that was read can be written");
        assert_eq!(again.subjects, statement.subjects);
        assert_eq!(again.predicate_type, statement.predicate_type);
    }
}

pub(crate) fn trust_root(data: &[u8]) {
    let Ok(root) = TrustRoot::parse(data) else { return };
    let again = TrustRoot::parse(root.to_client_trust_config().as_bytes());
    let again = again.expect("a trust root that was read can be written");
    assert_eq!(again.trusted_root_json(), root.trusted_root_json());
    drop(Verifier::new(&root));
}
