//! `provender why`.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use provender_attest::{Artifact, Bundle, Policy, Verifier};
use provender_domain::{Algorithm, Digest, Timestamp};
use provender_server::api::types::{Referenced, TaggedSignature};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::artifact::Target;
use crate::data;
use crate::ecosystems;
use crate::exit::Failure;
use crate::instance::{Instance, token_of_environment, usage};
use crate::output::{Output, Style, moment, printable};
use crate::proof::{Proof, reason};
use crate::reference::{Kept, is_reference};
use crate::verify::TrustOptions;

/// Where the server tells what it knows.
const EVIDENCE_PATH: &str = "-/api/v1/evidence";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A file, a digest such as sha256:…, a package URL such as pkg:generic/name@1.0, or a
    /// reference such as localhost:8080/main/team/app:1.0
    #[arg(value_name = "FILE, DIGEST, PURL OR REFERENCE")]
    subject: String,
    #[command(flatten)]
    trust: TrustOptions,
}

/// What the server is asked about.
#[derive(Debug, PartialEq, Eq)]
struct Subject {
    /// As the server is asked.
    text: String,
    /// What is known of it here: it is not left to the server what the links are about.
    digest: Option<Digest>,
}

/// What the server knows of files.
#[derive(Debug, Deserialize)]
struct Evidence {
    items: Vec<FileEvidence>,
}

/// What the server knows of one file.
#[derive(Debug, Deserialize)]
struct FileEvidence {
    /// Its package URL.
    #[serde(default)]
    purl: Option<String>,
    /// Its facts: `repository`, `ecosystem`, `package`, `version`, `name`, `sha256`, …
    #[serde(default)]
    file: Value,
    /// Where it came from.
    #[serde(default)]
    origin: Value,
    /// What happened to it.
    #[serde(default)]
    events: Vec<Event>,
    /// What was said of it.
    #[serde(default)]
    attestations: Vec<AttestationEvidence>,
    /// Signatures under a tag beside it.
    #[serde(default)]
    signatures: Vec<TaggedSignature>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Event {
    kind: String,
    at: Timestamp,
    message: String,
}

#[derive(Debug, Deserialize)]
struct AttestationEvidence {
    bundle: Value,
}

/// A file and the links of its chain, each verified here.
#[derive(Debug, Serialize)]
struct Chain {
    purl: Option<String>,
    file: Value,
    origin: Value,
    events: Vec<Event>,
    links: Vec<Link>,
    /// What stands under a tag beside it: anybody's, of whom the trust root need not know all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signatures: Vec<Link>,
}

#[derive(Debug, Serialize)]
struct Link {
    verified: bool,
    #[serde(rename = "link", skip_serializing_if = "Option::is_none")]
    broken: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    proof: Option<Proof>,
}

pub(crate) async fn run(options: Options, target: &data::Target, output: Output) -> Result<()> {
    let is_elsewhere = !Path::new(&options.subject).exists() && is_reference(&options.subject);
    let (subject, named) = match is_elsewhere {
        true => {
            let kept = Kept::find(&options.subject, target, token_of_environment()).await?;
            (Subject::of(kept.digest().clone()), Some(kept.file))
        }
        false => (subject(&options.subject)?, None),
    };
    let instance = Instance::of(target).await?;
    let root = match options.trust.is_given() {
        true => options.trust.root(target).await?,
        false => instance.trust().await?,
    };
    let verifier = Verifier::new(&root)?;
    let token = token_of_environment();
    let query = [("subject", subject.text.as_str())];
    let mut evidence: Evidence =
        instance.read_json(EVIDENCE_PATH, &query, token.as_deref()).await?;
    if evidence.items.is_empty() {
        let message = format!("{} is not known to the server", printable(&options.subject));
        return Err(crate::api::Refusal { code: "not-found".to_owned(), message }.into());
    }
    if let Some(other) = evidence.items.iter().find(|item| !subject.is_meant_by(item)) {
        let found = other.digest().map_or_else(|| title(&other.file), |digest| digest.to_string());
        let asked = printable(&options.subject);
        let message = format!("{asked}: the server answered about something else, {found}");
        return Err(Failure::Refused(message).into());
    }
    if let Some(named) = named {
        // The same bytes may be under other names, too.
        evidence.items.sort_by_key(|item| !item.is_at(&named));
    }
    let mut broken = 0;
    for item in evidence.items {
        let chain = chain(item, &verifier);
        broken += chain.links.iter().filter(|link| !link.verified).count();
        output.show_line(&chain, describe)?;
    }
    match broken {
        0 => Ok(()),
        _ => Err(Failure::Refused("not every link of the chain holds".to_owned()).into()),
    }
}

impl Subject {
    fn of(digest: Digest) -> Self {
        Self { text: digest.to_string(), digest: Some(digest) }
    }

