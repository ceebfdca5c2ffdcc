//! Tokens in, identities out.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use url::Url;

mod fetch;

pub use fetch::{DOCUMENT_LIMIT_BYTES, KeySource, KeySourceError};

use super::claims::Date;
use super::jws::Unverified;
use super::mapping::{email, uri};
use super::{Claims, Extension, Issuer, IssuerUrl, Jwk, San, TokenSubject, TrustedIssuer};
use fetch::FetchedKeys;

/// How far another's clock may differ from ours.
const LEEWAY_SECONDS: i64 = 60;
/// The longest subject.
const SUBJECT_LIMIT_BYTES: usize = 2048;

/// Verifies tokens: those of our own issuer, and those of the issuers that the operator trusts.
///
/// A token is believed when its issuer is trusted under exactly this name, the signature is that of a key of
/// the issuer's, it is for us, its time is now, and, with another's issuer, a rule allows it.
pub struct Verifier {
    own: Arc<Issuer>,
    /// Where this server was before: what it named there is its own for ever.
    former_origins: Vec<String>,
    /// Whom our own tokens must be for.
    audience: String,
    trusted: RwLock<Arc<HashMap<IssuerUrl, Arc<Trusted>>>>,
    source: Arc<dyn KeySource>,
}

struct Trusted {
    issuer: TrustedIssuer,
    keys: Arc<FetchedKeys>,
}

/// Who somebody is, as a token proved it.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedIdentity {
    /// Who says so.
    pub issuer: IssuerUrl,
    /// Whom the issuer means (`sub`).
    pub subject: String,
    /// The name that a certificate is for.
    pub san: San,
    /// What else the certificate says.
    pub extensions: Vec<(Extension, String)>,
    /// Everything that the token says, but for an e-mail address that the issuer has not verified.
    pub claims: Claims,
    /// When the token expires.
    pub expires: Timestamp,
    /// Whom exactly this server's own issuer means; `None` for another's token.
    pub own: Option<TokenSubject>,
}

impl VerifiedIdentity {
    /// What a client signs to prove that it holds its key: the e-mail address that its token names, else
    /// the subject. Clients of Fulcio choose so, whatever the certificate will be for.
    pub fn challenge(&self) -> &str {
        match self.claims.string("email") {
            Some(email) if !email.is_empty() => email,
            _ => &self.subject,
        }
    }
}

/// Why a token proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is longer than any honest token.
    #[error("the token is too long")]
    TooLong,
    /// It is no token: not three parts, not base64url, not JSON, or needing what we do not know.
    #[error("this is no signed token")]
    Syntax,
    /// Something is said in it twice, and readers could differ about which counts.
    #[error("the token says something twice")]
    Duplicate,
    /// It has no signature (`alg: none`).
    #[error("the token is not signed")]
    Unsigned,
    /// It is signed by a secret that the issuer shares (`HS256` and the like), so by nobody in particular.
    #[error("the token is signed with a shared secret")]
    SharedSecret,
    /// It is signed in a way that is not accepted.
    #[error("tokens signed by {name:?} are not accepted")]
    Algorithm {
        /// The algorithm's name.
        name: String,
    },
    /// Nobody here trusts its issuer.
    #[error(
        "no trusted issuer has this name: compare `iss` with the configuration, to the last slash"
    )]
    ForeignIssuer,
    /// The issuer has no such key.
    #[error("the issuer has no key that could have signed the token")]
    UnknownKey,
    /// The issuer's keys could not be had.
    #[error("the keys of {issuer} cannot be fetched")]
    Keys {
        /// Whose.
        issuer: IssuerUrl,
        /// Why not.
        #[source]
        source: KeySourceError,
    },
    /// The signature is not the key's.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet: compare the clocks")]
    NotYetValid,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// A claim that must be there is missing, or empty.
    #[error("the token does not say whom it is about")]
    NoSubject,
    /// The subject cannot stand in a certificate.
    #[error("the token's subject is no plain e-mail address or URI")]
    BadSubject,
    /// Another issuer's token would be for a name of this server's own.
    #[error("the token's subject is a URI of this server, which its own issuer alone vouches for")]
    OwnName,
    /// The issuer does not vouch for the e-mail address.
    #[error("the issuer has not verified the e-mail address")]
    EmailNotVerified,
    /// The issuer is trusted, but not for this one.
    #[error("no rule of the issuer allows this identity")]
    NotAllowed,
}

