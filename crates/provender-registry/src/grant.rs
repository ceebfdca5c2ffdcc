//! Access tokens: what clients of some ecosystems exchange their credential for.
//!
//! An access token says which token it was given for (none, for a caller who is nobody), what it
//! opens and until when, under a key that survives restarts, so that uploads do too. It gives
//! nothing that its caller could not have had: each request still looks at the token itself, which
//! may have been revoked meanwhile.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use provender_domain::{
    EcosystemId, NameError, PackageName, Problem, ProblemCode, RepositoryName, Scope, Timestamp,
    Visibility,
};
use provender_ecosystem::{AllPackagesView, Document, Page, Rendition, TokenRequest, View};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::access::Identity;
use crate::error::store_problem;
use crate::{Caller, Registry};

/// What every access token begins with.
pub(crate) const PREFIX: &str = "pva_";
/// How long an access token opens anything. Clients ask for another when it has ended.
const LIFE: Duration = Duration::from_mins(15);
/// Most things that one access token opens; clients ask for one or two.
const SCOPES_LIMIT: usize = 16;
/// Longest access token, in bytes.
const LIMIT_BYTES: usize = 8 * 1024;
/// Most packages in one page of all.
const PAGE_LIMIT: u32 = 10_000;

/// An access token: it opens what was asked for and its caller may have, for a while.
pub struct Grant {
    /// Its text. Secret.
    pub token: String,
    /// What it opens, in the words of distribution's "Token Scope Documentation".
    pub opens: Vec<String>,
    /// For how long, in seconds.
    pub expires_in_seconds: u64,
    /// Since when.
    pub issued_at: Timestamp,
}

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The public part of the token that it was given for.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// What it opens.
    #[serde(rename = "s")]
    pub(crate) opens: Arc<[Opened]>,
    /// Until when.
    #[serde(rename = "e")]
    expires_at: Timestamp,
}

/// One thing that an access token opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opened {
    #[serde(rename = "r")]
    repository: RepositoryName,
    #[serde(rename = "p")]
    package: PackageName,
    #[serde(rename = "a")]
    scope: Scope,
}

impl Opened {
    fn to_scope(&self) -> String {
        let actions = if self.scope == Scope::Read { "pull" } else { "pull,push,delete" };
        format!("repository:{}/{}:{actions}", self.repository, self.package)
    }

    pub(crate) fn covers(
        &self,
        scope: Scope,
        repository: Option<&RepositoryName>,
        package: Option<&PackageName>,
    ) -> bool {
        self.scope >= scope
            && repository == Some(&self.repository)
            && package == Some(&self.package)
    }
}

/// The key that access tokens are made with.
pub(crate) struct AccessKey(hmac::Key);

/// The file in the data directory that holds it.
const KEY_FILE: &str = "access-tokens.key";
/// Its size, in bytes: that of the hash.
const KEY_BYTES: usize = 32;

impl AccessKey {
    /// Reads the key, or makes it. A file that holds something else is replaced: clients then only
    /// have to ask for another access token.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(KEY_FILE);
        if let Ok(found) = std::fs::read(&path)
            && found.len() == KEY_BYTES
        {
            return Ok(Self::new(&found));
        }
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        let next = path.with_extension("next");
        match std::fs::remove_file(&next) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&next, &path)?;
        Ok(Self::new(&bytes))
    }

    fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// What shows that something was said here. No access token may say it: those are base64.
    pub(crate) fn tag(&self, words: &[u8]) -> [u8; KEY_BYTES] {
        let tag = hmac::sign(&self.0, words);
        tag.as_ref().try_into().expect("a tag is as long as the key")
    }

    /// Whether this is the beginning of that.
    pub(crate) fn is_tag(&self, words: &[u8], beginning: &[u8]) -> bool {
        let tag = self.tag(words);
        tag.get(..beginning.len()).is_some_and(|tag| tag.ct_eq(beginning).into())
    }

    fn seal(&self, claims: &Claims) -> Result<String, Problem> {
        let claims = serde_json::to_vec(claims).map_err(|error| Problem::internal(&error))?;
        let claims = BASE64.encode(claims);
        let tag = BASE64.encode(hmac::sign(&self.0, claims.as_bytes()));
        Ok(format!("{PREFIX}{claims}.{tag}"))
    }

    /// What an access token says, if it was made here and has not ended.
    pub(crate) fn read(&self, text: &str, now: Timestamp) -> Result<Claims, &'static str> {
        const NOT_OURS: &str = "this access token was not given out by this server";
        let (claims, tag) = text
            .strip_prefix(PREFIX)
            .filter(|text| text.len() <= LIMIT_BYTES)
            .and_then(|text| text.split_once('.'))
            .ok_or(NOT_OURS)?;
        let tag = BASE64.decode(tag).map_err(|_| NOT_OURS)?;
        hmac::verify(&self.0, claims.as_bytes(), &tag).map_err(|_| NOT_OURS)?;
        let claims = BASE64.decode(claims).map_err(|_| NOT_OURS)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| NOT_OURS)?;
        if claims.expires_at <= now {
            return Err("this access token has expired");
        }
        Ok(claims)
    }
}

