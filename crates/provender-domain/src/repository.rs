//! Repositories, what they own, and where they look for the rest.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{NamePattern, RepositoryName, RepositoryPolicy, Timestamp, UpstreamName};

/// Who may read a repository without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Anybody who reaches the server.
    Public,
    /// Only who holds a token with scope read; to others it does not exist.
    Private,
}

impl Visibility {
    /// `public` or `private`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

impl std::str::FromStr for Visibility {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "public" => Ok(Self::Public),
            "private" => Ok(Self::Private),
            _ => Err("a visibility is public or private"),
        }
    }
}

/// A repository: one trust boundary that holds every ecosystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Its name.
    pub name: RepositoryName,
    /// Who may read it.
    pub visibility: Visibility,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it asks of what it holds.
    #[serde(default)]
    pub policy: RepositoryPolicy,
}

/// A name or prefix that belongs to a repository and is never asked for upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedName {
    /// Whose.
    pub repository: RepositoryName,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Which names.
    pub pattern: NamePattern,
    /// Since when.
    pub created_at: Timestamp,
}

/// Where an upstream is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum UpstreamTarget {
    /// A remote registry.
    Remote {
        /// Its base URL, as that ecosystem's clients are configured with it, without user and password.
        url: String,
        /// Basic credentials, `user:password`, sent to this URL's origin and that of `token_realm` only.
        /// Secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credentials: Option<String>,
        /// Whether files and redirects elsewhere may lead to private addresses too; the base URL
        /// itself always may, since the operator named it.
        #[serde(default)]
        allow_private_addresses: bool,
        /// Whether even the base URL must not lead to private addresses: it was named by somebody who
        /// administers one repository, not the server.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_public_only: bool,
        /// The origin elsewhere that may be given these credentials for a token, where the
        /// upstream says that tokens are to be had there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_realm: Option<String>,
    },
    /// Another repository of this server.
    Repository {
        /// Which.
        repository: RepositoryName,
    },
}

impl fmt::Debug for UpstreamTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote {
                url,
                credentials,
                allow_private_addresses,
                is_public_only,
                token_realm,
            } => formatter
                .debug_struct("Remote")
                .field("url", url)
                .field("credentials", &credentials.as_ref().map(|_| "***"))
                .field("allow_private_addresses", allow_private_addresses)
                .field("is_public_only", is_public_only)
                .field("token_realm", token_realm)
                .finish(),
            Self::Repository { repository } => {
                formatter.debug_tuple("Repository").field(repository).finish()
            }
        }
    }
}

/// One of a repository's upstreams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Whose.
    pub repository: RepositoryName,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// What the operator calls it; unique in its repository and ecosystem.
    pub name: UpstreamName,
    /// Its place in the order of asking: lowest first.
    pub position: i64,
    /// Where it is.
    pub target: UpstreamTarget,
    /// Whether its complete list of names is fetched from time to time and held against ours.
    pub watch_names: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::UpstreamTarget;

    #[test]
    fn debug_output_masks_credentials() {
        let target = UpstreamTarget::Remote {
            url: "https://upstream.example/simple/".to_owned(),
            credentials: Some("user:secret".to_owned()),
            allow_private_addresses: false,
            is_public_only: false,
            token_realm: None,
        };
        let text = format!("{target:?}");
        assert!(text.contains("***") && !text.contains("secret"), "{text}");
    }
}
