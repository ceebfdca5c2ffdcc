//! What is asked of the clients installed on this machine, and what they are told.

/// Where a client keeps what it is configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeSource {
    /// What a program prints.
    Command {
        /// Looked for on `PATH`.
        program: &'static str,
        /// Its arguments.
        arguments: &'static [&'static str],
    },
    /// A file, relative to the user's home directory, or absolute.
    File {
        /// Where.
        path: &'static str,
    },
    /// A file in the user's folder of settings: `XDG_CONFIG_HOME`, or `.config` in the home
    /// directory.
    UserSettings {
        /// Where in it.
        path: &'static str,
    },
    /// A file in one of the system's folders of settings: those of `XDG_CONFIG_DIRS`, or
    /// `/etc/xdg`; else in `/etc`.
    SystemSettings {
        /// Where in it.
        path: &'static str,
    },
    /// A file of the project in whose folder the program was started, or of the nearest one around
    /// it.
    Project {
        /// File names, and what stands in those that count. In one folder the first counts alone.
        files: &'static [(&'static str, &'static str)],
    },
    /// The file that an environment variable names.
    NamedFile {
        /// The variable.
        variable: &'static str,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: &'static str,
    },
    /// The first of these where something is found.
    FirstOf(&'static [ProbeSource]),
}

/// One question to one installed client.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Whose configuration it is: `pip`.
    pub client: &'static str,
    /// Where to look.
    pub source: ProbeSource,
    /// Environment variables for which the client does not look there itself, where one is set to
    /// something that is not false.
    pub unless: &'static [&'static str],
    /// Reads upstreams out of what was found there, in the client's own order of preference. Pure,
    /// bounded.
    pub read: fn(&str) -> Vec<Named>,
}

/// What a client's configuration says of an upstream. URLs are as they stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// It is asked besides the default one.
    Extra(String),
    /// It is asked where no other is named. The first of a client is the one it uses.
    Default(String),
    /// The client is told to have no default one, or what it is told cannot be understood.
    NoDefault,
    /// The default one that the client comes with. Counts only where nobody is told of a default.
    BuiltIn(String),
    /// It is asked for packages alone that are pinned to it, so it is for no others.
    Pinned(String),
}

/// A repository as its clients reach it.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    /// Scheme, host and port, without a slash at the end: `http://127.0.0.1:8080`.
    pub origin: &'a str,
    /// The repository.
    pub repository: &'a str,
}

/// What to type to use one client with a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSetup {
    /// The client: `pip`.
    pub client: &'static str,
    /// What it does: `install`.
    pub purpose: &'static str,
    /// A command line that works when pasted.
    pub command: String,
}