impl Registry {
    /// An access token for a caller, who may be nobody. What they may not have is left out: the
    /// request that needs it is refused, in its own terms.
    pub fn grant(
        &self,
        caller: &Caller,
        ecosystem: EcosystemId,
        request: &TokenRequest,
    ) -> Result<Grant, Problem> {
        let token = match caller.identity() {
            Identity::Anonymous => None,
            Identity::Token(token) => Some(token.id.0.clone()),
            Identity::Access { .. } => {
                let message = "an access token gives no other access token; send the token itself";
                return Err(Problem::new(ProblemCode::AuthenticationRequired, message));
            }
            Identity::Operator | Identity::System => {
                let message = "the control socket needs no access token";
                return Err(Problem::new(ProblemCode::InvalidRequest, message));
            }
        };
        let ecosystem = self
            .ecosystem(ecosystem.as_str())
            .ok_or_else(|| Problem::not_found("this server has no such ecosystem"))?;
        let mut opens = Vec::new();
        for asked in request.scopes.iter().take(SCOPES_LIMIT) {
            let Ok(package) = ecosystem.package_name(&asked.package) else { continue };
            let scopes: &[Scope] = match (asked.delete, asked.push) {
                // What does not move for publishers is for administrators to take away.
                (true, _) => &[Scope::Admin, Scope::Publish, Scope::Read],
                (false, true) => &[Scope::Publish, Scope::Read],
                (false, false) => &[Scope::Read],
            };
            for &scope in scopes {
                if let Ok(repository) = self.opened(caller, &asked.repository, &package, scope) {
                    opens.push(Opened { repository, package, scope });
                    break;
                }
            }
        }
        let shown = opens.iter().map(Opened::to_scope).collect();
        let issued_at = self.now();
        let claims = Claims { token, opens: opens.into(), expires_at: issued_at.plus(LIFE) };
        let token = self.inner.access_key.seal(&claims)?;
        Ok(Grant { token, opens: shown, expires_in_seconds: LIFE.as_secs(), issued_at })
    }

    fn opened(
        &self,
        caller: &Caller,
        repository: &str,
        package: &PackageName,
        scope: Scope,
    ) -> Result<RepositoryName, NameError> {
        let name = RepositoryName::new(repository)?;
        let is_public = self
            .state()
            .repository(repository)
            .is_some_and(|found| found.repository.visibility == Visibility::Public);
        let may =
            (scope == Scope::Read && is_public) || caller.holds(scope, Some(&name), Some(package));
        let rule = "it does not open this";
        may.then_some(name).ok_or(NameError::Malformed { what: "access token", rule })
    }

    /// The packages of every repository that the caller may read, rendered.
    pub async fn all_packages(
        &self,
        caller: &Caller,
        ecosystem: EcosystemId,
        page: &Page,
    ) -> Result<Document, Problem> {
        let ecosystem = self
            .ecosystem(ecosystem.as_str())
            .ok_or_else(|| Problem::not_found("this server has no such ecosystem"))?;
        let repositories: Vec<RepositoryName> = self
            .state()
            .repositories()
            .filter(|repository| {
                repository.repository.visibility == Visibility::Public
                    || caller.reads_all_of(&repository.repository.name)
            })
            .map(|repository| repository.repository.name.clone())
            .collect();
        let limit = page.limit.unwrap_or(PAGE_LIMIT).min(PAGE_LIMIT);
        let after = page.after.as_deref().map(|after| after.split_once('/').unwrap_or((after, "")));
        let metadata = &self.inner.metadata;
        let packages = metadata.packages_page(&repositories, ecosystem.id(), after, limit + 1);
        let mut packages = packages.await.map_err(|error| store_problem(&error))?;
        let has_more = packages.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        packages.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let view = AllPackagesView { packages, more: has_more.then_some(limit) };
        Ok(ecosystem.render(&View::AllPackages(&view), Rendition(0)))
    }
}

#[cfg(test)]
mod tests {
    use provender_domain::{PackageName, RepositoryName, Scope, Timestamp};

    use super::{AccessKey, Claims, Opened};

    fn claims(expires_at: i64) -> Claims {
        let opened = Opened {
            repository: RepositoryName::new("main").unwrap(),
            package: PackageName::new("team/app").unwrap(),
            scope: Scope::Publish,
        };
        Claims {
            token: Some("id".to_owned()),
            opens: [opened].into(),
            expires_at: Timestamp::from_microseconds(expires_at),
        }
    }

    #[test]
    fn what_was_sealed_is_read_until_it_ends_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let text = AccessKey::open(folder.path()).unwrap().seal(&claims(9)).unwrap();
        let key = AccessKey::open(folder.path()).unwrap();
        assert_eq!(key.read(&text, Timestamp::from_microseconds(8)), Ok(claims(9)));
        assert!(key.read(&text, Timestamp::from_microseconds(9)).unwrap_err().contains("expired"));
    }

    #[test]
    fn any_changed_byte_and_any_other_key_is_refused() {
        let (key, now) = (AccessKey::new(&[1; 32]), Timestamp::from_microseconds(0));
        let text = key.seal(&claims(9)).unwrap();
        assert!(AccessKey::new(&[2; 32]).read(&text, now).is_err());
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(key.read(&changed, now).is_err(), "{place}");
        }
        for text in ["", "pva_", "pva_.", "pva_e30.", &text[..text.len() - 4]] {
            assert!(key.read(text, now).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_access_token_opens_what_it_says_and_nothing_else() {
        let opened = &claims(0).opens[0];
        let check = |scope, repository_name: &str, package_name: Option<&str>, expected: bool| {
            let repository = RepositoryName::new(repository_name).unwrap();
            let package = package_name.map(|name| PackageName::new(name).unwrap());
            let covers = opened.covers(scope, Some(&repository), package.as_ref());
            assert_eq!(covers, expected, "{scope:?} {repository_name} {package_name:?}");
        };
        check(Scope::Read, "main", Some("team/app"), true);
        check(Scope::Publish, "main", Some("team/app"), true);
        check(Scope::Admin, "main", Some("team/app"), false);
        check(Scope::Read, "main", Some("team/apps"), false);
        check(Scope::Read, "other", Some("team/app"), false);
        check(Scope::Read, "main", None, false);
    }
}
