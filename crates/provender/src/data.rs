//! Which server, or which data directory, a command is about.

use std::path::{Path, PathBuf};

use clap::Args;

/// Where the operator's commands arrive, in the data directory.
const CONTROL_SOCKET: &str = "provender.sock";

const DATA_HELP: &str = "The data directory [default: /var/lib/provender for root, else ~/.local/share/provender] [env: PROVENDER_DATA]";
const SERVER_HELP: &str =
    "A server elsewhere, such as http://127.0.0.1:8080; its token is taken from PROVENDER_TOKEN";

/// Which server a command is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    // Clap does not read the variable: it would be in conflict with --server, as the option is.
    #[arg(long, value_name = "DIR", global = true, help = DATA_HELP)]
    pub(crate) data: Option<PathBuf>,
    #[arg(long, value_name = "URL", global = true, conflicts_with = "data", help = SERVER_HELP)]
    pub(crate) server: Option<String>,
}

impl Target {
    /// The data directory that is named, or the default one.
    pub(crate) fn data_directory(&self) -> PathBuf {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let is_root = rustix::process::geteuid().is_root();
        let of_environment = || variable("PROVENDER_DATA").map(PathBuf::from);
        self.data.clone().or_else(of_environment).unwrap_or_else(|| {
            default_directory(
                is_root,
                variable("XDG_DATA_HOME").map(PathBuf::from),
                variable("HOME").map(PathBuf::from),
            )
        })
    }
}

/// The control socket of the server that runs on this data directory.
pub(crate) fn control_socket(data: &Path) -> PathBuf {
    data.join(CONTROL_SOCKET)
}

fn default_directory(is_root: bool, data_home: Option<PathBuf>, home: Option<PathBuf>) -> PathBuf {
    if is_root {
        return PathBuf::from("/var/lib/provender");
    }
    // The XDG base directory specification: a path that is not absolute is to be ignored.
    data_home
        .filter(|path| path.is_absolute())
        .or_else(|| home.map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from("provender-data"), |base| base.join("provender"))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::default_directory;

    #[test]
    fn default_directories() {
        let check = |is_root, data_home: Option<&str>, home: Option<&str>, expected: &str| {
            let chosen =
                default_directory(is_root, data_home.map(PathBuf::from), home.map(PathBuf::from));
            assert_eq!(chosen, Path::new(expected));
        };
        check(true, Some("/x"), Some("/root"), "/var/lib/provender");
        check(false, Some("/x"), Some("/home/ann"), "/x/provender");
        check(false, Some("x"), Some("/home/ann"), "/home/ann/.local/share/provender");
        check(false, None, Some("/home/ann"), "/home/ann/.local/share/provender");
        check(false, None, None, "provender-data");
    }
}
