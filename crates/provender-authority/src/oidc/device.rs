//! Signing in on another screen (RFC 8628): a terminal shows a code, a person confirms it in a browser.
//!
//! Kept in memory: after a restart, people begin again.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::TokenSubject;
use super::grant::{
    Challenge, Granted, OAuthError, OAuthErrorCode, Secret, fingerprint, optional, random,
    required, unguessable,
};

/// How long a code may be confirmed and fetched.
pub const CODE_LIFE_SECONDS: i64 = 10 * 60;
/// How often a client may ask whether its code was confirmed.
pub const POLL_INTERVAL_SECONDS: i64 = 5;
/// The most codes that wait at a time; for one more, the place with the most gives up its oldest.
pub const PENDING_MAX: usize = 4096;
/// The most codes that wait at a time and were asked for from one place; for one more, the place's
/// oldest is given up. Behind a proxy that is not believed, all people are in one place.
pub const PENDING_PER_SOURCE_MAX: usize = 128;
/// How many wrong codes a person may type within [`CODE_LIFE_SECONDS`]: with 20^8 codes of which at most
/// 4,096 wait, guessing one takes 600,000 people.
pub const WRONG_CODES_MAX: u32 = 10;

/// The letters of a code: no vowels, so no words, and none that looks or sounds like another's digit
/// (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const USER_CODE_LETTERS: usize = 8;
/// How much longer a client must wait after each time that it asked too early (RFC 8628, section 3.5).
const SLOW_DOWN_SECONDS: i64 = 5;
/// How early a client may come without being late for the wrong reason: its timer is not ours.
const EARLY_SECONDS: i64 = 1;

/// What a client asks with (RFC 8628, section 3.1; the challenge is RFC 7636's, which some clients send
/// here too).
#[derive(Clone, Debug, Default, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the specifications, which explain them")]
pub struct DeviceRequest {
    pub client_id: Option<String>,
    pub scope: Option<String>,
    pub nonce: Option<String>,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
}

/// What it is answered (RFC 8628, section 3.2).
#[derive(Clone, Serialize)]
#[allow(missing_docs, reason = "the names are those of the specifications, which explain them")]
pub struct DeviceAnswer {
    pub device_code: String,
    pub user_code: String,
    pub verification_uri: String,
    pub verification_uri_complete: String,
    pub expires_in: i64,
    pub interval: i64,
}

/// What a person sees before confirming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingDevice {
    /// Which client asks.
    pub client_id: String,
    /// From where it asks.
    pub source: String,
    /// Since when.
    pub begun: Timestamp,
}

/// Why a code was not taken from a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserCodeError {
    /// No device waits with this code: mistyped, too old, or already answered.
    #[error("no device is waiting with this code; it may be mistyped or too old")]
    Unknown,
    /// This person typed too many wrong ones.
    #[error("too many wrong codes; wait ten minutes")]
    TooMany,
}

/// The devices that wait.
#[derive(Debug)]
pub struct DeviceGrants {
    page: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the fingerprint of the device code.
    waiting: HashMap<[u8; 32], Waiting>,
    /// Wrong codes by person.
    wrong: HashMap<String, Wrong>,
}

struct Waiting {
    user_code: String,
    shown: WaitingDevice,
    place: Place,
    nonce: Option<String>,
    challenge: Option<Challenge>,
    answer: Answer,
    interval_seconds: i64,
    polled: Option<Timestamp>,
}

enum Answer {
    None,
    Approved(TokenSubject),
    Denied,
}

/// Whom the limits count as one: an address, a network of IPv6 that one customer has (/64), or what
/// else the source says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Address(IpAddr),
    Named(String),
}

struct Wrong {
    count: u32,
    since: Timestamp,
}

impl DeviceGrants {
    /// Nobody waits yet; `page` is where people type their codes.
    pub fn new(page: impl Into<String>) -> Self {
        Self { page: page.into(), state: Mutex::default() }
    }

