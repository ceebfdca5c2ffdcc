//! `provender sign`.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use provender_attest::{
    Artifact, Bundle, PREDICATE_SIGNATURE, Policy, PrivateKey, PublicKey, SignError, Signer,
    SigningBackend, Statement, Subject, TrustRoot, Verifier,
};
use provender_server::api::types::Referenced;
use serde::Serialize;

use crate::api::Refusal;
use crate::artifact::Target;
use crate::data;
use crate::exit::Failure;
use crate::instance::{Backend, Identity, Instance, token_of_environment, usage};
use crate::output::{Output, printable};
use crate::proof::{Proof, reason};
use crate::reference::{Kept, Named};
use crate::verify::read_pem;

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// What to sign: files, folders by the list of what is in them, and what the server keeps, by a
    /// reference such as localhost:8080/main/team/app:1.0
    #[arg(required = true, value_name = "FILE OR REFERENCE")]
    files: Vec<PathBuf>,
    /// Where to write the bundle [default: beside the file, with .sigstore.json behind its name]
    #[arg(long, short, value_name = "BUNDLE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    signer: SignerOptions,
}

const AFTER_HELP: &str = "\
Who signs: --identity-token, else the token of this server in --token or PROVENDER_TOKEN, else \
whoever logged in with `provender login`, else whoever sits at the terminal. With --key, whoever \
holds the key.

What the server keeps is signed as cosign signs it, and the bundle goes to the server, for which a \
token with scope publish is taken.";

/// Who signs, and whether beside what is there.
#[derive(Debug, Args)]
pub(crate) struct SignerOptions {
    /// Keep the bundles that are there, and write one more beside them
    #[arg(long, conflicts_with = "output")]
    pub(crate) add: bool,
    /// A token of the server [default: the one in `PROVENDER_TOKEN`]
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// An identity token of an issuer that the server trusts, or a file that holds it
    #[arg(long, value_name = "TOKEN", conflicts_with = "token")]
    identity_token: Option<String>,
    /// Sign with this ECDSA P-256 key (PEM) instead of a certificate
    #[arg(long, value_name = "FILE", conflicts_with = "identity_token")]
    key: Option<PathBuf>,
}

/// What was signed.
#[derive(Debug, Serialize)]
struct Signed {
    file: String,
    bundle: String,
    #[serde(flatten)]
    proof: Proof,
}

/// What was signed of what a server keeps.
#[derive(Debug, Serialize)]
struct SignedOnServer<'a> {
    reference: &'a str,
    #[serde(flatten)]
    file: &'a Referenced,
    log_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<String>,
    #[serde(flatten)]
    proof: Proof,
}

