//! The steps, in order.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::clients::Publisher;
use super::index::Index;
use super::relay::Relay;
use super::stage::Stage;
use crate::ecosystems::TOURED;

/// What is installed from a real upstream: useful in itself, since it publishes a later step.
const REAL_PACKAGE: &str = "twine";
/// What the tour's own upstream has, where no real one can be reached.
const DEMO_PACKAGE: &str = "tour-greeting";
/// What belongs to the organisation of this story.
const PRIVATE_PACKAGE: &str = "acme-billing";
const PRIVATE_MODULE: &str = "acme_billing";

/// Where packages come from, and how to cut that off.
enum Source {
    Real(Relay),
    Own(Index),
}

impl Source {
    async fn cut(self) {
        match self {
            Self::Real(relay) => relay.close().await,
            Self::Own(index) => index.close().await,
        }
    }
}

pub(super) async fn walk(stage: &mut Stage, offline: bool) -> Result<()> {
    let script = stage.script;
    script.say(
        "This tour starts a Provender of its own in a temporary directory, and does with it what \
         you\nwould do, with the real clients. It leaves nothing behind.",
    );
    script.step(1, "Start");
    let source = start(stage, offline).await?;
    let package = match source {
        Source::Real(_) => REAL_PACKAGE,
        Source::Own(_) => DEMO_PACKAGE,
    };
    script.step(2, "Install a package through it");
    let kept = install(stage, package).await?;
    script.step(3, "Cut the upstream off, and install again");
    survive(stage, source, package, kept).await?;
    script.step(4, "Publish a private package");
    let publisher = match package {
        REAL_PACKAGE => Publisher::Twine(stage.clients.folder("first")),
        _ => stage.clients.publisher_here().await,
    };
    let release = publish(stage, &publisher).await?;
    script.step(5, "Ask why it should be trusted");
    why(stage, &release).await?;
    script.step(6, "Somebody registers its name in public, as version 99");
    namesake(stage).await?;
    script.step(7, "It is all written down");
    stage.type_command(&["events", "--limit", "12"]).await?;
    script.say("  Who did what, when, from where and why. Nothing is ever taken out again.");
    Ok(())
}

/// Starts the server with the real upstream, or with the tour's own.
async fn start(stage: &mut Stage, offline: bool) -> Result<Source> {
    let script = stage.script;
    script.command("provender serve");
    if !offline {
        match start_with_real_upstream(stage).await? {
            Ok(relay) => return Ok(Source::Real(relay)),
            Err(why) => {
                script.say(&format!(
                    "  {why}. The rest of the tour uses a small upstream of its own."
                ));
                stage.strike_server().await;
            }
        }
    }
    stage.start_server(None).await?;
    script.shown(&format!("it listens on {}", stage.url()));
    let file = stage.clients.build(DEMO_PACKAGE, "1.0", "hello from upstream").await?;
    let index = Index::open(vec![file]).await?;
    stage.type_command(&["upstream", "add", TOURED, &index.url(), "--name", "small"]).await?;
    Ok(Source::Own(index))
}

/// The way out, or why there is none.
async fn start_with_real_upstream(stage: &mut Stage) -> Result<Result<Relay, String>> {
    let relay = match Relay::open().await {
        Ok(relay) => relay,
        Err(error) => return Ok(Err(format!("{error:#}"))),
    };
    stage.start_server(Some(&relay)).await?;
    stage.script.shown(&format!("it listens on {}", stage.url()));
    let Some((url, name, client)) = stage.adopted_upstream().await? else {
        return Ok(Err("No client installed here names an upstream".to_owned()));
    };
    if !url.starts_with("https://") {
        let why = "The upstream that this machine uses is not one that the tour can cut off";
        return Ok(Err(why.to_owned()));
    }
    let simple = format!("{}/simple/", stage.endpoint());
    let probe = stage.clients.install(
        &simple,
        &["--dry-run", "--no-deps", "--retries", "1"],
        "probe",
        REAL_PACKAGE,
    );
    if !probe.await?.succeeded {
        return Ok(Err(format!("The upstream that {client} uses cannot be reached from here")));
    }
    stage
        .script
        .shown(&format!("it asked {client} which upstream this machine uses, and adopted {name}"));
    Ok(Ok(relay))
}

/// Returns how many files were kept.
async fn install(stage: &Stage, package: &str) -> Result<usize> {
    let script = stage.script;
    pip_install(stage, "first", package).await?;
    let listed = stage.run_command(&["events", "--kind", "mirrored", "--limit", "1000"]).await?;
    let kept = listed.lines().count();
    ensure!(kept > 0, "nothing was recorded as mirrored");
    script.shown(&format!(
        "{kept} file{} fetched once, held against the upstream's digests, inspected, kept",
        if kept == 1 { " was" } else { "s were" }
    ));
    stage.type_command(&["package", "show", TOURED, package]).await?;
    Ok(kept)
}

async fn survive(stage: &Stage, source: Source, package: &str, kept: usize) -> Result<()> {
    let script = stage.script;
    source.cut().await;
    script.say(
        "  The server's only way to its upstream is closed now. An empty cache, another folder:",
    );
    pip_install(stage, "second", package).await?;
    let listed = stage.run_command(&["events", "--kind", "mirrored", "--limit", "1000"]).await?;
    ensure!(listed.lines().count() == kept, "files came in although the upstream was cut off");
    script.shown("the same files came from here; builds go on without the upstream");
    Ok(())
}

