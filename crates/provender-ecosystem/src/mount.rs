//! Where an ecosystem's URLs begin, and requests that are about no repository.

use crate::Page;

/// Where an ecosystem's URLs begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    /// `/<repository>/<ecosystem>/…`
    UnderRepository,
    /// `/<segment>/<repository>/…`, because clients insist on it.
    Root {
        /// The first segment of every path.
        segment: &'static str,
    },
}

/// A request below a root mount that is about no repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootOperation {
    /// Whether the server speaks this protocol, and whom it takes the caller for. Refused without a
    /// credential, so that clients learn how to get one.
    Ping,
    /// The packages of every repository that the caller may read.
    AllPackages {
        /// Which part of them; `after` is `<repository>/<package>`.
        page: Page,
    },
    /// An access token in exchange for the request's own credential, or for none.
    Token(TokenRequest),
    /// The same, asked for by a form in the request's body (`application/x-www-form-urlencoded`),
    /// which [`crate::Ecosystem::read_token_form`] reads.
    TokenByForm,
}

/// What an access token is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenRequest {
    /// What it should open; none for a client that only wants to know whether its credential is
    /// right.
    pub scopes: Vec<TokenScope>,
}

/// What a form asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenForm {
    /// What the access token should open.
    pub request: TokenRequest,
    /// The credential that it is given for. Secret.
    pub credential: String,
}

/// One thing that an access token should open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenScope {
    /// The repository.
    pub repository: String,
    /// The package, in normal form.
    pub package: String,
    /// To read it.
    pub pull: bool,
    /// To publish it.
    pub push: bool,
    /// To take away what may be put back.
    pub delete: bool,
}
