//! Who may ask an endpoint: said in the document. The registry is who decides, and a test holds each
//! word against what it does.

use serde_json::{Value, json};

/// What a caller has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing; the answer is what the caller may know.
    Anybody,
    /// Scope read, where the repository is not public.
    Read,
    /// Scope publish on the repository.
    Publish,
    /// Scope admin on the repository.
    Admin,
    /// Scope admin by a token for all repositories.
    AdminEverywhere,
    /// To be on the server's own machine, at its control socket; no token will do.
    Operator,
}

impl Access {
    /// The word that stands beside the security schemes of the document.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Anybody => "none",
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Admin => "admin",
            Self::AdminEverywhere => "admin-everywhere",
            Self::Operator => "operator",
        }
    }

    /// The same for people.
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Anybody => "Needs no token; the answer is what the caller may know.",
            Self::Read => "Needs a token of scope `read`, but for what is in public repositories.",
            Self::Publish => "Needs a token of scope `publish` for the repository.",
            Self::Admin => "Needs a token of scope `admin` for the repository.",
            Self::AdminEverywhere => "Needs a token of scope `admin` for all repositories.",
            Self::Operator => "The operator's alone, by the control socket: no token gives it.",
        }
    }

    /// The requirements of the document, any one of which is enough. Schemes other than OAuth's may name
    /// roles in `OpenAPI` 3.1; ours are scopes.
    pub(super) fn requirements(self) -> Value {
        let words = match self {
            Self::Anybody => json!([]),
            _ => json!([self.as_str()]),
        };
        match self {
            Self::Anybody | Self::Read => json!([{ "bearer": words }, { "basic": words }, {}]),
            _ => json!([{ "bearer": words }, { "basic": words }]),
        }
    }
}
