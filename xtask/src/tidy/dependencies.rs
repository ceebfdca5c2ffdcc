//! Who may depend on whom: the table of parts in ARCHITECTURE, read off the manifests.

use super::{Finding, Tree};

/// A crate of the core, and the crates of this project that it may depend on.
struct Part {
    name: &'static str,
    may_use: &'static [&'static str],
}

/// Every crate that is not an ecosystem. An ecosystem needs no line here.
const CORE: &[Part] = &[
    Part { name: "provender-domain", may_use: &[] },
    Part { name: "provender-archive", may_use: &[] },
    Part { name: "provender-ecosystem", may_use: &["provender-domain"] },
    Part { name: "provender-upstream", may_use: &["provender-domain"] },
    Part { name: "provender-tlog", may_use: &[] },
    Part { name: "provender-authority", may_use: &["provender-tlog"] },
    Part { name: "provender-attest", may_use: &["provender-domain"] },
    Part { name: "provender-store", may_use: &["provender-domain", "provender-tlog"] },
    Part {
        name: "provender-registry",
        may_use: &[
            "provender-attest",
            "provender-authority",
            "provender-domain",
            "provender-ecosystem",
            "provender-store",
            "provender-tlog",
            "provender-upstream",
        ],
    },
    Part {
        name: "provender-server",
        may_use: &[
            "provender-attest",
            "provender-authority",
            "provender-domain",
            "provender-ecosystem",
            "provender-registry",
            "provender-store",
            "provender-tlog",
        ],
    },
];

/// Core crates that may use any other: the command line, and what tests stand on.
const UNBOUND: &[&str] = &["provender", "provender-testing"];

/// What an ecosystem may use of this project.
const ECOSYSTEM_MAY_USE: &[&str] =
    &["provender-archive", "provender-domain", "provender-ecosystem"];

/// A dependency from outside that only some crates may name, and why.
struct Reserved {
    dependency: &'static str,
    only: &'static [&'static str],
    because: &'static str,
}

const RESERVED: &[Reserved] = &[
    Reserved {
        dependency: "reqwest",
        only: &["provender-upstream"],
        because: "every request that leaves the server goes through one client and its checks",
    },
    Reserved {
        dependency: "sqlx",
        only: &["provender-store"],
        because: "SQL is written in one place, once for both databases",
    },
    Reserved {
        dependency: "object_store",
        only: &["provender-store"],
        because: "blobs are stored by one crate",
    },
];

/// What no pure crate may name: each of these is a way to do input or output.
const IO: &[&str] =
    &["tokio", "reqwest", "sqlx", "object_store", "hyper", "hyper-util", "rustix", "tempfile"];

/// The core crates that are pure, as every ecosystem is.
const PURE: &[&str] = &["provender-domain", "provender-archive", "provender-ecosystem"];

/// Whether the crate is one of the core's, and so no ecosystem.
pub(super) fn is_core(name: &str) -> bool {
    UNBOUND.contains(&name) || CORE.iter().any(|part| part.name == name)
}

/// The rule.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in tree.crates() {
        let path = format!("crates/{name}/Cargo.toml");
        let manifest = tree.text(&path).unwrap_or_default();
        for dependency in dependencies(manifest) {
            if let Some(wrong) = forbidden(name, dependency) {
                findings.push(Finding::file(&path, wrong));
            }
        }
        if !manifest.contains("[lints]\nworkspace = true") {
            findings.push(Finding::file(
                &path,
                "take the workspace's lints: `[lints] workspace = true`",
            ));
        }
    }
    findings
}

/// Why `crate_name` may not depend on `dependency`, if so.
fn forbidden(crate_name: &str, dependency: &str) -> Option<String> {
    let pure = PURE.contains(&crate_name) || !is_core(crate_name);
    if pure && IO.contains(&dependency) {
        return Some(format!(
            "must not depend on {dependency}: this crate does no input or output"
        ));
    }
    let reserved = RESERVED.iter().find(|reserved| reserved.dependency == dependency);
    if let Some(reserved) = reserved
        && !reserved.only.contains(&crate_name)
    {
        let owner = reserved.only.join(", ");
        return Some(format!("only {owner} depends on {dependency}: {}", reserved.because));
    }
    if UNBOUND.contains(&crate_name) || !dependency.starts_with("provender-") {
        return None;
    }
    let allowed = CORE
        .iter()
        .find(|part| part.name == crate_name)
        .map_or(ECOSYSTEM_MAY_USE, |part| part.may_use);
    (!allowed.contains(&dependency))
        .then(|| format!("must not depend on {dependency}; it may on: {}", allowed.join(", ")))
}

/// The crates that a manifest's own code is built with; what only its tests use is left out.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut section = Section::Other;
    manifest.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let (entered, named) = Section::entered(header.trim_end_matches(']'));
            section = entered;
            return named;
        }
        match section {
            Section::Dependencies => dependency_of(line),
            Section::OneDependency => renamed(line),
            Section::Other => None,
        }
    })
}

/// Which part of a manifest a line is in.
enum Section {
    /// A table whose keys are dependencies.
    Dependencies,
    /// The table of one dependency (`[dependencies.serde]`).
    OneDependency,
    Other,
}

impl Section {
    /// The section that a header opens, and the dependency that the header itself names.
    fn entered(header: &str) -> (Self, Option<&str>) {
        let is_table = |name: &str| {
            matches!(name, "dependencies" | "build-dependencies")
                || (name.starts_with("target.") && name.ends_with(".dependencies"))
        };
        if is_table(header) {
            return (Self::Dependencies, None);
        }
        match header.rsplit_once('.') {
            Some((table, name)) if is_table(table) => (Self::OneDependency, Some(name)),
            _ => (Self::Other, None),
        }
    }
}

/// The crate that `name.workspace = true` or `name = { package = "…" }` stands for.
fn dependency_of(line: &str) -> Option<&str> {
    if line.starts_with('#') {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    let name = key.trim().split('.').next()?;
    Some(renamed(value).unwrap_or(name))
}

/// The crate in `package = "…"`, where a dependency goes by another name.
fn renamed(line: &str) -> Option<&str> {
    let (_, after) = line.split_once("package")?;
    after.trim_start().strip_prefix('=')?.split('"').nth(1)
}

#[cfg(test)]
mod tests;
