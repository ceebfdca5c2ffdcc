//! Where clients keep what they are configured with.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;

use provender_ecosystem::ProbeSource;
use tokio::io::AsyncReadExt as _;

/// Most that is read of one answer, in bytes.
const ANSWER_LIMIT_BYTES: u64 = 1024 * 1024;

/// What is found there, if anything is.
pub(super) fn look(source: ProbeSource) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> {
    // Boxed: one source may be several others.
    Box::pin(async move {
        match source {
            ProbeSource::Command { program, arguments } => printed(program, arguments).await,
            ProbeSource::File { path } => read(in_home(path)?).await,
            ProbeSource::UserSettings { path } => {
                let settings = absolute("XDG_CONFIG_HOME").or_else(|| in_home(".config"))?;
                read(settings.join(path)).await
            }
            ProbeSource::SystemSettings { path } => {
                for folder in system_settings(set("XDG_CONFIG_DIRS")) {
                    if let Some(text) = read(folder.join(path)).await {
                        return Some(text);
                    }
                }
                None
            }
            ProbeSource::Project { files } => of_project(&env::current_dir().ok()?, files).await,
            ProbeSource::NamedFile { variable } => read(PathBuf::from(set(variable)?)).await,
            ProbeSource::Environment { variable } => {
                env::var(variable).ok().filter(|value| !value.is_empty())
            }
            ProbeSource::FirstOf(sources) => {
                for source in sources {
                    if let Some(text) = look(*source).await {
                        return Some(text);
                    }
                }
                None
            }
        }
    })
}

/// Whether an environment variable is set to something that is not false.
pub(super) fn is_on(variable: &str) -> bool {
    let value = set(variable).map(|value| value.to_string_lossy().to_ascii_lowercase());
    value.is_some_and(|value| !matches!(value.as_str(), "0" | "f" | "false" | "n" | "no" | "off"))
}

fn set(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

/// The folder that a variable names; a relative one does not count.
fn absolute(variable: &str) -> Option<PathBuf> {
    set(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn in_home(path: &str) -> Option<PathBuf> {
    match env::var_os("HOME") {
        Some(home) => Some(PathBuf::from(home).join(path)),
        None if Path::new(path).is_absolute() => Some(PathBuf::from(path)),
        None => None,
    }
}

/// The folders of the XDG base directory specification, then the one of old.
fn system_settings(named: Option<OsString>) -> Vec<PathBuf> {
    let named = named.unwrap_or_else(|| OsString::from("/etc/xdg"));
    env::split_paths(&named).chain([PathBuf::from("/etc")]).collect()
}

/// The first of these files that counts, in this folder or in the nearest one around it.
async fn of_project(folder: &Path, files: &[(&str, &str)]) -> Option<String> {
    for folder in folder.ancestors() {
        for (name, wanted) in files {
            let found = read(folder.join(name)).await;
            if let Some(text) = found.filter(|text| text.contains(wanted)) {
                return Some(text);
            }
        }
    }
    None
}

async fn read(path: PathBuf) -> Option<String> {
    read_limited(tokio::fs::File::open(path).await.ok()?).await
}

async fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let text = read_limited(child.stdout.take()?).await?;
    // What it printed before failing is no answer.
    child.wait().await.ok()?.success().then_some(text)
}

async fn read_limited(source: impl tokio::io::AsyncRead + Unpin) -> Option<String> {
    let mut bytes = Vec::new();
    source.take(ANSWER_LIMIT_BYTES).read_to_end(&mut bytes).await.ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use provender_ecosystem::ProbeSource;

    use super::{look, of_project, system_settings};

    const ABSENT: ProbeSource =
        ProbeSource::Command { program: "no-such-program-anywhere", arguments: &[] };
    const FAILING: ProbeSource =
        ProbeSource::Command { program: "sh", arguments: &["-c", "echo a; exit 1"] };
    const ANSWERING: ProbeSource = ProbeSource::Command { program: "echo", arguments: &["a"] };

    #[tokio::test]
    async fn sources() {
        let check = async |source, expected: Option<&str>| {
            assert_eq!(look(source).await.as_deref(), expected, "{source:?}");
        };
        check(ANSWERING, Some("a\n")).await;
        check(FAILING, None).await;
        check(ABSENT, None).await;
        check(ProbeSource::File { path: "/no/such/file" }, None).await;
        check(ProbeSource::NamedFile { variable: "NO_SUCH_VARIABLE_ANYWHERE" }, None).await;
        check(ProbeSource::FirstOf(&[ABSENT, FAILING, ANSWERING]), Some("a\n")).await;
        check(ProbeSource::FirstOf(&[ABSENT, FAILING]), None).await;
        check(ProbeSource::FirstOf(&[]), None).await;
    }

    #[tokio::test]
    async fn projects() {
        let around = tempfile::tempdir().unwrap();
        let inner = around.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(around.path().join(name), text).unwrap();
        let files = [("x.toml", ""), ("y.toml", "[wanted")];
        let check = async |folder: &Path, expected: &str| {
            assert_eq!(of_project(folder, &files).await.as_deref(), Some(expected));
        };
        write("y.toml", "[wanted]");
        write("a/y.toml", "[another]");
        check(&inner, "[wanted]").await;
        write("a/x.toml", "nearer");
        check(&inner, "nearer").await;
        check(around.path(), "[wanted]").await;
    }

    #[test]
    fn folders_of_the_system() {
        let check = |named: Option<&str>, expected: &[&str]| {
            let folders = system_settings(named.map(Into::into));
            assert_eq!(folders, expected.iter().map(PathBuf::from).collect::<Vec<_>>());
        };
        check(None, &["/etc/xdg", "/etc"]);
        check(Some("/a:/b"), &["/a", "/b", "/etc"]);
    }
}
