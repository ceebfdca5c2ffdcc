//! `provender verify`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use provender_attest::{
    BUNDLE_LIMIT_BYTES, ExpectedSigner, Pattern, Policy, PublicKey, TRUST_ROOT_LIMIT_BYTES,
    TrustRoot, Verifier,
};
use serde::Serialize;

use crate::artifact;
use crate::data;
use crate::exit::{self, Failure};
use crate::input::{self, read_at_most, read_limited, too_large};
use crate::instance::{Instance, token_of_environment, usage};
use crate::output::{Output, Style, count, printable};
use crate::proof::{Fault, Proof};
use crate::reference::{Named, Offer};
use crate::sign::{BUNDLE_ENDING, BUNDLES_LIMIT, places};

/// Largest key file, in bytes.
const KEY_LIMIT_BYTES: usize = 64 * 1024;

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
characters. Where a file has several bundles, all must hold, and one must be by whom you expect; one that was signed with a key \
where a certificate is expected, or the other way round, is not verified, is named, and does not count. Of those that the server \
keeps, one must be both, and those that do not hold are named.

Exit status: 0 verified, 4 refused, 5 there is no bundle or no such file.";

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
    /// Why it is refused.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    fault: Option<Fault>,
    signatures: Vec<Signature>,
    /// Bundles that do not count: what the server keeps and does not hold by this trust root, and
    /// what is by another kind of key than is expected.
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
    #[serde(flatten)]
    fault: Fault,
}

pub(crate) async fn run(options: Options, target: &data::Target, output: Output) -> Result<()> {
    if !options.bundle.is_empty() && options.files.len() > 1 {
        return Err(usage("--bundle is for one file"));
    }
    let policy = options.signer.policy()?;
    let verifier = options.trust.verifier(target).await.map_err(anyhow::Error::downcast);
    let verifier = match verifier {
        Ok(verifier) => Ok(verifier),
        Err(Ok(Failure::TrustRoot(reason))) => Err(Fault { link: "trust-root", reason }),
        Err(Ok(failure)) => return Err(failure.into()),
        Err(Err(error)) => return Err(error),
    };
    let (mut refused, mut missing, mut failed) = (Vec::new(), Vec::new(), None);
    for file in &options.files {
        let checked = match &verifier {
            Ok(verifier) => check_one(file, &options.bundle, target, verifier, &policy).await,
            Err(fault) => Ok(Checked::begin(file.display().to_string()).refused(fault.clone())),
        };
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) if exit::is_not_found(&error) => {
                missing.push(format!("{error:#}"));
                continue;
            }
            Err(error) => {
                missing.push(format!("{error:#}"));
                failed.get_or_insert(error);
                continue;
            }
        };
        if let Some(fault) = &checked.fault {
            refused.push(format!("{}: {}", printable(&checked.file), fault.reason));
        }
        if output.json || checked.verified && !output.quiet {
            output.show_line(&checked, describe)?;
        }
    }
    let is_refused = !refused.is_empty();
    refused.append(&mut missing);
    match (refused.as_slice(), failed) {
        ([], _) => Ok(()),
        (told, _) if is_refused => Err(Failure::Refused(told.join("\n")).into()),
        ([_], Some(error)) => Err(error),
        (told, Some(error)) => Err(error.context(told.join("\n"))),
        (told, None) => Err(Failure::NotFound(told.join("\n")).into()),
    }
}

async fn check_one(
    file: &Path,
    bundles: &[PathBuf],
    target: &data::Target,
    verifier: &Verifier,
    policy: &Policy,
) -> Result<Checked> {
    let named = Named::find(file, target, token_of_environment()).await?;
    check(&named, &offers(&named, bundles).await?, verifier, policy)
}

/// Every bundle must hold, whoever made it; one must be by whom the policy expects. What a server
/// keeps comes from many, of whom the trust root need not know all: there one must be both.
fn check(named: &Named, offers: &[Offer], verifier: &Verifier, policy: &Policy) -> Result<Checked> {
    let kept = match named {
        Named::Here(_) => None,
        Named::Kept(kept) => Some(kept),
    };
    let mut checked = Checked {
        sha256: kept.map(|kept| kept.file.sha256.clone()),
        attestations: kept.map(|_| offers.len()),
        ..Checked::begin(named.shown())
    };
    let is_one_of_several = offers.len() > 1;
    let mut other_signer = None;
    for offer in offers {
        let bundle = offer.name.clone();
        let fault = match named.verify(offer, verifier, policy)? {
            Ok(proved) => {
                checked.signatures.push(Signature { bundle, proof: proved.into() });
                continue;
            }
            Err(fault) => fault,
        };
        match fault.link {
            "identity" | "issuer" if is_one_of_several => {
                other_signer.get_or_insert(fault);
            }
            link if kept.is_some() || is_one_of_several && link == "key-material" => {
                checked.broken.push(Broken { bundle, fault });
            }
            "bundle" => {
                // Which one is to be looked at, not what it was to prove.
                let reason = format!("{}: {}", printable(&bundle), fault.reason);
                return Ok(checked.refused(Fault { reason, ..fault }));
            }
            _ => return Ok(checked.refused(fault)),
        }
    }
    let Some(first) = checked.signatures.first() else {
        let fault = other_signer.or_else(|| Some(checked.broken.first()?.fault.clone()));
        return match fault {
            Some(fault) => Ok(checked.refused(fault)),
            None => Err(no_bundle(named)),
        };
    };
    checked.verified = true;
    checked.identity.clone_from(&first.proof.identity);
    checked.issuer.clone_from(&first.proof.issuer);
    Ok(checked)
}

