//! What the authority answers (Fulcio's API v2).

use serde_json::{Value, json};

use super::certificate::to_pem;
use super::{CertificateAuthority, Issued};

/// `SigningCertificate`, with the SCTs embedded.
pub fn issued(issued: &Issued) -> Value {
    json!({ "signedCertificateEmbeddedSct": { "chain": chain(issued.chain()) } })
}

/// `TrustBundle`: the chain under which certificates are issued.
pub fn trust_bundle(authority: &CertificateAuthority) -> Value {
    json!({ "chains": [chain(&authority.chain())] })
}

/// An issuer whose tokens are accepted, as clients are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSummary {
    /// Its URL.
    pub url: String,
    /// The audience that its tokens must name.
    pub audience: String,
    /// The claim that a proof of possession signs: `email` or `sub`.
    pub challenge_claim: String,
}

/// `Configuration`: the issuers whose tokens are accepted.
pub fn configuration(issuers: &[IssuerSummary]) -> Value {
    let issuers: Vec<_> = issuers
        .iter()
        .map(|issuer| {
            json!({
                "issuerUrl": issuer.url,
                "audience": issuer.audience,
                "challengeClaim": issuer.challenge_claim,
            })
        })
        .collect();
    json!({ "issuers": issuers })
}

fn chain(certificates: &[Vec<u8>]) -> Value {
    let pems: Vec<_> = certificates.iter().map(|der| to_pem(der)).collect();
    json!({ "certificates": pems })
}