impl SignerOptions {
    /// The files that are read beside what is signed, and `others`.
    pub(crate) fn read<'a>(&'a self, others: &[&'a Path]) -> Vec<&'a Path> {
        let token = self.identity_token.as_deref().map(Path::new);
        self.key.as_deref().into_iter().chain(token).chain(others.iter().copied()).collect()
    }

    /// What is to be signed; the server is asked about what is not here.
    pub(crate) async fn find(
        &self,
        given: &[PathBuf],
        target: &data::Target,
    ) -> Result<Vec<Named>> {
        let mut named = Vec::with_capacity(given.len());
        for given in given {
            let token = self.token.clone().or_else(token_of_environment);
            let found = Named::find(given, target, token).await?;
            // Said before anything is logged for ever.
            if let (Named::Kept(kept), Some(_)) = (&found, &self.key) {
                let reference = printable(kept.reference());
                let why = "the server keeps what is signed with a certificate, not with a key";
                return Err(usage(&format!("--key: {reference}: {why}")));
            }
            named.push(found);
        }
        Ok(named)
    }
}

pub(crate) async fn run(options: Options, target: &data::Target, output: Output) -> Result<()> {
    if options.output.is_some() && options.files.len() > 1 {
        return Err(usage("--output is for one file"));
    }
    let named = options.signer.find(&options.files, target).await?;
    let place = |target: &Target| place(target, "", options.output.as_deref(), options.signer.add);
    check_places(&named, &options.signer.read(&[]), options.output.as_deref(), place)?;
    // A certificate is for some minutes, and reading may take longer.
    let contents: Vec<Content> = named.iter().map(Content::of).collect::<Result<_>>()?;
    let instance = Instance::of(target).await?;
    let session = Session::open(&instance, &options.signer).await?;
    let signer = session.signer().await?;
    for (named, content) in named.iter().zip(&contents) {
        let bundle = match content {
            Content::Digest(digest) => signer.sign_digest(digest).await,
            Content::Statement(statement) => signer.sign_statement(statement).await,
        };
        let bundle = bundle.map_err(unwrapped)?;
        let proof = session.check(&bundle, named)?;
        match named {
            Named::Here(target) => {
                report(target, &place(target)?, &bundle, proof, output)?;
            }
            Named::Kept(kept) => {
                attach(kept, options.output.as_deref(), &bundle, proof, output).await?;
            }
        }
    }
    Ok(())
}

/// What is signed.
enum Content {
    Digest([u8; 32]),
    Statement(Statement),
}

impl Content {
    fn of(named: &Named) -> Result<Self> {
        match named {
            Named::Here(target) => target.sha256().map(Self::Digest),
            Named::Kept(kept) => Ok(Self::Statement(signature_of(kept))),
        }
    }
}

/// What cosign signs of an image: a statement that says nothing but which one it is.
fn signature_of(kept: &Kept) -> Statement {
    let digest = [("sha256".to_owned(), kept.file.sha256.clone())];
    Statement {
        subjects: vec![Subject { name: None, digest: digest.into() }],
        predicate_type: PREDICATE_SIGNATURE.to_owned(),
        predicate: serde_json::json!({}),
    }
}

/// Hands the bundle to the server, writes it where somebody wants it, and says so.
pub(crate) async fn attach(
    kept: &Kept,
    path: Option<&Path>,
    bundle: &Bundle,
    proof: Proof,
    output: Output,
) -> Result<()> {
    if let Some(path) = path {
        write(path, bundle)?;
    }
    let attached = kept.attach(bundle).await?;
    let signed = SignedOnServer {
        reference: kept.reference(),
        file: &kept.file,
        log_index: attached.attestation.log_index,
        bundle: path.map(|path| path.display().to_string()),
        proof,
    };
    if output.quiet && !output.json {
        return Ok(());
    }
    output.show_line(&signed, |signed| {
        format!(
            "{}: signed, and kept by the server\n  {:<12} sha256:{}\n{}",
            printable(signed.reference),
            "digest",
            printable(&signed.file.sha256),
            signed.proof.describe(),
        )
    })
}

fn write(path: &Path, bundle: &Bundle) -> Result<()> {
    let text = format!("{}\n", bundle.to_json());
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes the bundle and says so.
pub(crate) fn report(
    target: &Target,
    path: &Path,
    bundle: &Bundle,
    proof: Proof,
    output: Output,
) -> Result<()> {
    write(path, bundle)?;
    let signed = Signed {
        file: target.path().display().to_string(),
        bundle: path.display().to_string(),
        proof,
    };
    if output.quiet && !output.json {
        return Ok(());
    }
    output.show_line(&signed, |signed| {
        let what = if target.is_tree() { "signed with all that is in it" } else { "signed" };
        format!(
            "{}: {what}, written to {}\n{}",
            printable(&signed.file),
            printable(&signed.bundle),
            signed.proof.describe(),
        )
    })
}

/// Where the bundle goes.
pub(crate) fn place(
    target: &Target,
    kind: &str,
    output: Option<&Path>,
    add: bool,
) -> Result<PathBuf> {
    if let Some(path) = output {
        return Ok(path.to_owned());
    }
    if !add {
        return target.beside(&format!("{kind}{BUNDLE_ENDING}"));
    }
    let mut free = places(target, kind)?.into_iter().filter(|path| !path.exists());
    free.next().ok_or_else(|| usage(&format!("there are {BUNDLES_LIMIT} bundles already")))
}

/// Where bundles of this kind are found, by their numbers: `.sigstore.json`, `.2.sigstore.json`, …, but
/// for those of files that are called so, as `lib.so.2` beside `lib.so`.
pub(crate) fn places(target: &Target, kind: &str) -> Result<Vec<PathBuf>> {
    let mut places = vec![target.beside(&format!("{kind}{BUNDLE_ENDING}"))?];
    for number in 2..=BUNDLES_LIMIT {
        if !target.beside(&format!("{kind}.{number}"))?.exists() {
            places.push(target.beside(&format!("{kind}.{number}{BUNDLE_ENDING}"))?);
        }
    }
    Ok(places)
}

/// Refuses places where nothing can be written, or not without taking away what is signed or `read`
/// beside it. Said before anything is logged for ever.
pub(crate) fn check_places(
    named: &[Named],
    read: &[&Path],
    output: Option<&Path>,
    place: impl Fn(&Target) -> Result<PathBuf>,
) -> Result<()> {
    let here: Vec<&Target> = named.iter().filter_map(Named::here).collect();
    let taken = Taken::new(&here, read);
    for target in &here {
        taken.check(&place(target)?)?;
    }
    match output {
        Some(output) if here.is_empty() => taken.check(output),
        _ => Ok(()),
    }
}

/// What nothing may be written over, or into.
pub(crate) struct Taken<'a> {
    signed: &'a [&'a Target],
    files: HashMap<FileId, &'a Path>,
}

/// Which file a path leads to: its device, and its number there.
type FileId = (u64, u64);

impl<'a> Taken<'a> {
    /// What is signed, and what is read beside it.
    pub(crate) fn new(signed: &'a [&'a Target], read: &[&'a Path]) -> Self {
        let all = signed.iter().map(|target| target.path()).chain(read.iter().copied());
        let files = all.filter_map(|path| Some((file_id(path)?, path))).collect();
        Self { signed, files }
    }

