//! `provender verify`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use provender_attest::{
    BUNDLE_LIMIT_BYTES, Bundle, ExpectedSigner, Pattern, Policy, PublicKey, TRUST_ROOT_LIMIT_BYTES,
    TrustRoot, Verifier, VerifyError,
};
use serde::Serialize;

use crate::artifact;
use crate::data;
use crate::exit::Failure;
use crate::instance::{Instance, token_of_environment, usage};
use crate::output::{Output, Style, count, printable};
use crate::proof::{Proof, reason};
use crate::reference::{Named, Offer};
use crate::sign::{BUNDLE_ENDING, BUNDLES_LIMIT};

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// What is said to be signed: files, folders, and what the server keeps, by a reference such as
    /// localhost:8080/main/team/app:1.0
    #[arg(required = true, value_name = "FILE OR REFERENCE")]
    files: Vec<PathBuf>,
    /// The bundle; may be given several times [default: those beside the file, or those that the server keeps]
    #[arg(long, value_name = "BUNDLE")]
    bundle: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustOptions,
    #[command(flatten)]
    signer: ExpectedOptions,
}

const AFTER_HELP: &str = "\
With --trust nobody is asked anything about files and folders. What the server keeps is known by its \
digest; its signatures are fetched from --server and verified here. A pattern covers the whole value; `*` stands for any run of \
characters. Where a file has several bundles, all must hold, and one must be by whom you expect. Of those that the server keeps, \
one must be both, and those that do not hold are named.

Exit status: 0 verified, 4 refused, 5 there is no bundle.";

/// Whom to believe.
#[derive(Debug, Args)]
pub(crate) struct TrustOptions {
    /// The trust root: what `provender trust export` wrote, or any instance's `trusted_root.json`
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

/// Who is expected to have signed.
#[derive(Debug, Args)]
pub(crate) struct ExpectedOptions {
    /// The signer: an e-mail address or a URI
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// The signer, with `*` for any run of characters
    #[arg(long, value_name = "PATTERN", conflicts_with = "identity")]
    identity_pattern: Option<String>,
    /// Who vouched for the signer: the issuer's URL
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Who vouched for the signer, with `*` for any run of characters
    #[arg(long, value_name = "PATTERN", conflicts_with = "issuer")]
    issuer_pattern: Option<String>,
    /// Signed with this key (PEM), not with a certificate
    #[arg(long, value_name = "FILE", conflicts_with_all = ["identity", "identity_pattern", "issuer", "issuer_pattern"])]
    key: Option<PathBuf>,
}

/// What became of one file.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    /// The SHA-256 of what a reference names.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// How many attestations the server has of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    attestations: Option<usize>,
    verified: bool,
    identity: Option<String>,
    issuer: Option<String>,
    /// The link that broke.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'static str>,
    /// How.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    signatures: Vec<Signature>,
    /// What the server keeps and does not hold by this trust root.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broken: Vec<Broken>,
}

#[derive(Debug, Serialize)]
struct Signature {
    bundle: String,
    #[serde(flatten)]
    proof: Proof,
}

#[derive(Debug, Serialize)]
struct Broken {
    bundle: String,
    link: &'static str,
    reason: String,
}

