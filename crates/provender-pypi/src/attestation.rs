//! Attestations (PEP 740): from an upload's field into Sigstore bundles, and from verified bundles
//! into the provenance object that the integrity API serves.
//!
//! The two hold the same parts under other names, but for signed timestamps: version 1 of PEP 740's
//! objects was made when logs still signed the time. A log of tiles does not, and without a time no
//! verifier can take an attestation once its certificate has ended. So they stand in a field of
//! their own, `timestamps`, which readers of version 1 ignore: written from bundles that have them,
//! and read where a publisher sends it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{
    ATTESTATION_LIMIT_BYTES, ATTESTATIONS_LIMIT, AttestationClaim, Attested,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Media type of the provenance object.
pub(crate) const PROVENANCE_TYPE: &str = "application/vnd.pypi.integrity.v1+json";

const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The version of attestation and provenance objects.
const VERSION: u64 = 1;

/// Reads the field `attestations`; an empty one has none.
pub(crate) fn read(field: &str) -> Result<Vec<AttestationClaim>, Problem> {
    if field.trim().is_empty() {
        return Ok(Vec::new());
    }
    if field.len() > ATTESTATIONS_LIMIT * ATTESTATION_LIMIT_BYTES {
        return Err(too_large());
    }
    let attestations: Vec<Attestation> = serde_json::from_str(field).map_err(|error| {
        let cause = error.to_string().replace(char::is_control, " ");
        invalid(&format!("it is no list of attestations as PEP 740 has them: {cause}"))
    })?;
    if attestations.len() > ATTESTATIONS_LIMIT {
        return Err(too_large());
    }
    attestations.into_iter().map(Attestation::into_claim).collect()
}

/// The provenance object: attestations by publisher, in the order in which they came. `None` if
/// one of them is no DSSE envelope with one signature, a certificate and a log entry.
pub(crate) fn provenance(attestations: &[Attested]) -> Option<Vec<u8>> {
    let mut bundles: Vec<AttestationBundle> = Vec::new();
    for attested in attestations {
        let attestation = Attestation::from_bundle(&attested.bundle)?;
        let publisher = publisher(&attested.identity, &attested.issuer);
        match bundles.iter_mut().find(|bundle| bundle.publisher == publisher) {
            Some(bundle) => bundle.attestations.push(attestation),
            None => {
                bundles.push(AttestationBundle { publisher, attestations: vec![attestation] });
            }
        }
    }
    serde_json::to_vec(&Provenance { version: VERSION, attestation_bundles: bundles }).ok()
}

#[derive(Debug, Serialize)]
struct Provenance {
    version: u64,
    attestation_bundles: Vec<AttestationBundle>,
}

#[derive(Debug, Serialize)]
struct AttestationBundle {
    publisher: Value,
    attestations: Vec<Attestation>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Attestation {
    version: u64,
    verification_material: VerificationMaterial,
    envelope: Envelope,
}

#[derive(Debug, Serialize, Deserialize)]
struct VerificationMaterial {
    certificate: String,
    transparency_entries: Vec<Value>,
    /// RFC 3161 responses, base64: this registry's addition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    timestamps: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Envelope {
    statement: String,
    signature: String,
}

impl Attestation {
    fn into_claim(self) -> Result<AttestationClaim, Problem> {
        if self.version != VERSION {
            return Err(invalid(&format!("version {} is not understood", self.version)));
        }
        if self.verification_material.transparency_entries.is_empty() {
            return Err(invalid("an attestation without a transparency log entry proves nothing"));
        }
        let certificate = plain_base64("certificate", &self.verification_material.certificate)?;
        let payload = plain_base64("statement", &self.envelope.statement)?;
        let signature = plain_base64("signature", &self.envelope.signature)?;
        let mut material = json!({
            "certificate": { "rawBytes": certificate },
            "tlogEntries": self.verification_material.transparency_entries,
        });
        let timestamps = self.verification_material.timestamps.iter().map(|timestamp| {
            Ok(json!({ "signedTimestamp": plain_base64("timestamp", timestamp)? }))
        });
        let timestamps: Vec<Value> = timestamps.collect::<Result<_, Problem>>()?;
        if !timestamps.is_empty() {
            material["timestampVerificationData"] = json!({ "rfc3161Timestamps": timestamps });
        }
        let bundle = json!({
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": material,
            "dsseEnvelope": {
                "payload": payload,
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{ "sig": signature }],
            },
        });
        let bundle = bundle.to_string();
        if bundle.len() > ATTESTATION_LIMIT_BYTES {
            return Err(too_large());
        }
        Ok(AttestationClaim { bundle })
    }