    /// Begins: makes a code for the device and one for the person. `source` is from where the request
    /// came: its address.
    pub fn begin(
        &self,
        request: DeviceRequest,
        source: &str,
        now: Timestamp,
    ) -> Result<DeviceAnswer, OAuthError> {
        let client_id = required(request.client_id, "client_id")?;
        let nonce = optional(request.nonce, "nonce")?;
        let method = request.code_challenge_method.as_deref();
        let challenge = optional(request.code_challenge, "code_challenge")?;
        let challenge =
            challenge.map(|challenge| Challenge::new(&challenge, method)).transpose()?;
        let device_code = unguessable()?;
        let mut state = self.state();
        state.forget_the_old(now);
        let place = Place::of(source);
        state.make_room(&place, now);
        let user_code = state.new_user_code()?;
        let shown = WaitingDevice { client_id, source: source.to_owned(), begun: now };
        let waiting = Waiting {
            user_code: user_code.clone(),
            shown,
            place,
            nonce,
            challenge,
            answer: Answer::None,
            interval_seconds: POLL_INTERVAL_SECONDS,
            polled: None,
        };
        state.waiting.insert(fingerprint(&device_code), waiting);
        let user_code = with_hyphen(&user_code);
        Ok(DeviceAnswer {
            device_code,
            verification_uri_complete: format!("{}?user_code={user_code}", self.page),
            verification_uri: self.page.clone(),
            user_code,
            expires_in: CODE_LIFE_SECONDS,
            interval: POLL_INTERVAL_SECONDS,
        })
    }

    /// What waits with this code, for a person who is signed in to see before confirming. A wrong code
    /// counts against the person.
    pub fn waiting(
        &self,
        user_code: &str,
        person: &str,
        now: Timestamp,
    ) -> Result<WaitingDevice, UserCodeError> {
        let mut state = self.state();
        Ok(state.unanswered(user_code, person, now)?.shown.clone())
    }

    /// Confirms: the device will get a token about `subject`.
    pub fn approve(
        &self,
        user_code: &str,
        person: &str,
        subject: TokenSubject,
        now: Timestamp,
    ) -> Result<(), UserCodeError> {
        let mut state = self.state();
        state.unanswered(user_code, person, now)?.answer = Answer::Approved(subject);
        Ok(())
    }

    /// Refuses: the device will be told so.
    pub fn deny(&self, user_code: &str, person: &str, now: Timestamp) -> Result<(), UserCodeError> {
        let mut state = self.state();
        state.unanswered(user_code, person, now)?.answer = Answer::Denied;
        Ok(())
    }

