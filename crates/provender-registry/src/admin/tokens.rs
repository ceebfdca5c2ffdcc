//! Tokens.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provender_domain::{
    EventKind, NamePattern, Problem, ProblemCode, RepositoryName, Scope, Timestamp, TokenId,
    is_deceptive,
};
use provender_store::{Token, Write};
use serde::Serialize;

use super::repositories::invalid;
use crate::access::{TOKEN_PREFIX, check_end, token_hash};
use crate::{Caller, Registry};

/// Random bytes in a token's secret: 256 bits, so that a fast hash keeps it safely.
const SECRET_BYTES: usize = 32;
/// Random bytes in a token's public part.
const ID_BYTES: usize = 6;
/// Longest name of a token, in bytes.
const NAME_LIMIT_BYTES: usize = 128;

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What its maker calls it.
    pub name: String,
    /// For which repository; `None` for every one.
    pub repository: Option<String>,
    /// What it allows.
    pub scope: Scope,
    /// For which package names; `None` for every one.
    pub pattern: Option<String>,
    /// How long it is valid; `None` until revoked.
    pub lifetime: Option<Duration>,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenSummary {
    /// Its public part.
    pub id: TokenId,
    /// What its maker calls it.
    pub name: String,
    /// For which repository; `None` for every one.
    pub repository: Option<RepositoryName>,
    /// What it allows.
    pub scope: Scope,
    /// For which package names; `None` for every one.
    pub pattern: Option<NamePattern>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A token just made: the only time its secret is seen.
#[derive(Debug, Clone)]
pub struct CreatedToken {
    /// The token.
    pub token: TokenSummary,
    /// Its whole text, to be given to its user. Kept nowhere.
    pub secret: String,
}

impl Registry {
    /// The tokens that the caller administers, revoked ones too, oldest first.
    pub fn tokens(&self, caller: &Caller) -> Result<Vec<TokenSummary>, Problem> {
        let state = self.state();
        let mut tokens: Vec<TokenSummary> = state
            .tokens()
            .filter(|token| holds_over(caller, token))
            .map(|token| summary(token))
            .collect();
        if tokens.is_empty() {
            caller.require(Scope::Admin, None)?;
        }
        tokens.sort_by(|a, b| a.created_at.cmp(&b.created_at).then_with(|| a.id.cmp(&b.id)));
        Ok(tokens)
    }

    /// Makes a token. Its maker must hold what it gives.
    pub async fn create_token(
        &self,
        caller: &Caller,
        request: NewToken,
    ) -> Result<CreatedToken, Problem> {
        let repository = match &request.repository {
            Some(name) => Some(self.administered(caller, name)?.repository.name.clone()),
            None => {
                caller.require(Scope::Admin, None)?;
                None
            }
        };
        let name = checked_name(&request.name)?;
        if request.lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            let message =
                "a token is valid for a second at least; leave its lifetime out for no end";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let pattern = request.pattern.as_deref().map(|text| self.checked_pattern(text));
        let now = self.now();
        let id = TokenId(hex::encode(random::<ID_BYTES>()?));
        let secret =
            format!("{TOKEN_PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>()?));
        let token = Token {
            id: id.clone(),
            name: name.clone(),
            secret_hash: token_hash(&secret),
            repository: repository.clone(),
            scope: request.scope,
            pattern: pattern.transpose()?,
            created_at: now,
            expires_at: request.lifetime.map(|lifetime| now.plus(lifetime)),
            revoked_at: None,
        };
        let message = format!("token {name} ({id}) with scope {} was made", token.scope.as_str());
        let mut event = self.event(EventKind::TokenCreated, caller, message);
        event.repository = repository;
        event.detail.set_text("token", id.0);
        let created = CreatedToken { token: summary(&token), secret };
        self.write_settings(vec![Write::CreateToken(token)], vec![event]).await?;
        Ok(created)
    }

    /// Whether an identity may still be given to the bearer of a token: it is there and has not ended.
    pub fn is_token_in_use(&self, id: &str) -> bool {
        self.state().token(id).is_some_and(|token| check_end(token, self.now()).is_ok())
    }

    /// Revokes a token; from when this returns it opens nothing.
    pub async fn revoke_token(&self, caller: &Caller, id: &str) -> Result<TokenSummary, Problem> {
        let unknown = || Problem::not_found("no token of this id that you administer");
        let token = self.state().token(id).cloned().ok_or_else(unknown)?;
        if !holds_over(caller, &token) {
            return Err(match caller.is_anonymous() {
                true => Problem::new(ProblemCode::AuthenticationRequired, "this needs a token"),
                false => unknown(),
            });
        }
        if token.revoked_at.is_some() {
            return Err(Problem::new(ProblemCode::Conflict, "this token is revoked already"));
        }
        let now = self.now();
        let message = format!("token {} ({id}) was revoked", token.name);
        let mut event = self.event(EventKind::TokenRevoked, caller, message);
        event.repository.clone_from(&token.repository);
        event.detail.set_text("token", id);
        let write = Write::RevokeToken { id: token.id.clone(), at: now };
        self.write_settings(vec![write], vec![event]).await?;
        Ok(TokenSummary { revoked_at: Some(now), ..summary(&token) })
    }
}

impl Registry {
    /// A token is for names of every ecosystem, so its pattern is taken as it is written; one that
    /// no ecosystem would ever match is refused, with what was probably meant.
    fn checked_pattern(&self, text: &str) -> Result<NamePattern, Problem> {
        let pattern = NamePattern::new(text).map_err(|error| invalid(&error))?;
        let normal: Vec<NamePattern> = self
            .ecosystems()
            .iter()
            .filter_map(|ecosystem| ecosystem.name_pattern(text).ok())
            .collect();
        if normal.contains(&pattern) {
            return Ok(pattern);
        }
        let message = match normal.first() {
            Some(meant) => format!("names are written {meant} where they are matched; give that"),
            None => "no ecosystem has names like this".to_owned(),
        };
        Err(Problem::new(ProblemCode::InvalidRequest, message))
    }
}

/// Whether the caller administers all that a token reaches.
fn holds_over(caller: &Caller, token: &Token) -> bool {
    caller.holds(Scope::Admin, token.repository.as_ref(), None)
}

fn checked_name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if name.is_empty() || name.len() > NAME_LIMIT_BYTES || name.chars().any(is_deceptive) {
        let message = "a token's name is 1 to 128 printable characters";
        return Err(Problem::new(ProblemCode::InvalidRequest, message));
    }
    Ok(name.to_owned())
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Problem::internal(&std::io::Error::other(error.to_string())))?;
    Ok(bytes)
}

fn summary(token: &Token) -> TokenSummary {
    TokenSummary {
        id: token.id.clone(),
        name: token.name.clone(),
        repository: token.repository.clone(),
        scope: token.scope,
        pattern: token.pattern.clone(),
        created_at: token.created_at,
        expires_at: token.expires_at,
        revoked_at: token.revoked_at,
    }
}
