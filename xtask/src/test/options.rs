//! What the test command is asked to do.

use anyhow::{Context as _, bail};

/// What `--without` may name: everything that is not of this project and can be missing.
pub(super) const OPTIONAL: &[&str] = &[
    "postgresql",
    "cargo-deny",
    "clients",
    "cosign",
    "skopeo",
    "podman",
    "buildah",
    "docker-registry",
    "crane",
    "oras",
    "helm",
    "conformance",
    "sigstore-js",
    "sigstore-python",
    "fuzz",
    "upstream",
];

/// The parsed arguments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    without: Vec<String>,
    /// Whether to take it that no public upstream can be reached, without trying.
    pub(super) offline: bool,
    /// Whether to run only what a developer runs every few minutes.
    pub(super) quick: bool,
}

impl Options {
    /// # Errors
    /// Where an argument is unknown, or names something that cannot be done without.
    pub(super) fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--offline" => options.offline = true,
                "--quick" => options.quick = true,
                "--without" => {
                    let name = arguments.next().context("--without needs a name")?;
                    if !OPTIONAL.contains(&name.as_str()) {
                        bail!("--without {name}: unknown; there are: {}", OPTIONAL.join(", "));
                    }
                    options.without.push(name.clone());
                }
                other => bail!("unknown argument {other}"),
            }
        }
        Ok(options)
    }

    /// Whether something that can be missing was declined by name.
    pub(super) fn declines(&self, name: &str) -> bool {
        self.without.iter().any(|declined| declined == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> Result<Options, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_are_understood() {
        assert_eq!(parse(""), Ok(Options::default()));
        assert!(parse("--offline").unwrap().offline);
        assert!(parse("--quick").unwrap().quick);
        let without = parse("--without postgresql --without fuzz").unwrap();
        assert!(without.declines("postgresql") && without.declines("fuzz"));
        assert!(!without.declines("clients"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let check = |line: &str, expected: &str| {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        };
        check("--without", "needs a name");
        check("--without tidy", "unknown; there are: postgresql");
        check("--fast", "unknown argument --fast");
    }
}
