//! The clients of containers that no package of Debian's brings at a version of today, and the
//! conformance suite of the specification. What Debian brings is in `doctor.rs`.

use std::path::Path;

use anyhow::Context as _;

use super::go::GoProgram;
use super::options::Options;
use super::toolchain::TOOLS;

/// Each under the name that `--without` and the script know.
const PROGRAMS: &[(&str, GoProgram)] = &[
    (
        "crane",
        GoProgram {
            package: "github.com/google/go-containerregistry/cmd/crane",
            version: "v0.22.1",
        },
    ),
    ("oras", GoProgram { package: "oras.land/oras/cmd/oras", version: "v1.3.6" }),
    ("helm", GoProgram { package: "helm.sh/helm/v3/cmd/helm", version: "v3.22.0" }),
    (
        "conformance",
        GoProgram {
            package: "github.com/opencontainers/distribution-spec/conformance",
            version: "v0.0.0-20260831232431-97274622c111",
        },
    ),
];

/// What Debian brings, under the names that `--without` and the script know.
const PACKAGED: &[&str] = &["skopeo", "podman", "buildah", "docker-registry"];

/// Builds the clients that are not declined, and gives the names of all that are left out: the
/// declined ones and, without a network, those that are not there.
///
/// # Errors
/// Where one is neither there nor declined, and cannot be built.
pub(super) fn install(root: &Path, options: &Options) -> anyhow::Result<Vec<&'static str>> {
    let folder = root.join("target/clients/containers/bin");
    let mut left_out: Vec<&str> =
        PACKAGED.iter().copied().filter(|name| options.declines(name)).collect();
    for (name, program) in PROGRAMS {
        if options.declines(name) {
            left_out.push(name);
        } else if program.is_there(&folder) {
            println!("{name} is there");
        } else if options.offline {
            println!("{name} is not there, and cannot be had without a network");
            left_out.push(name);
        } else {
            program
                .install(&folder, &root.join(TOOLS))
                .with_context(|| format!("{name} is missing; --without {name}"))?;
        }
    }
    Ok(left_out)
}