pub(crate) async fn run(options: Options, target: &data::Target, output: Output) -> Result<()> {
    if !options.bundle.is_empty() && options.files.len() > 1 {
        return Err(usage("--bundle is for one file"));
    }
    let policy = options.signer.policy()?;
    let verifier = options.trust.verifier(target).await?;
    let mut refused = Vec::new();
    for file in &options.files {
        let named = Named::find(file, target, token_of_environment()).await?;
        let offers = offers(&named, &options.bundle).await?;
        let checked = check(&named, &offers, &verifier, &policy)?;
        if let Some(reason) = &checked.reason {
            refused.push(format!("{}: {reason}", printable(&checked.file)));
        }
        if output.json || checked.verified && !output.quiet {
            output.show_line(&checked, describe)?;
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(Failure::Refused(refused.join("\n")).into()) }
}

/// Every bundle must hold, whoever made it; one must be by whom the policy expects. What a server
/// keeps comes from many, of whom the trust root need not know all: there one must be both.
fn check(named: &Named, offers: &[Offer], verifier: &Verifier, policy: &Policy) -> Result<Checked> {
    let kept = match named {
        Named::Here(_) => None,
        Named::Kept(kept) => Some(kept),
    };
    let mut checked = Checked {
        file: named.shown(),
        sha256: kept.map(|kept| kept.file.sha256.clone()),
        attestations: kept.map(|_| offers.len()),
        verified: false,
        identity: None,
        issuer: None,
        link: None,
        reason: None,
        signatures: Vec::new(),
        broken: Vec::new(),
    };
    let (mut other_signer, mut broken) = (None, None);
    for offer in offers {
        let bundle = || offer.name.clone();
        match named.verify(offer, verifier, policy)? {
            Ok(proved) => {
                checked.signatures.push(Signature { bundle: bundle(), proof: proved.into() });
            }
            Err(error) if offers.len() > 1 && is_about_signer(&error) => {
                other_signer.get_or_insert(error);
            }
            Err(error) if kept.is_some() => {
                let (link, reason) = (error.link(), reason(&error));
                checked.broken.push(Broken { bundle: bundle(), link, reason });
                broken.get_or_insert(error);
            }
            Err(error) => return Ok(refuse(checked, &error)),
        }
    }
    let Some(first) = checked.signatures.first() else {
        let error = other_signer.or(broken);
        let error = error.expect("there is a bundle, and it was verified or refused");
        return Ok(refuse(checked, &error));
    };
    checked.verified = true;
    checked.identity.clone_from(&first.proof.identity);
    checked.issuer.clone_from(&first.proof.issuer);
    Ok(checked)
}

fn is_about_signer(error: &VerifyError) -> bool {
    matches!(
        error,
        VerifyError::Identity { .. }
            | VerifyError::Issuer { .. }
            | VerifyError::OtherMaterial { .. }
    )
}

fn refuse(checked: Checked, error: &VerifyError) -> Checked {
    let (link, reason) = (Some(error.link()), Some(reason(error)));
    Checked { link, reason, signatures: Vec::new(), ..checked }
}

fn describe(checked: &Checked) -> String {
    let style = Style::of_stdout();
    let mut text = format!("{}: {}", printable(&checked.file), style.green("verified"));
    if let Some(sha256) = &checked.sha256 {
        let _ = write!(text, "\n  {:<12} sha256:{}", "digest", printable(sha256));
        let number = count(checked.attestations.unwrap_or_default(), "attestation");
        let expected = checked.signatures.len();
        let _ = write!(text, "\n  {:<12} {number}; {expected} by whom you expect", "found");
    }
    for signature in &checked.signatures {
        text.push('\n');
        text.push_str(&signature.proof.describe());
        text.push('\n');
        text.push_str(&signature.proof.describe_open());
    }
    for Broken { bundle, reason, .. } in &checked.broken {
        let _ = write!(text, "\n  {:<12} {}: {reason}", "not held", printable(bundle));
    }
    text
}

/// Those that were given, else those beside the file, or those that the server has.
async fn offers(named: &Named, given: &[PathBuf]) -> Result<Vec<Offer>> {
    let places = match named {
        _ if !given.is_empty() => given.to_vec(),
        Named::Here(artifact) => beside(artifact),
        Named::Kept(kept) => return kept.offers().await,
    };
    let mut offers = Vec::new();
    for place in &places {
        let name = place.display().to_string();
        let bytes = read_limited(place, BUNDLE_LIMIT_BYTES)?;
        match Bundle::parse(&bytes) {
            Ok(bundle) => offers.push(Offer { name, bundle, text: None }),
            Err(error) => offers.extend(lines(&name, &bytes).ok_or_else(|| {
                let why = anyhow!(error);
                Failure::Refused(format!("{name}: {why:#}"))
            })?),
        }
    }
    if offers.is_empty() {
        let message =
            format!("there is no bundle {}{BUNDLE_ENDING}: name it with --bundle", named.shown());
        return Err(crate::api::Refusal { code: "not-found".to_owned(), message }.into());
    }
    Ok(offers)
}

/// Several bundles in one file, one on each line.
fn lines(name: &str, bytes: &[u8]) -> Option<Vec<Offer>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let offer =
        |line| Some(Offer { name: name.to_owned(), bundle: Bundle::parse(line).ok()?, text: None });
    let offers: Option<Vec<_>> = lines.map(offer).collect();
    offers.filter(|offers| (1..=BUNDLES_LIMIT).contains(&offers.len()))
}

fn beside(artifact: &artifact::Target) -> Vec<PathBuf> {
    let first = artifact.beside(BUNDLE_ENDING);
    let more =
        (2..=BUNDLES_LIMIT).map(|number| artifact.beside(&format!(".{number}{BUNDLE_ENDING}")));
    std::iter::once(first)
        .filter(|path| path.exists())
        .chain(more.take_while(|path| path.exists()))
        .collect()
}

impl TrustOptions {
    /// Whether a file was named.
    pub(crate) fn is_given(&self) -> bool {
        self.trust.is_some()
    }

    /// The trust root that was named, or the server's.
    pub(crate) async fn root(&self, target: &data::Target) -> Result<TrustRoot> {
        let Some(path) = &self.trust else {
            if target.server.is_none() {
                return Err(usage("name whom to believe: --trust FILE, or --server URL"));
            }
            return Instance::of(target)?.trust().await;
        };
        let bytes = read_limited(path, TRUST_ROOT_LIMIT_BYTES)?;
        TrustRoot::parse(&bytes).with_context(|| format!("--trust {}", path.display()))
    }

    /// A verifier with it.
    pub(crate) async fn verifier(&self, target: &data::Target) -> Result<Verifier> {
        let root = self.root(target).await?;
        Verifier::new(&root).context("the trust root cannot be used")
    }
}

impl ExpectedOptions {
    pub(crate) fn policy(&self) -> Result<Policy> {
        if let Some(path) = &self.key {
            let shown = || format!("--key {}", path.display());
            let pem = std::fs::read_to_string(path).with_context(shown)?;
            return Ok(Policy::Key(PublicKey::from_pem(&pem).with_context(shown)?));
        }
        Ok(Policy::Certificate(ExpectedSigner {
            identity: pattern(self.identity.as_deref(), self.identity_pattern.as_deref())?,
            issuer: pattern(self.issuer.as_deref(), self.issuer_pattern.as_deref())?,
        }))
    }
}

fn pattern(exact: Option<&str>, wildcard: Option<&str>) -> Result<Option<Pattern>> {
    match (exact, wildcard) {
        (Some(exact), _) => Ok(Some(Pattern::Exact(exact.to_owned()))),
        (None, Some(pattern)) => {
            let pattern = Pattern::wildcard(pattern);
            Ok(Some(pattern.map_err(|error| usage(&error.to_string()))?))
        }
        (None, None) => Ok(None),
    }
}

/// Reads a file that is not larger than it may be.
pub(crate) fn read_limited(path: &Path, limit_bytes: usize) -> Result<Vec<u8>> {
    let shown = || path.display().to_string();
    let length = std::fs::metadata(path).with_context(shown)?.len();
    if length > limit_bytes as u64 {
        return Err(
            Failure::Refused(format!("{}: larger than {limit_bytes} bytes", shown())).into()
        );
    }
    std::fs::read(path).with_context(shown)
}