    /// By a name that says nothing of the bytes: which ones are meant, the server knows alone.
    fn named(text: String) -> Self {
        Self { text, digest: None }
    }

    fn is_meant_by(&self, item: &FileEvidence) -> bool {
        self.digest.is_none() || self.digest == item.digest()
    }
}

impl FileEvidence {
    /// Whether it is under the name that was asked about.
    fn is_at(&self, named: &Referenced) -> bool {
        let own = ["repository", "ecosystem", "package"].map(|key| self.file[key].as_str());
        own == [&named.repository, &named.ecosystem, &named.package].map(|text| Some(text.as_str()))
    }

    /// Which bytes it is about, as the server says.
    fn digest(&self) -> Option<Digest> {
        let text = self.file["digest"].as_str().or_else(|| self.file["sha256"].as_str())?;
        text.parse().or_else(|_| format!("sha256:{text}").parse()).ok()
    }
}

/// The SHA-256 in a package URL, where its kind has files that are called by it.
fn digest_in(purl: &provender_domain::Purl) -> Option<Digest> {
    let digest = ecosystems::all().iter().find_map(|ecosystem| {
        let file = ecosystem.read_purl(purl)?.file?;
        ecosystem.digest_of_file(&file)
    });
    digest.filter(|digest| digest.algorithm() == Algorithm::Sha256)
}

/// A file is known by its digest.
fn subject(given: &str) -> Result<Subject> {
    if given.starts_with("pkg:") {
        return match given.parse::<provender_domain::Purl>() {
            Ok(purl) => Ok(Subject { digest: digest_in(&purl), text: purl.to_string() }),
            Err(error) => Err(usage(&format!("{given}: {error}"))),
        };
    }
    if let Ok(digest) = given.parse::<Digest>() {
        return Ok(Subject::of(digest));
    }
    if let Ok(digest) = format!("sha256:{given}").parse::<Digest>() {
        return Ok(Subject::of(digest));
    }
    let path = Path::new(given);
    // What is not here by that name may be on the server.
    if !given.contains('/') && !path.exists() {
        return Ok(Subject::named(given.to_owned()));
    }
    let target = Target::open(path)?;
    Ok(Subject::of(Digest::from_bytes(Algorithm::Sha256, &target.sha256()?)?))
}

fn chain(item: FileEvidence, verifier: &Verifier) -> Chain {
    let digest = item.digest();
    let link = |bundle: &Value, text: Option<&str>| match &digest {
        None => unread("the server names no digest"),
        Some(digest) => link(bundle, text, digest, verifier),
    };
    let links = item.attestations.iter().map(|attestation| link(&attestation.bundle, None));
    let links = links.collect();
    let signatures =
        item.signatures.iter().map(|signature| link(&signature.bundle, Some(&signature.text)));
    let signatures = signatures.collect();
    let FileEvidence { purl, file, origin, events, .. } = item;
    Chain { purl, file, origin, events, links, signatures }
}

/// `text` is what is signed, where that is not the file itself but names it.
fn link(bundle: &Value, text: Option<&str>, digest: &Digest, verifier: &Verifier) -> Link {
    // The server may send the bundle as JSON or as text.
    let json = bundle.as_str().map_or_else(|| bundle.to_string(), str::to_owned);
    let bundle = match Bundle::parse(json.as_bytes()) {
        Ok(bundle) => bundle,
        Err(error) => return unread(&error.to_string()),
    };
    let policy = Policy::anybody();
    let outcome = match text {
        Some(text) => verifier.verify_cosign(&bundle, text.as_bytes(), digest, &policy),
        None => verifier.verify(&bundle, Artifact::Digest(digest), &policy),
    };
    match outcome {
        Ok(proved) => {
            Link { verified: true, broken: None, reason: None, proof: Some(proved.into()) }
        }
        Err(error) => Link {
            verified: false,
            broken: Some(error.link()),
            reason: Some(reason(&error)),
            proof: None,
        },
    }
}

fn unread(why: &str) -> Link {
    Link { verified: false, broken: Some("bundle"), reason: Some(printable(why)), proof: None }
}

fn describe(chain: &Chain) -> String {
    let style = Style::of_stdout();
    let mut lines = vec![style.bold(&title(&chain.file))];
    lines.extend(chain.purl.iter().map(|purl| format!("  {:<12} {}", "purl", printable(purl))));
    let facts = facts(&chain.file).chain(facts(&chain.origin));
    lines.extend(facts.map(|(name, value)| format!("  {name:<12} {value}")));
    lines.extend(
        chain.events.iter().map(|event| {
            format!("  {} {}", style.dim(&moment(event.at)), printable(&event.message))
        }),
    );
    if chain.links.is_empty() {
        lines.push("  nobody signed anything about it".to_owned());
    }
    for (number, link) in (1..).zip(&chain.links) {
        lines.extend(described(&format!("link {number}"), link, &style.red("is broken"), style));
    }
    for (number, link) in (1..).zip(&chain.signatures) {
        let name = format!("signature {number} under a tag");
        lines.extend(described(&name, link, "does not hold by this trust root", style));
    }
    lines.join("\n")
}

fn described(name: &str, link: &Link, broken: &str, style: Style) -> Vec<String> {
    let holds = style.green("holds");
    let verdict = if link.verified { &holds } else { broken };
    let mut lines = vec![format!("{name} {verdict}")];
    lines.extend(link.proof.iter().map(Proof::describe));
    lines.extend(link.reason.iter().map(|reason| format!("  {reason}")));
    lines
}

fn title(file: &Value) -> String {
    let text = |name: &str| file[name].as_str().map(printable);
    text("name").or_else(|| text("file_name")).or_else(|| text("digest")).unwrap_or_default()
}

/// Whatever the server tells that is a plain value.
fn facts(object: &Value) -> impl Iterator<Item = (String, String)> {
    let fields = object.as_object().into_iter().flatten();
    fields.filter_map(|(name, value)| {
        let value = match value {
            Value::String(text) => printable(text),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return None,
        };
        Some((printable(&name.replace('_', " ")), value))
    })
}

#[cfg(test)]
mod tests {
    use super::subject;

    #[test]
    fn subjects() {
        let check = |given: &str, expected: Option<&str>, is_digest: bool| {
            let found = subject(given).ok();
            assert_eq!(found.as_ref().map(|found| found.text.as_str()), expected, "{given}");
            let known = found.and_then(|found| found.digest).map(|digest| digest.to_string());
            assert_eq!(known.as_deref(), expected.filter(|_| is_digest), "{given}");
        };
        let hexadecimal = "ab".repeat(32);
        let digest = format!("sha256:{hexadecimal}");
        let image = subject(&format!("pkg:oci/app@sha256%3A{hexadecimal}")).unwrap();
        assert_eq!(image.digest, Some(digest.parse().unwrap()));
        check(&hexadecimal, Some(&digest), true);
        check(&digest, Some(&digest), true);
        check("pkg:generic/a@1", Some("pkg:generic/a@1"), false);
        check("pkg:a", None, false);
        check("idna-3.10.tar.gz", Some("idna-3.10.tar.gz"), false);
        check("/no/such/file", None, false);
    }
}