impl Verifier {
    /// A verifier of our own tokens for this audience; others follow with [`Self::trust`].
    pub fn new(own: Arc<Issuer>, audience: &str, source: Arc<dyn KeySource>) -> Self {
        let audience = audience.to_owned();
        let former_origins = Vec::new();
        Self { own, former_origins, audience, trusted: RwLock::default(), source }
    }

    /// The same of a server that was at these addresses before.
    #[must_use]
    pub fn formerly_at(self, former_origins: Vec<String>) -> Self {
        Self { former_origins, ..self }
    }

    /// Trusts exactly these issuers from now on. Keys that were fetched of those that stay are kept. A name
    /// that is our own issuer's is ours: its entry has no effect.
    pub fn trust(&self, issuers: Vec<TrustedIssuer>) {
        let mut trusted = self.trusted.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let entry = |issuer: TrustedIssuer| {
            let entry = match trusted.get(&issuer.url) {
                Some(before) if before.issuer == issuer => Arc::clone(before),
                _ => Arc::new(Trusted { issuer, keys: Arc::default() }),
            };
            (entry.issuer.url.clone(), entry)
        };
        let next = issuers.into_iter().map(entry).collect();
        *trusted = Arc::new(next);
    }

    /// Believes a token, or says why not. May fetch the issuer's keys.
    pub async fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<VerifiedIdentity, TokenError> {
        let token = Unverified::parse(token)?;
        let issuer = token.claims.string("iss").ok_or(TokenError::ForeignIssuer)?;
        if issuer == self.own.url().as_str() {
            return self.verify_own(token, now);
        }
        let trusted = self.trusted(issuer).ok_or(TokenError::ForeignIssuer)?;
        let key = self.key(&trusted, &token, now).await?;
        check_signature(&token, &key)?;
        let facts = Facts::of(&token.claims, &trusted.issuer.audiences, now)?;
        let claims = token.claims.without_unverified_email();
        if !trusted.issuer.allows(&claims) {
            return Err(TokenError::NotAllowed);
        }
        let san = trusted.issuer.claims.san(&claims)?;
        if self.is_own_name(&san) {
            return Err(TokenError::OwnName);
        }
        Ok(VerifiedIdentity {
            issuer: trusted.issuer.url.clone(),
            san,
            extensions: trusted.issuer.claims.extensions(&claims),
            subject: facts.subject,
            expires: facts.expires,
            claims,
            own: None,
        })
    }

    /// Whether it is a name of the server whose issuer ours is: a URI there, or where it was before.
    fn is_own_name(&self, san: &San) -> bool {
        let San::Uri(uri) = san else { return false };
        let own = std::iter::once(self.own.url().as_str());
        let mut all = own.chain(self.former_origins.iter().map(String::as_str));
        place(uri).is_some_and(|theirs| all.any(|own| place(own).as_ref() == Some(&theirs)))
    }

