//! Tokens that upstreams' realms gave us, and how long they are remembered.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use provender_domain::Timestamp;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;

use crate::challenge::Challenge;
use crate::remote::Identity;

/// Tokens that are remembered, and names that lead to them.
const TOKENS_MAX: usize = 1024;
/// The longest token, in bytes; those that carry their claims reach a few thousand.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// The longest name under which a token is found again, in bytes.
const NAME_BYTES_MAX: usize = 1024;
/// How long a token is good where its realm does not say.
const LIFE_DEFAULT: Duration = Duration::from_mins(1);
/// How long a token is good at most, whatever its realm says.
const LIFE_MAX: Duration = Duration::from_hours(1);
/// How long before its end a token is not used any more; a quarter of its life where that is less.
const LIFE_MARGIN: Duration = Duration::from_secs(10);

/// A bearer token. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    header: HeaderValue,
    until: Instant,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("until", &self.until).finish_non_exhaustive()
    }
}

/// What a realm answers, as far as it matters here.
///
/// Other fields are passed over, a refresh token above all: nobody asked for one.
#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Value>,
    issued_at: Option<String>,
}

impl Token {
    /// Reads the answer of a realm that was asked at `asked`, when the clock showed `now`.
    ///
    /// `None` where it holds no token that a header can carry. What is wrong with it is not told:
    /// a message might quote the token.
    pub(crate) fn read(body: &[u8], asked: Instant, now: Timestamp) -> Option<Self> {
        let answer: Answer = serde_json::from_slice(body).ok()?;
        let life = life(&answer, now);
        let token = answer.token.filter(|token| !token.is_empty()).or(answer.access_token)?;
        let is_sane = (1..=TOKEN_BYTES_MAX).contains(&token.len())
            && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_sane {
            return None;
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        header.set_sensitive(true);
        Some(Self { header, until: asked + life })
    }

    /// The `Authorization` with it.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// For how long a token is used.
fn life(answer: &Answer, now: Timestamp) -> Duration {
    let seconds = match &answer.expires_in {
        Some(serde_json::Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_u64(),
        None => None,
    };
    let whole = seconds.map_or(LIFE_DEFAULT, Duration::from_secs).min(LIFE_MAX);
    let issued_at = answer.issued_at.as_deref().and_then(|text| text.parse().ok());
    let age = issued_at.map_or(Duration::ZERO, |issued_at| now.since(issued_at));
    // A token that is too old when it comes is one from a clock that is not ours.
    let left = whole.checked_sub(age).filter(|left| !left.is_zero()).unwrap_or(whole);
    left.saturating_sub(LIFE_MARGIN.min(left / 4))
}

/// What a token is for: whoever has it gets in there, so nobody else's request may use it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Purpose {
    whose: Arc<Identity>,
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

impl Purpose {
    pub(crate) fn new(whose: &Arc<Identity>, challenge: &Challenge) -> Self {
        let Challenge { realm, service, scope } = challenge.clone();
        Self { whose: Arc::clone(whose), realm: realm.into(), service, scope }
    }
}

/// What the caller calls that for which a token was needed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    whose: Arc<Identity>,
    name: String,
}

impl Name {
    /// `None` where it is too long to be remembered.
    pub(crate) fn new(whose: &Arc<Identity>, name: &str) -> Option<Self> {
        let fits = name.len() <= NAME_BYTES_MAX;
        fits.then(|| Self { whose: Arc::clone(whose), name: name.to_owned() })
    }
}

/// The tokens that are good now, in memory only.
#[derive(Default)]
pub(crate) struct Tokens {
    by_purpose: Kept<Purpose>,
    by_name: Kept<Name>,
}

impl Tokens {
    pub(crate) fn named(&self, name: &Name) -> Option<Token> {
        self.by_name.find(name)
    }

    pub(crate) fn of(&self, purpose: &Purpose) -> Option<Token> {
        self.by_purpose.find(purpose)
    }

    pub(crate) fn keep(&self, purpose: Purpose, token: Token) {
        self.by_purpose.put(purpose, token);
    }

    pub(crate) fn keep_name(&self, name: Name, token: Token) {
        self.by_name.put(name, token);
    }

    /// Forgets a token that was refused, under all its names.
    pub(crate) fn forget(&self, refused: &Token) {
        self.by_purpose.forget(refused);
        self.by_name.forget(refused);
    }
}

/// A bounded number of tokens, until each ends.
struct Kept<K>(Mutex<HashMap<K, Token>>);

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Kept<K> {
    fn find(&self, key: &K) -> Option<Token> {
        let now = Instant::now();
        self.lock().get(key).filter(|token| token.until > now).cloned()
    }

    fn put(&self, key: K, token: Token) {
        let mut kept = self.lock();
        if kept.len() >= TOKENS_MAX && !kept.contains_key(&key) {
            make_room(&mut kept);
        }
        kept.insert(key, token);
    }

    fn forget(&self, refused: &Token) {
        self.lock().retain(|_, token| token != refused);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Token>> {
        self.0.lock().expect("nothing panics while it holds the tokens")
    }
}

/// Drops what has ended, or else the one that ends first.
fn make_room<K: Clone + Eq + Hash>(kept: &mut HashMap<K, Token>) {
    let now = Instant::now();
    kept.retain(|_, token| token.until > now);
    if kept.len() >= TOKENS_MAX
        && let Some(first) = kept.iter().min_by_key(|(_, token)| token.until)
    {
        let first = first.0.clone();
        kept.remove(&first);
    }
}

#[cfg(test)]
mod tests;
