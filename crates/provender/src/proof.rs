//! What a bundle proved, for people and for programs.

use provender_attest::{SignedBy, TimeSource, Verified, VerifyError, summarize};
use provender_domain::Timestamp;
use serde::Serialize;

use crate::output::{Style, moment, printable};

/// What one bundle proved.
#[derive(Debug, Serialize)]
pub(crate) struct Proof {
    /// Who signed; nothing for a key.
    pub(crate) identity: Option<String>,
    /// Who vouched for the identity.
    pub(crate) issuer: Option<String>,
    /// The SHA-256 of the key that signed, if it was not a certificate's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// When it was signed at the latest.
    pub(crate) signed_at: Option<Timestamp>,
    /// Who says so.
    pub(crate) signed_at_source: Option<&'static str>,
    /// Where it is logged.
    pub(crate) log: Vec<Place>,
    /// What else the certificate says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) claims: Vec<Claim>,
    /// The type of what was said, if a statement was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) predicate_type: Option<String>,
    /// What was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) predicate: Option<serde_json::Value>,
    /// What is left open.
    pub(crate) not_proved: Vec<Open>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Place {
    log: String,
    index: u64,
    size: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Claim {
    name: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Open {
    what: &'static str,
    meaning: &'static str,
}

impl From<Verified> for Proof {
    fn from(verified: Verified) -> Self {
        let signed = verified.signed_at();
        let places = verified.log.iter();
        let places = places.map(|at| Place { log: at.log.clone(), index: at.index, size: at.size });
        let open = verified.unproved.iter();
        let open = open.map(|open| Open { what: open.as_str(), meaning: open.sentence() });
        let mut proof = Self {
            identity: None,
            issuer: None,
            key: None,
            signed_at: signed.map(|signed| signed.at),
            signed_at_source: signed.map(|signed| match signed.source {
                TimeSource::TimestampAuthority => "timestamp-authority",
                TimeSource::TransparencyLog => "transparency-log",
            }),
            log: places.collect(),
            claims: Vec::new(),
            predicate_type: None,
            predicate: None,
            not_proved: open.collect(),
        };
        match verified.signed_by {
            SignedBy::Key { fingerprint } => proof.key = Some(fingerprint),
            SignedBy::Certificate { identity, issuer, claims, .. } => {
                proof.identity = Some(identity.to_string());
                proof.issuer = issuer;
                proof.claims =
                    claims.into_iter().map(|(name, value)| Claim { name, value }).collect();
            }
        }
        if let Some(statement) = verified.statement {
            proof.predicate_type = Some(statement.predicate_type);
            proof.predicate = Some(statement.predicate);
        }
        proof
    }
}

impl Proof {
    /// Lines for people, each indented.
    pub(crate) fn describe(&self) -> String {
        let mut lines = Vec::new();
        let mut line = |name: &str, value: &str| {
            lines.push(format!("  {name:<12} {}", printable(value)));
        };
        match (&self.identity, &self.key) {
            (Some(identity), _) => line("signed by", identity),
            (None, Some(key)) => line("signed by", &format!("the key {key}")),
            (None, None) => {}
        }
        if let Some(issuer) = &self.issuer {
            line("vouched by", issuer);
        }
        if let Some(at) = self.signed_at {
            let source = match self.signed_at_source {
                Some("transparency-log") => "the log that took it",
                _ => "a timestamp authority",
            };
            line("signed at", &format!("{} UTC, says {source}", moment(at)));
        }
        for place in &self.log {
            let log = if place.log.is_empty() { "a log" } else { &place.log };
            line("logged in", &format!("{log}, entry {} of {}", place.index, place.size));
        }
        for claim in &self.claims {
            line(claim.name, &claim.value);
        }
        if let Some(predicate_type) = &self.predicate_type {
            line("statement", predicate_type);
        }
        if let Some(summary) = self.summary() {
            line("it says", &summary);
        }
        lines.join("\n")
    }

    /// What known statements say, in a line.
    fn summary(&self) -> Option<String> {
        let predicate = self.predicate.as_ref()?;
        summarize(self.predicate_type.as_deref()?, predicate)
    }

    /// What was left open, for people.
    pub(crate) fn describe_open(&self) -> String {
        let style = Style::of_stdout();
        let lines = self.not_proved.iter();
        let lines = lines.map(|open| style.dim(&format!("  not proved   {}", open.meaning)));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Why a bundle does not count.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    /// The link that broke.
    pub(crate) link: &'static str,
    /// How.
    pub(crate) reason: String,
}

impl From<&VerifyError> for Fault {
    fn from(error: &VerifyError) -> Self {
        Self { link: error.link(), reason: reason(error) }
    }
}

impl Fault {
    /// A bundle that cannot even be read.
    pub(crate) fn unread(why: &str) -> Self {
        Self { link: "bundle", reason: printable(why) }
    }
}

/// A refusal with its cause, for people.
pub(crate) fn reason(error: &VerifyError) -> String {
    let cause = std::error::Error::source(error);
    let text = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    printable(&text)
}
