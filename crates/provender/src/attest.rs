//! `provender attest`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use provender_attest::{STATEMENT_LIMIT_BYTES, Statement, Subject};

use crate::artifact::Target;
use crate::data;
use crate::input::read_limited;
use crate::instance::{Instance, usage};
use crate::output::Output;
use crate::reference::Named;
use crate::sign::{Session, SignerOptions, attach, check_places, place, report, unwrapped};

/// Types that have a short name.
const SHORT_NAMES: [(&str, &str); 7] = [
    ("release", provender_attest::PREDICATE_RELEASE),
    ("vsa", provender_attest::PREDICATE_VERIFICATION_SUMMARY),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("openvex", "https://openvex.dev/ns"),
    ("test-result", "https://in-toto.io/attestation/test-result/v0.1"),
];

/// What tells an attestation from a signature, in a bundle's name.
const KIND: &str = ".attestation";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What the statement is about: files, folders by the list of what is in them, and what the
    /// server keeps, by a reference such as localhost:8080/main/team/app:1.0
    #[arg(required = true, value_name = "FILE OR REFERENCE")]
    files: Vec<PathBuf>,
    /// What kind of thing is said: a URI, or release, vsa, slsaprovenance1, spdxjson, cyclonedx, openvex, test-result
    #[arg(long, value_name = "TYPE")]
    predicate_type: String,
    /// What is said: a file with JSON
    #[arg(long, value_name = "FILE")]
    predicate: PathBuf,
    /// Where to write the bundle [default: beside the file, with .attestation.sigstore.json behind its name]
    #[arg(long, short, value_name = "BUNDLE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    signer: SignerOptions,
}

pub(crate) async fn run(options: Options, target: &data::Target, output: Output) -> Result<()> {
    let named = options.signer.find(&options.files, target).await?;
    let place =
        |target: &Target| place(target, KIND, options.output.as_deref(), options.signer.add);
    let read = options.signer.read(&[&options.predicate]);
    check_places(&named, &read, options.output.as_deref(), place)?;
    let statement = options.statement(&named)?;
    let instance = Instance::of(target).await?;
    let session = Session::open(&instance, &options.signer).await?;
    let signer = session.signer().await?;
    let bundle = signer.sign_payload(statement).await.map_err(unwrapped)?;
    for (position, named) in named.iter().enumerate() {
        let proof = session.check(&bundle, named)?;
        let path = options.output.as_ref().filter(|_| position == 0);
        match named {
            Named::Kept(kept) => {
                attach(kept, path.map(PathBuf::as_path), &bundle, proof, output).await?;
            }
            Named::Here(_) if options.output.is_some() && position > 0 => {}
            Named::Here(target) => report(target, &place(target)?, &bundle, proof, output)?,
        }
    }
    Ok(())
}

impl Options {
    /// One statement about all the files.
    fn statement(&self, named: &[Named]) -> Result<Vec<u8>> {
        let shown = || format!("--predicate {}", self.predicate.display());
        let predicate = read_limited(&self.predicate, STATEMENT_LIMIT_BYTES)?;
        let subjects = named.iter().map(|named| {
            let digest = [("sha256".to_owned(), named.sha256()?)];
            Ok(Subject::new(named.name(), digest))
        });
        let subjects = subjects.collect::<Result<_>>()?;
        let predicate_type = predicate_type(&self.predicate_type)?;
        Statement::with_written(subjects, predicate_type, &predicate).with_context(shown)
    }
}

fn predicate_type(given: &str) -> Result<String> {
    if let Some((_, uri)) = SHORT_NAMES.iter().find(|(name, _)| *name == given) {
        return Ok((*uri).to_owned());
    }
    if given.contains(':') {
        return Ok(given.to_owned());
    }
    let names = SHORT_NAMES.map(|(name, _)| name).join(", ");
    Err(usage(&format!("--predicate-type {given}: neither a URI nor one of {names}")))
}

#[cfg(test)]
mod tests {
    use super::predicate_type;

    #[test]
    fn types() {
        let check = |given: &str, expected: Option<&str>| {
            assert_eq!(predicate_type(given).ok().as_deref(), expected);
        };
        check("release", Some("https://in-toto.io/attestation/release/v0.1"));
        check("https://example.com/mine/v1", Some("https://example.com/mine/v1"));
        check("mine", None);
    }
}
