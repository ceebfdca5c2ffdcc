//! Signing with the services of an instance.

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use provender_attest::{CertificateRequest, SigningBackend};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Instance;

const JSON: &str = "application/json";
/// RFC 3161, section 3.4.
const TIMESTAMP_QUERY: &str = "application/timestamp-query";

/// An instance, and whom it knows us as.
pub(crate) struct Backend<'a> {
    pub(crate) instance: &'a Instance,
    /// The identity token that certificates are given for; nothing for signing with a key.
    pub(crate) identity_token: Option<String>,
    /// A token of the server, for a log that takes entries of keys from those it knows.
    pub(crate) api_token: Option<String>,
}

impl SigningBackend for Backend<'_> {
    async fn certificate(
        &self,
        request: &CertificateRequest,
    ) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
        self.ask_for_certificate(request).await.map_err(boxed)
    }

    async fn timestamp(
        &self,
        request: &[u8],
    ) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let body = Bytes::copy_from_slice(request);
        let asking = self.instance.post("-/tsa/api/v1/timestamp", TIMESTAMP_QUERY, body, None);
        asking.await.map(Into::into).map_err(boxed)
    }

    async fn log(&self, entry: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let body = Bytes::from(entry.to_string());
        let path = "-/log/api/v2/log/entries";
        let answer = self.instance.post(path, JSON, body, self.api_token.as_deref()).await;
        let answer = answer.map_err(boxed)?;
        serde_json::from_slice(&answer).map_err(|error| boxed(error.into()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SigningCertificate {
    signed_certificate_embedded_sct: WithChain,
}

#[derive(Deserialize)]
struct WithChain {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

impl Backend<'_> {
    async fn ask_for_certificate(&self, request: &CertificateRequest) -> Result<Vec<Vec<u8>>> {
        let token = self.identity_token.as_deref().context("no identity token is at hand")?;
        let pem = request.to_pem();
        let body = json!({
            "credentials": { "oidcIdentityToken": token },
            "certificateSigningRequest": base64_of(pem.as_bytes()),
        });
        let body = Bytes::from(body.to_string());
        let path = "-/ca/api/v2/signingCert";
        let answer = self.instance.post(path, JSON, body, Some(token)).await?;
        let answer: SigningCertificate = crate::api::read(&answer)?;
        let certificates = answer.signed_certificate_embedded_sct.chain.certificates;
        certificates.iter().map(|pem| der_of(pem)).collect()
    }
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn der_of(pem: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    let body = pem
        .trim()
        .strip_prefix("-----BEGIN CERTIFICATE-----")
        .and_then(|rest| rest.strip_suffix("-----END CERTIFICATE-----"))
        .ok_or_else(|| anyhow!("the authority's answer is no certificate"))?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body);
    der.context("the authority's answer is no certificate")
}

/// A command's error with its causes, as a signer passes it on.
fn boxed(error: anyhow::Error) -> Box<dyn std::error::Error + Send + Sync> {
    error.reallocate_into_boxed_dyn_error_without_backtrace()
}

#[cfg(test)]
mod tests {
    use super::{base64_of, der_of};

    #[test]
    fn certificates_from_pem() {
        let check = |pem: &str, expected: Option<&[u8]>| {
            assert_eq!(der_of(pem).ok().as_deref(), expected, "{pem}");
        };
        let begin = "-----BEGIN CERTIFICATE-----";
        let end = "-----END CERTIFICATE-----";
        check(&format!("{begin}\nAQ\nID\n{end}\n"), Some(&[1, 2, 3]));
        check(&format!("{begin}\n?\n{end}\n"), None);
        check("AQID", None);
        assert_eq!(base64_of(&[1, 2, 3]), "AQID");
    }
}