fn no_bundle(named: &Named) -> anyhow::Error {
    let why = match named {
        Named::Here(artifact) => match artifact.beside(BUNDLE_ENDING) {
            Ok(place) => {
                format!("there is no bundle {}: name it with --bundle", place.display())
            }
            Err(error) => return error,
        },
        Named::Kept(kept) => format!("{}: the server has no bundle for it", kept.reference()),
    };
    Failure::NotFound(why).into()
}

impl Checked {
    /// Nothing is verified yet.
    fn begin(file: String) -> Self {
        Self {
            file,
            sha256: None,
            attestations: None,
            verified: false,
            identity: None,
            issuer: None,
            fault: None,
            signatures: Vec::new(),
            broken: Vec::new(),
        }
    }

    fn refused(self, fault: Fault) -> Self {
        Self { fault: Some(fault), signatures: Vec::new(), ..self }
    }
}

fn describe(checked: &Checked) -> String {
    let style = Style::of_stdout();
    let mut text = format!("{}: {}", printable(&checked.file), style.green("verified"));
    if let Some(sha256) = &checked.sha256 {
        let _ = write!(text, "\n  {:<12} sha256:{}", "digest", printable(sha256));
        let number = count(checked.attestations.unwrap_or_default(), "attestation");
        let expected = checked.signatures.len();
        let _ = write!(text, "\n  {:<12} {number}; {expected} counted", "found");
    }
    for signature in &checked.signatures {
        text.push('\n');
        text.push_str(&signature.proof.describe());
        text.push('\n');
        text.push_str(&signature.proof.describe_open());
    }
    for Broken { bundle, fault } in &checked.broken {
        let (bundle, reason) = (printable(bundle), &fault.reason);
        let _ = write!(text, "\n  {:<12} {bundle}: {reason}", "not counted");
    }
    text
}

/// Those that were given, else those beside the file, or those that the server has.
async fn offers(named: &Named, given: &[PathBuf]) -> Result<Vec<Offer>> {
    let places = match named {
        _ if !given.is_empty() => given.to_vec(),
        Named::Here(artifact) => beside(artifact)?,
        Named::Kept(kept) => return kept.offers().await,
    };
    let mut offers = Vec::new();
    for place in &places {
        let name = place.display().to_string();
        let Some(bytes) = read_at_most(place, BUNDLE_LIMIT_BYTES)? else {
            let bundle = Err(Fault::unread(&too_large(place, BUNDLE_LIMIT_BYTES)));
            offers.push(Offer { name, bundle, text: None });
            continue;
        };
        let offer = Offer::read(name, &bytes, None);
        match offer.bundle.is_err().then(|| lines(&offer.name, &bytes)).flatten() {
            Some(lines) => offers.extend(lines),
            None => offers.push(offer),
        }
    }
    Ok(offers)
}

/// Several bundles in one file, one on each line.
fn lines(name: &str, bytes: &[u8]) -> Option<Vec<Offer>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let offer = |line| {
        let offer = Offer::read(name.to_owned(), line, None);
        offer.bundle.is_ok().then_some(offer)
    };
    let offers: Option<Vec<_>> = lines.map(offer).collect();
    offers.filter(|offers| (1..=BUNDLES_LIMIT).contains(&offers.len()))
}

/// Also behind a gap: somebody took one away.
fn beside(artifact: &artifact::Target) -> Result<Vec<PathBuf>> {
    let mut places = places(artifact, "")?;
    places.retain(|path| path.exists());
    Ok(places)
}

impl TrustOptions {
    /// Whether a file was named.
    pub(crate) fn is_given(&self) -> bool {
        self.trust.is_some()
    }

    /// The trust root that was named, or the server's.
    pub(crate) async fn root(&self, target: &data::Target) -> Result<TrustRoot> {
        let Some(path) = &self.trust else {
            let instance = Instance::find(target)
                .await?
                .ok_or_else(|| usage("name whom to believe: --trust FILE, or --server URL"))?;
            let bytes = instance.trust_bytes().await?;
            let root = TrustRoot::parse(&bytes).context("the server's trust root");
            return root.map_err(|error| unusable(&error));
        };
        let bytes = read_limited(path, TRUST_ROOT_LIMIT_BYTES).context("--trust");
        let root = bytes.and_then(|bytes| {
            TrustRoot::parse(&bytes).with_context(|| format!("--trust {}", path.display()))
        });
        root.map_err(|error| unusable(&error))
    }

    /// A verifier with it.
    pub(crate) async fn verifier(&self, target: &data::Target) -> Result<Verifier> {
        let root = self.root(target).await?;
        let verifier = Verifier::new(&root).context("the trust root cannot be used");
        verifier.map_err(|error| unusable(&error))
    }
}

impl ExpectedOptions {
    pub(crate) fn policy(&self) -> Result<Policy> {
        if let Some(path) = &self.key {
            let key = PublicKey::from_pem(&read_pem(path)?);
            let wrong = |error| usage(&format!("--key {}: {error}", path.display()));
            return Ok(Policy::Key(key.map_err(wrong)?));
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

/// A key's text.
pub(crate) fn read_pem(path: &Path) -> Result<String> {
    input::read_text("--key", path, KEY_LIMIT_BYTES)
}

fn unusable(error: &anyhow::Error) -> anyhow::Error {
    Failure::TrustRoot(printable(&format!("{error:#}"))).into()
}
