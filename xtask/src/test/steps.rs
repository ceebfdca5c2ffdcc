//! The steps of a full run, in order: what is quick to fail comes first.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;

use super::doctor;
use super::options::Options;
use super::postgres::Postgres;
use super::process::{Ran, answer, bounded, shown};
use super::tally::Tally;
use super::{clients, containers, process, sigstore};

/// Seconds for building and running the workspace's tests from nothing.
const BUILD_SECS: u32 = 2700;
/// The version of the licence and source checker.
const DENY_VERSION: &str = "0.20.2";
/// Where the store's tests find a database to work in.
const POSTGRES_VARIABLE: &str = "PROVENDER_TEST_POSTGRES";

/// One step.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// Whether `--quick` runs it too.
    quick: bool,
    /// What `--without` calls it, where it can be done without.
    optional: Option<&'static str>,
    pub(super) run: fn(&mut Session) -> anyhow::Result<Tally>,
}

/// Every step, in order.
pub(super) fn all() -> [Step; 10] {
    let step = |name, run| Step { name, quick: false, optional: None, run };
    [
        step("what is needed", prepare),
        Step { quick: true, ..step("formatting", formatting) },
        Step { quick: true, ..step("tidy", tidy) },
        Step { quick: true, ..step("lints", lints) },
        Step { optional: Some("cargo-deny"), ..step("licences and sources", deny) },
        step("documentation", documentation),
        Step { optional: Some("postgresql"), ..step("PostgreSQL", postgresql) },
        Step { quick: true, ..step("tests", tests) },
        Step { optional: Some("fuzz"), ..step("fuzzing", fuzz) },
        Step { optional: Some("clients"), ..step("real clients", real_clients) },
    ]
}

/// What the steps of one run share.
pub(super) struct Session {
    root: PathBuf,
    options: Options,
    postgres: Option<Postgres>,
}

impl Session {
    pub(super) fn new(root: &Path, options: Options) -> Self {
        Self { root: root.to_owned(), options, postgres: None }
    }

    /// Whether this run has the step; one that was declined by name is said to be.
    pub(super) fn wants(&self, step: &Step) -> bool {
        if let Some(name) = step.optional.filter(|name| self.options.declines(name)) {
            println!("\n== {}: left out, as --without {name} asks", step.name);
            return false;
        }
        step.quick || !self.options.quick
    }

    /// A bounded cargo, in the project.
    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = bounded(BUILD_SECS, "cargo");
        cargo.args(arguments).current_dir(&self.root);
        cargo
    }

    /// Runs cargo as one check.
    fn check(&self, arguments: &[&str]) -> anyhow::Result<Tally> {
        Ok(Tally::of(shown(&mut self.cargo(arguments))?.success))
    }
}

fn prepare(session: &mut Session) -> anyhow::Result<Tally> {
    doctor::install(&session.options)?;
    Ok(Tally::passed(1))
}

fn formatting(session: &mut Session) -> anyhow::Result<Tally> {
    session.check(&["fmt", "--all", "--check"])
}

fn tidy(session: &mut Session) -> anyhow::Result<Tally> {
    let tree = crate::tidy::run(&session.root)?;
    Ok(Tally::of(tree == std::process::ExitCode::SUCCESS))
}

fn lints(session: &mut Session) -> anyhow::Result<Tally> {
    session.check(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
}

fn deny(session: &mut Session) -> anyhow::Result<Tally> {
    let tools = session.root.join("target/tools");
    let program = tools.join("bin/cargo-deny");
    let wanted = format!("cargo-deny {DENY_VERSION}");
    if answer(Command::new(&program).arg("--version")).as_ref() != Some(&wanted) {
        // Unoptimised: it is run once, and compiles in a minute so.
        let mut install =
            session.cargo(&["install", "cargo-deny", "--locked", "--debug", "--quiet"]);
        install.args(["--config", "profile.dev.debug=false", "--version", DENY_VERSION, "--force"]);
        install.arg("--root").arg(&tools).arg("--target-dir").arg(tools.join("build"));
        ensure!(shown(&mut install)?.success, "{wanted} is missing and could not be installed");
        std::fs::remove_dir_all(tools.join("build"))?;
    }
    let mut check = bounded(300, &program);
    check.args(if session.options.offline { &["--offline"][..] } else { &[] });
    check
        .args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .current_dir(&session.root);
    Ok(Tally::of(shown(&mut check)?.success))
}

fn documentation(session: &mut Session) -> anyhow::Result<Tally> {
    let mut doc = session.cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
    // The command line shows its doc comments as they are, and there a bare address is right.
    doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::bare_urls");
    Ok(Tally::of(shown(&mut doc)?.success))
}

fn postgresql(session: &mut Session) -> anyhow::Result<Tally> {
    session.postgres = Some(Postgres::start()?);
    Ok(Tally::passed(1))
}

fn tests(session: &mut Session) -> anyhow::Result<Tally> {
    let mut test = session.cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    // A snapshot that differs fails, and leaves nothing behind in the tree.
    test.env("INSTA_UPDATE", "no");
    if let Some(postgres) = &session.postgres {
        test.env(POSTGRES_VARIABLE, postgres.url());
    }
    let Ran { lines, success } = shown(&mut test)?;
    Ok(Tally::of_lines(&lines, success, Tally::cargo_test))
}

fn fuzz(session: &mut Session) -> anyhow::Result<Tally> {
    let mut smoke = session.cargo(&["run", "--locked", "--quiet"]);
    smoke.args(["--no-default-features", "--manifest-path", "fuzz/Cargo.toml", "--bin", "smoke"]);
    let Ran { lines, success } = shown(&mut smoke)?;
    Ok(Tally::of_lines(&lines, success, Tally::script))
}

fn real_clients(session: &mut Session) -> anyhow::Result<Tally> {
    let programs = clients::install(&session.root)?;
    let mut left_out = sigstore::install(&session.root, &session.options)?;
    left_out.extend(containers::install(&session.root, &session.options)?);
    let offline = session.options.offline
        || session.options.declines("upstream")
        || !doctor::upstream_answers(&programs.join("pip"));
    println!("the real upstream is {}", if offline { "left out" } else { "there" });
    // As the tests have built it: on its own it would have other features, and be built again.
    let mut cargo = session.cargo(&["test", "--workspace", "--locked", "--no-run", "--quiet"]);
    let built = process::shown(&mut cargo)?;
    ensure!(built.success, "the program under test could not be built");
    let server = session.root.join("target/debug/provender");
    clients::drive(&session.root, &programs, &server, offline, &left_out)
}