/// Returns where the file is that was published.
async fn publish(stage: &Stage, publisher: &Publisher) -> Result<PathBuf> {
    let script = stage.script;
    let owned = "acme-*";
    stage.type_command(&["own", "add", TOURED, owned]).await?;
    let arguments = ["token", "create", "--repo", "main", "--scope", "publish", "--quiet"];
    script.command(&format!("TOKEN=$(provender {})", arguments.join(" ")));
    let token = stage.run_command(&arguments).await?.trim().to_owned();
    let wheel = stage.clients.build(PRIVATE_PACKAGE, "1.0", "the real one").await?;
    let file = stage.clients.built(PRIVATE_PACKAGE, "1.0", &wheel.name);
    let url = format!("{}/legacy/", stage.endpoint());
    let typed = match publisher {
        Publisher::Twine(_) | Publisher::InstalledTwine => {
            format!("twine upload --repository-url {url} {}", wheel.name)
        }
        Publisher::Uv => format!("uv publish --publish-url {url} {}", wheel.name),
        Publisher::Script => {
            script
                .say("  Neither twine nor uv is installed here, so a few lines of Python upload:");
            format!("python3 upload.py {url} {}", wheel.name)
        }
    };
    script.command(&typed);
    let what = (file.as_path(), PRIVATE_PACKAGE, "1.0");
    let printed = stage.clients.publish(publisher, &url, &token, what).await?;
    printed.expect_success(&typed)?;
    stage.type_command(&["package", "show", TOURED, PRIVATE_PACKAGE]).await?;
    script.shown(
        "published: read to the bottom, recorded, signed, and in the log before the client was told",
    );
    Ok(file)
}

/// Nobody who published did anything for it; whoever has the file can ask.
async fn why(stage: &Stage, file: &Path) -> Result<()> {
    let script = stage.script;
    script.say(
        "  Nobody signed anything in this tour, and no key was made by hand. Whoever has the file:",
    );
    let path = file.to_str().context("the temporary directory has no name that can be typed")?;
    let told = stage.type_command_as_stranger(&["why", path]).await?;
    ensure!(told.contains("holds"), "no link of the file's chain was verified");
    script.shown(
        "each link was verified here, by the server's trust root: who signed, when, and its place \
         in the log",
    );
    Ok(())
}

async fn namesake(stage: &Stage) -> Result<()> {
    let script = stage.script;
    let fake = stage.clients.build(PRIVATE_PACKAGE, "99.0", "the impostor").await?;
    let public = Index::open(vec![fake]).await?;
    script.say(
        "  A public index of the tour's own has an impostor now. What pip does by itself with both:",
    );
    let simple = format!("{}/simple/", stage.endpoint());
    script.command(&format!(
        "pip install --index-url {simple} --extra-index-url {} {PRIVATE_PACKAGE}",
        public.url()
    ));
    let both = ["--extra-index-url", &public.url()];
    let confused = stage.clients.install(&simple, &both, "confused", PRIVATE_PACKAGE).await?;
    confused.expect_success("installing from both")?;
    let version = stage.clients.version_of("confused", PRIVATE_MODULE).await?;
    ensure!(version == "99.0", "pip was expected to fall for version 99, and took {version}");
    script
        .shown(&format!("it takes version {version}, the impostor: that is dependency confusion"));

    public.forget();
    script.say(
        "  The same index as an upstream of Provender, which may compare its list of names with ours:",
    );
    let add = ["upstream", "add", TOURED, &public.url(), "--name", "public", "--watch-names"];
    stage.type_command(&add).await?;
    pip_install(stage, "safe", PRIVATE_PACKAGE).await?;
    let version = stage.clients.version_of("safe", PRIVATE_MODULE).await?;
    ensure!(version == "1.0", "the private package was expected to win, and {version} came");
    script.shown("version 1.0, ours");
    ensure!(public.asked().is_empty(), "the public index was asked: {:?}", public.asked());
    script.shown("the public index was not even asked: nobody out there learns our names");

    stage.type_command(&["upstream", "check-names"]).await?;
    let flags = stage.type_command(&["events", "--kind", "namesake"]).await?;
    ensure!(flags.contains(PRIVATE_PACKAGE), "no red flag says that the name exists elsewhere");
    let asked = public.asked();
    let is_private = |path: &String| path.contains(PRIVATE_PACKAGE);
    ensure!(!asked.iter().any(is_private), "the public index heard a private name: {asked:?}");
    script.shown(
        "a red flag was raised from the index's complete list, still without asking by name",
    );
    public.close().await;
    Ok(())
}

/// Shows and runs `pip install`, and shows what it installed.
async fn pip_install(stage: &Stage, folder: &str, package: &str) -> Result<()> {
    let simple = format!("{}/simple/", stage.endpoint());
    stage.script.command(&format!("pip install --no-cache-dir --index-url {simple} {package}"));
    let printed = stage.clients.install(&simple, &[], folder, package).await?;
    let printed = printed.expect_success(&format!("pip install {package}"))?;
    let installed = printed.stdout.lines().rev().find(|line| line.starts_with("Successfully"));
    stage.script.output(installed.context("pip did not say that it installed anything")?);
    Ok(())
}