    /// Refuses a place that is taken, or where nothing can be written.
    pub(crate) fn check(&self, place: &Path) -> Result<()> {
        if let Some(folder) = self.signed.iter().find(|target| target.holds(place)) {
            return Err(usage(&format!(
                "{} would be in {}, of which it speaks, and never verify: name another place",
                place.display(),
                folder.path().display()
            )));
        }
        if let Some(taken) = file_id(place).and_then(|file| self.files.get(&file)) {
            let what = match *taken == place {
                true => place.display().to_string(),
                false => format!("{} is {}, which", place.display(), taken.display()),
            };
            return Err(usage(&format!("{what} is read here: name another place")));
        }
        check_writable(place)
    }
}

fn file_id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn check_writable(place: &Path) -> Result<()> {
    let is_writable = match std::fs::metadata(place) {
        Ok(there) if there.is_file() || there.is_dir() => {
            std::fs::OpenOptions::new().write(true).open(place).map(drop)
        }
        // Whoever reads a pipe takes its first writer's end for its end.
        Ok(_) => Ok(()),
        Err(_) => std::fs::File::create_new(place).and_then(|_| std::fs::remove_file(place)),
    };
    is_writable.with_context(|| format!("cannot write {}", place.display()))
}

/// What a bundle's name ends with.
pub(crate) const BUNDLE_ENDING: &str = ".sigstore.json";
/// Most bundles beside one file.
pub(crate) const BUNDLES_LIMIT: usize = 100;

/// A server, who signs there, and what its signatures are checked by.
pub(crate) struct Session<'a> {
    backend: Backend<'a>,
    verifier: Verifier,
    key: Option<(String, PublicKey)>,
}

impl<'a> Session<'a> {
    /// Finds out who signs.
    pub(crate) async fn open(instance: &'a Instance, options: &SignerOptions) -> Result<Self> {
        let key = options.key.as_deref().map(read_key).transpose()?;
        let identity = match (&options.identity_token, &key) {
            (_, Some(_)) => None,
            (Some(given), None) => Some(Identity::given(given)?),
            (None, None) => Some(Identity::found(instance, options.token.as_deref()).await?),
        };
        let root: TrustRoot = instance.trust().await?;
        let verifier = Verifier::new(&root).context("the server's trust root cannot be used")?;
        let backend = Backend {
            instance,
            identity_token: identity.map(|identity| identity.text().to_owned()),
            api_token: options.token.clone().or_else(token_of_environment),
        };
        Ok(Self { backend, verifier, key })
    }

    /// A signer: with the key, or with a new certificate.
    pub(crate) async fn signer(&self) -> Result<Signer<'_, Backend<'a>>> {
        match &self.key {
            Some((pem, _)) => {
                let key = PrivateKey::from_pem(pem).context("--key")?;
                Ok(Signer::with_key(&self.backend, key))
            }
            None => Signer::with_certificate(&self.backend).await.map_err(unwrapped),
        }
    }

    /// Verifies what was just signed: a bundle that proves nothing is not written.
    pub(crate) fn check(&self, bundle: &Bundle, named: &Named) -> Result<Proof> {
        let policy = match &self.key {
            Some((_, public)) => Policy::Key(public.clone()),
            None => Policy::anybody(),
        };
        let check = |artifact: Artifact<'_>| self.verifier.verify(bundle, artifact, &policy);
        let verified = named.with(check)?;
        let why = "the server's own trust root does not verify what was just signed";
        let mut proof = verified
            .map(Proof::from)
            .map_err(|error| anyhow::anyhow!("{why}: {}", reason(&error)))?;
        // Whoever signs knows who they are.
        proof.not_proved.clear();
        Ok(proof)
    }
}

/// A timestamp authority that only gives time.
pub(crate) async fn timestamp(instance: &Instance, request: &[u8]) -> Result<Vec<u8>> {
    let backend = Backend { instance, identity_token: None, api_token: None };
    backend.timestamp(request).await.map_err(unboxed)
}

fn read_key(path: &Path) -> Result<(String, PublicKey)> {
    let pem = read_pem(path)?;
    let key = PrivateKey::from_pem(&pem)
        .map_err(|error| usage(&format!("--key {}: {:#}", path.display(), anyhow!(error))))?;
    Ok((pem, key.public_key()))
}

/// What a service refused is in the error's middle; it decides how the command exits.
pub(crate) fn unwrapped(error: SignError) -> anyhow::Error {
    let what = error.to_string();
    match error {
        SignError::Certificate(cause) | SignError::Timestamp(cause) | SignError::Log(cause) => {
            unboxed(cause).context(what)
        }
        other => other.into(),
    }
}

/// In a box nobody finds what decides how the command exits.
fn unboxed(cause: Box<dyn std::error::Error + Send + Sync>) -> anyhow::Error {
    let other = match cause.downcast::<Refusal>() {
        Ok(refusal) => return (*refusal).into(),
        Err(other) => other,
    };
    match other.downcast::<Failure>() {
        Ok(failure) => (*failure).into(),
        Err(other) => anyhow::Error::from_boxed(other),
    }
}
