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
    /// An environment variable.
    Environment {
        /// Its name.
        variable: &'static str,
    },
}

/// One question to one installed client.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Whose configuration it is: `pip`.
    pub client: &'static str,
    /// Where to look.
    pub source: ProbeSource,
    /// Reads upstream URLs out of what was found there, in the order of preference. Pure, bounded.
    pub read: fn(&str) -> Vec<String>,
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