    /// A device asks whether it was confirmed. It gets a final answer once.
    ///
    /// # Errors
    /// `authorization_pending` and `slow_down`: ask again later; `access_denied`, `expired_token`,
    /// `invalid_grant`: do not.
    pub fn poll(
        &self,
        client_id: &str,
        device_code: &Secret,
        code_verifier: Option<&Secret>,
        now: Timestamp,
    ) -> Result<Granted, OAuthError> {
        let id = fingerprint(device_code.expose());
        let mut state = self.state();
        let unknown = || OAuthError::new(OAuthErrorCode::InvalidGrant, "no such device code");
        let waiting = state.waiting.get_mut(&id).ok_or_else(unknown)?;
        if waiting.shown.client_id != client_id {
            return Err(unknown());
        }
        if is_over(waiting.shown.begun, now) {
            state.waiting.remove(&id);
            return Err(OAuthError::new(OAuthErrorCode::ExpiredToken, "the code is too old"));
        }
        waiting.pace(now)?;
        if let Answer::None = waiting.answer {
            return Err(OAuthError::new(
                OAuthErrorCode::AuthorizationPending,
                "nobody has confirmed the code yet",
            ));
        }
        let waiting = state.waiting.remove(&id).ok_or_else(unknown)?;
        waiting.granted(code_verifier)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What waits for a person's answer with this code; who types too many wrong ones is refused, right
    /// ones included, or the limit would tell which was right.
    fn unanswered(
        &mut self,
        user_code: &str,
        person: &str,
        now: Timestamp,
    ) -> Result<&mut Waiting, UserCodeError> {
        self.forget_the_old(now);
        if self.wrong.get(person).is_some_and(|wrong| wrong.count >= WRONG_CODES_MAX) {
            return Err(UserCodeError::TooMany);
        }
        let user_code = normalized(user_code);
        let matches =
            |waiting: &&mut Waiting| waiting.user_code == user_code && waiting.is_pending(now);
        let Some(found) = self.waiting.values_mut().find(matches) else {
            if self.wrong.len() >= PENDING_MAX && !self.wrong.contains_key(person) {
                return Err(UserCodeError::TooMany);
            }
            let new = || Wrong { count: 0, since: now };
            self.wrong.entry(person.to_owned()).or_insert_with(new).count += 1;
            return Err(UserCodeError::Unknown);
        };
        Ok(found)
    }

    /// Gives up what waits longest where a limit is reached: first of this place, else of the place
    /// that has the most. Nobody is kept from signing in by what others began and left.
    fn make_room(&mut self, place: &Place, now: Timestamp) {
        let mut counts: HashMap<&Place, usize> = HashMap::new();
        for waiting in self.waiting.values().filter(|waiting| waiting.is_pending(now)) {
            *counts.entry(&waiting.place).or_default() += 1;
        }
        let crowded = if counts.get(place).is_some_and(|count| *count >= PENDING_PER_SOURCE_MAX) {
            Some(place.clone())
        } else if counts.values().sum::<usize>() >= PENDING_MAX {
            counts.iter().max_by_key(|(_, count)| **count).map(|(place, _)| (*place).clone())
        } else {
            None
        };
        let Some(crowded) = crowded else { return };
        let of_place = |waiting: &Waiting| waiting.is_pending(now) && waiting.place == crowded;
        let all = self.waiting.iter().filter(|(_, waiting)| of_place(waiting));
        let oldest = all.min_by_key(|(_, waiting)| waiting.shown.begun).map(|(id, _)| *id);
        if let Some(oldest) = oldest {
            self.waiting.remove(&oldest);
        }
    }

    /// A code that no device waits with.
    fn new_user_code(&self) -> Result<String, OAuthError> {
        loop {
            let code = random_letters()?;
            if !self.waiting.values().any(|waiting| waiting.user_code == code) {
                return Ok(code);
            }
        }
    }

    /// Devices are kept for one more life after their time, to be told that it is over.
    fn forget_the_old(&mut self, now: Timestamp) {
        self.waiting.retain(|_, waiting| {
            let age = seconds_between(waiting.shown.begun, now);
            (-CODE_LIFE_SECONDS..2 * CODE_LIFE_SECONDS).contains(&age)
        });
        self.wrong.retain(|_, wrong| !is_over(wrong.since, now));
    }
}

impl Place {
    fn of(source: &str) -> Self {
        let Ok(address) = source.parse::<IpAddr>() else { return Self::Named(source.to_owned()) };
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl Waiting {
    /// Whether a person may still answer.
    fn is_pending(&self, now: Timestamp) -> bool {
        matches!(self.answer, Answer::None) && !is_over(self.shown.begun, now)
    }

    /// Who asks too often is told to slow down, and is expected to.
    fn pace(&mut self, now: Timestamp) -> Result<(), OAuthError> {
        let last = self.polled.replace(now);
        let since_last = last.map(|last| seconds_between(last, now).abs());
        match since_last.is_some_and(|seconds| seconds + EARLY_SECONDS < self.interval_seconds) {
            true => {
                self.interval_seconds += SLOW_DOWN_SECONDS;
                let seconds = self.interval_seconds;
                Err(OAuthError::new(
                    OAuthErrorCode::SlowDown,
                    format!("ask every {seconds} seconds, not more often"),
                ))
            }
            false => Ok(()),
        }
    }

    fn granted(self, code_verifier: Option<&Secret>) -> Result<Granted, OAuthError> {
        let is_proved = match (&self.challenge, code_verifier) {
            (Some(challenge), Some(verifier)) => challenge.was_made_of(verifier),
            (None, _) => true,
            (Some(_), None) => false,
        };
        if !is_proved {
            return Err(OAuthError::new(OAuthErrorCode::InvalidGrant, "code_verifier is wrong"));
        }
        match self.answer {
            Answer::Approved(subject) => {
                Ok(Granted { subject, client_id: self.shown.client_id, nonce: self.nonce })
            }
            Answer::Denied | Answer::None => {
                Err(OAuthError::new(OAuthErrorCode::AccessDenied, "the code was refused"))
            }
        }
    }
}

/// Whether its time is over, or, as the clock went back, not begun.
fn is_over(begun: Timestamp, now: Timestamp) -> bool {
    !(-CODE_LIFE_SECONDS..CODE_LIFE_SECONDS).contains(&seconds_between(begun, now))
}

fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

fn random_letters() -> Result<String, OAuthError> {
    let mut code = String::with_capacity(USER_CODE_LETTERS);
    while code.len() < USER_CODE_LETTERS {
        let mut byte = [0];
        random(&mut byte)?;
        // 240 is the largest multiple of 20 in a byte: every letter is as likely.
        if byte[0] < 240 {
            code.push(char::from(LETTERS[usize::from(byte[0]) % LETTERS.len()]));
        }
    }
    Ok(code)
}

fn with_hyphen(code: &str) -> String {
    let (first, second) = code.split_at(USER_CODE_LETTERS / 2);
    format!("{first}-{second}")
}

/// People type small letters, and spaces and hyphens anywhere.
fn normalized(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphabetic);
    letters.take(USER_CODE_LETTERS + 1).map(|letter| letter.to_ascii_uppercase()).collect()
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DeviceAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceAnswer").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
