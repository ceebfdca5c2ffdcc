//! Bundles, log entries, statements, trust roots.

use provender_attest::{
    Artifact, Bundle, BundleVersion, COSIGN_PAYLOAD_LIMIT_BYTES, Content, CosignSignature,
    KeyMaterial, LogEntry, MessageSignature, Policy, Statement, TrustRoot, Verifier,
    cosign_payload_digest,
};

pub(crate) fn bundle(data: &[u8]) {
    let entry = serde_json::from_slice(data).map(LogEntry::from_value);
    if let Ok(Ok(entry)) = entry {
        let bundle = Bundle {
            version: BundleVersion::V03,
            key: KeyMaterial::PublicKeyHint(String::new()),
            log_entries: vec![entry],
            timestamps: Vec::new(),
            content: Content::Message(MessageSignature { digest: None, signature: Vec::new() }),
        };
        let again = Bundle::parse(bundle.to_json().as_bytes());
        assert_eq!(again.expect("an entry that was read can be written"), bundle);
    }
    cosign(data);
    let Ok(bundle) = Bundle::parse(data) else { return };
    let again = Bundle::parse(bundle.to_json().as_bytes());
    assert_eq!(again.expect("a bundle that was read can be written"), bundle);
    let root = TrustRoot::parse(EMPTY_ROOT).expect("it trusts nobody, but reads");
    let verifier = Verifier::new(&root).expect("nobody is nothing to read");
    let outcome = verifier.verify(&bundle, Artifact::Bytes(b"artifact"), &Policy::anybody());
    assert!(outcome.is_err(), "nobody is trusted");
}

/// The same bytes as each of the parts of cosign's older signatures.
fn cosign(data: &[u8]) {
    assert!(cosign_payload_digest(data).is_none() || data.len() <= COSIGN_PAYLOAD_LIMIT_BYTES);
    let Ok(text) = str::from_utf8(data) else { return };
    let signature = CosignSignature {
        signature: "AAAA",
        certificate: Some("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"),
        log_entry: Some(text),
        timestamp: None,
    };
    let parts = [
        CosignSignature { signature: text, log_entry: None, ..signature },
        CosignSignature { certificate: Some(text), log_entry: None, ..signature },
        CosignSignature { timestamp: Some(text), log_entry: None, ..signature },
        signature,
    ];
    for bundle in parts.iter().filter_map(|part| part.to_bundle(data).ok()) {
        let again = Bundle::parse(bundle.to_json().as_bytes());
        assert_eq!(again.expect("what was made of annotations can be written"), bundle);
    }
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