    fn from_bundle(bundle: &str) -> Option<Self> {
        let bundle: Value = serde_json::from_str(bundle).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let material = &bundle["verificationMaterial"];
        let entries = material["tlogEntries"].as_array().filter(|entries| !entries.is_empty())?;
        let envelope = &bundle["dsseEnvelope"];
        let timestamps = &material["timestampVerificationData"]["rfc3161Timestamps"];
        let timestamps = timestamps.as_array().map(Vec::as_slice).unwrap_or_default();
        let [signature] = envelope["signatures"].as_array()?.as_slice() else { return None };
        Some(Self {
            version: VERSION,
            verification_material: VerificationMaterial {
                certificate: text(&material["certificate"]["rawBytes"])?,
                transparency_entries: entries.clone(),
                timestamps: timestamps
                    .iter()
                    .map(|timestamp| text(&timestamp["signedTimestamp"]))
                    .collect::<Option<_>>()?,
            },
            envelope: Envelope {
                statement: text(&envelope["payload"])?,
                signature: text(&signature["sig"])?,
            },
        })
    }
}

/// Base64 without the line breaks that Python's encoder puts in, which a bundle may not have.
fn plain_base64(what: &str, text: &str) -> Result<String, Problem> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    match STANDARD.decode(&text) {
        Ok(bytes) if !bytes.is_empty() => Ok(text),
        _ => Err(invalid(&format!("the {what} is not base64"))),
    }
}

/// The publisher as PEP 740's clients know it where the identity has the form of a build's on one
/// of the forges that they know, else by its identity and issuer as they stand in the certificate.
fn publisher(identity: &str, issuer: &str) -> Value {
    github_publisher(identity).or_else(|| gitlab_publisher(identity)).unwrap_or_else(
        || json!({ "kind": "Sigstore", "identity": identity, "issuer": issuer, "claims": null }),
    )
}

/// `https://<host>/<owner>/<repository>/.github/workflows/<workflow>@<ref>`
fn github_publisher(identity: &str) -> Option<Value> {
    let (path, _) = path_of(identity)?.split_once('@')?;
    let (repository, workflow) = path.split_once("/.github/workflows/")?;
    let is_repository = repository.split('/').count() == 2;
    (is_repository && !workflow.contains('/')).then(|| {
        json!({
            "kind": "GitHub",
            "repository": repository,
            "workflow": workflow,
            "environment": null,
            "claims": null,
        })
    })
}

/// `https://<host>/<group>/<project>//<path of the pipeline>@<ref>`
fn gitlab_publisher(identity: &str) -> Option<Value> {
    let (path, _) = path_of(identity)?.split_once('@')?;
    let (repository, workflow) = path.split_once("//")?;
    let is_pipeline = matches!(workflow.rsplit_once('.'), Some((_, "yml" | "yaml")));
    (is_pipeline && repository.contains('/')).then(|| {
        json!({
            "kind": "GitLab",
            "repository": repository,
            "workflow_filepath": workflow,
            "environment": null,
            "claims": null,
        })
    })
}

/// What is behind the host of an `https` identity.
fn path_of(identity: &str) -> Option<&str> {
    Some(identity.strip_prefix("https://")?.split_once('/')?.1)
}

fn too_large() -> Problem {
    let message = format!(
        "field attestations: at most {ATTESTATIONS_LIMIT} attestations, of at most \
         {ATTESTATION_LIMIT_BYTES} bytes each"
    );
    Problem::new(ProblemCode::TooLarge, message)
}

fn invalid(message: &str) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, format!("field attestations: {message}"))
}

#[cfg(test)]
mod tests;