    /// Our own tokens name what they are about themselves, and nobody else's rules count.
    fn verify_own(
        &self,
        token: Unverified<'_>,
        now: Timestamp,
    ) -> Result<VerifiedIdentity, TokenError> {
        let keys = self.own.keys();
        let key = keys.find(token.kid.as_deref(), token.algorithm).ok_or(TokenError::UnknownKey)?;
        check_signature(&token, key)?;
        let facts = Facts::of(&token.claims, &[&self.audience], now)?;
        let subject = TokenSubject::of(&token.claims).ok_or(TokenError::NoSubject)?;
        let san = match &subject {
            TokenSubject::Person { email: address, .. } => email(address.clone())?,
            TokenSubject::Machine { uri: name, .. } => uri(name.clone())?,
        };
        Ok(VerifiedIdentity {
            issuer: self.own.url().clone(),
            subject: facts.subject,
            san,
            extensions: Vec::new(),
            claims: token.claims,
            expires: facts.expires,
            own: Some(subject),
        })
    }

    fn trusted(&self, issuer: &str) -> Option<Arc<Trusted>> {
        let trusted = self.trusted.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let url = IssuerUrl::new(issuer).ok()?;
        trusted.get(&url).cloned()
    }

    /// The key that the token says it was signed with.
    async fn key(
        &self,
        trusted: &Trusted,
        token: &Unverified<'_>,
        now: Timestamp,
    ) -> Result<Jwk, TokenError> {
        let find = |keys: &super::JwkSet| keys.find(token.kid.as_deref(), token.algorithm).cloned();
        if let Some(keys) = &trusted.issuer.keys {
            return find(keys).ok_or(TokenError::UnknownKey);
        }
        let url = &trusted.issuer.url;
        let failed = |source| TokenError::Keys { issuer: url.clone(), source };
        let keys = trusted.keys.current(url, &self.source, now).await.map_err(failed)?;
        if let Some(key) = find(&keys.set) {
            return Ok(key);
        }
        // A key that came after we asked last: asked for once more, but not by everybody all the time.
        let failed = |source| TokenError::Keys { issuer: url.clone(), source };
        let keys = trusted.keys.newer_than(&keys, url, &self.source, now).await.map_err(failed)?;
        keys.and_then(|keys| find(&keys.set)).ok_or(TokenError::UnknownKey)
    }
}

fn check_signature(token: &Unverified<'_>, key: &Jwk) -> Result<(), TokenError> {
    match key.verifies(token.algorithm, token.message, &token.signature) {
        true => Ok(()),
        false => Err(TokenError::Signature),
    }
}

/// What every token has to say.
struct Facts {
    subject: String,
    expires: Timestamp,
}

impl Facts {
    fn of<S: AsRef<str>>(
        claims: &Claims,
        audiences: &[S],
        now: Timestamp,
    ) -> Result<Self, TokenError> {
        let now = now.as_second();
        let Date::Seconds(expires) = claims.date("exp") else { return Err(TokenError::Expired) };
        if expires + LEEWAY_SECONDS <= now {
            return Err(TokenError::Expired);
        }
        for name in ["nbf", "iat"] {
            match claims.date(name) {
                Date::Absent => {}
                Date::Seconds(from) if from <= now + LEEWAY_SECONDS => {}
                Date::Seconds(_) | Date::Nonsense => return Err(TokenError::NotYetValid),
            }
        }
        let named = claims.texts("aud");
        if !audiences.iter().any(|audience| named.iter().any(|name| name == audience.as_ref())) {
            return Err(TokenError::Audience);
        }
        let subject = claims.string("sub").filter(|subject| !subject.is_empty());
        let subject = subject.ok_or(TokenError::NoSubject)?.to_owned();
        if subject.len() > SUBJECT_LIMIT_BYTES {
            return Err(TokenError::BadSubject);
        }
        let expires = Timestamp::from_second(expires).map_err(|_| TokenError::Syntax)?;
        Ok(Self { subject, expires })
    }
}

/// Host and port of a URI, as people read them: whatever its scheme, and without the dot that ends a
/// name in full.
fn place(uri: &str) -> Option<(String, Option<u16>)> {
    let url = Url::parse(uri).ok()?;
    let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    Some((host, url.port().filter(|port| ![80, 443].contains(port))))
}

#[cfg(test)]
mod tests;
