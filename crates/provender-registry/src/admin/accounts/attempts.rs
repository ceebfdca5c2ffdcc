//! How often a password may be wrong.
//!
//! Wrong passwords are counted for each name from each address, for each name whatever the address,
//! and for each address whatever the name. Each count forgets one failure per [`FORGET_ONE`], and
//! when it is full, passwords are not looked at until it has. The count per name is the most
//! patient: who keeps an owner out by guessing needs many addresses for it. Where a proxy on this
//! machine stands in front, all clients have its address, so a loopback address counts for nobody.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::Duration;

use provender_domain::Timestamp;

/// Wrong passwords in a row for one name from one address.
const PER_NAME_AND_ADDRESS: u32 = 5;
/// For any names from one address: many people may share one.
const PER_ADDRESS: u32 = 20;
/// For one name from any address.
const PER_NAME: u32 = 50;
/// How long it takes until one of them is forgotten.
const FORGET_ONE: Duration = Duration::from_secs(30);
/// How long the same account is not told of again.
const NEWS_INTERVAL: Duration = Duration::from_mins(1);
/// Counts that are kept. When there are more, those nearest to being forgotten are.
const COUNTS_LIMIT: usize = 8192;
/// Longest name that is counted by itself, in bytes: longer ones are nobody's, and count as one.
const NAME_LIMIT_BYTES: usize = 64;

/// The counts of one server.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    failures: HashMap<Key, Failures>,
    told: HashMap<String, Timestamp>,
    /// The same of each refusal, for a name from one address.
    refusals: HashMap<(String, Option<IpAddr>), Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    NameAndAddress(String, Option<IpAddr>),
    Address(Option<IpAddr>),
    Name(String),
}

/// When the last of them would be forgotten, if no more came: all that a count is.
#[derive(Debug, Clone, Copy)]
struct Failures {
    forgotten_at: Timestamp,
}

impl Attempts {
    /// Counts an attempt as a failure until it has [succeeded](Self::succeeded), so that many at
    /// once are not more than many in a row. Else says how long to wait; nothing is counted then.
    pub(super) fn begin(
        &self,
        name: &str,
        client: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let mut counts = self.counts();
        let waits = keys(name, client).into_iter().filter_map(|key| counts.wait(&key, now));
        if let Some(wait) = waits.max() {
            return Err(wait);
        }
        for key in keys(name, client) {
            counts.add(key, now);
        }
        Ok(())
    }

    /// Takes the attempt back, and forgets what was wrong before from the same address.
    pub(super) fn succeeded(&self, name: &str, client: Option<IpAddr>, now: Timestamp) {
        let mut counts = self.counts();
        for key in keys(name, client) {
            match key {
                Key::NameAndAddress(..) => drop(counts.failures.remove(&key)),
                key => counts.take_back(&key, now),
            }
        }
    }

    /// Takes the attempt back, of which nobody looked at the password.
    pub(super) fn not_tried(&self, name: &str, client: Option<IpAddr>, now: Timestamp) {
        let mut counts = self.counts();
        for key in keys(name, client) {
            counts.take_back(&key, now);
        }
    }

    /// Whether no more attempts are taken for this name, and nobody was told so lately.
    pub(super) fn is_news(&self, name: &str, client: Option<IpAddr>, now: Timestamp) -> bool {
        let mut counts = self.counts();
        if !keys(name, client).iter().any(|key| counts.wait(key, now).is_some()) {
            return false;
        }
        let told = &mut counts.told;
        if told.get(name).is_some_and(|at| now.since(*at) < NEWS_INTERVAL) {
            return false;
        }
        if told.len() >= COUNTS_LIMIT {
            told.clear();
        }
        told.insert(name.to_owned(), now);
        true
    }

    /// Whether nobody was told lately that this name was refused at this address.
    pub(crate) fn is_news_of_refusal(
        &self,
        name: &str,
        client: Option<IpAddr>,
        now: Timestamp,
    ) -> bool {
        let mut counts = self.counts();
        let key = (name.to_owned(), client.map(network));
        let refusals = &mut counts.refusals;
        if refusals.get(&key).is_some_and(|at| now.since(*at) < NEWS_INTERVAL) {
            return false;
        }
        if refusals.len() >= COUNTS_LIMIT {
            refusals.clear();
        }
        refusals.insert(key, now);
        true
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

impl Counts {
    /// How long until another attempt is taken, if one is not taken now.
    fn wait(&self, key: &Key, now: Timestamp) -> Option<Duration> {
        let full = FORGET_ONE * key.limit();
        // A clock that was set back must not shut anybody out for long.
        let left = self.failures.get(key)?.forgotten_at.since(now).min(full);
        let wait = (left + FORGET_ONE).checked_sub(full)?;
        (!wait.is_zero()).then_some(wait)
    }

    fn add(&mut self, key: Key, now: Timestamp) {
        if self.failures.len() >= COUNTS_LIMIT && !self.failures.contains_key(&key) {
            self.make_room(now);
        }
        let full = now.plus(FORGET_ONE * key.limit());
        let failures = self.failures.entry(key).or_insert(Failures { forgotten_at: now });
        failures.forgotten_at = failures.forgotten_at.max(now).plus(FORGET_ONE).min(full);
    }

    fn take_back(&mut self, key: &Key, now: Timestamp) {
        let Some(failures) = self.failures.get_mut(key) else { return };
        match failures.forgotten_at.since(now).checked_sub(FORGET_ONE) {
            Some(left) => failures.forgotten_at = now.plus(left),
            None => drop(self.failures.remove(key)),
        }
    }

    /// Forgets what is forgotten anyway, or else the eighth that would be forgotten first.
    fn make_room(&mut self, now: Timestamp) {
        self.failures.retain(|_, failures| failures.forgotten_at > now);
        if self.failures.len() < COUNTS_LIMIT {
            return;
        }
        let mut ends: Vec<_> = self.failures.values().map(|f| f.forgotten_at).collect();
        let (_, until, _) = ends.select_nth_unstable(COUNTS_LIMIT / 8);
        let until = *until;
        self.failures.retain(|_, failures| failures.forgotten_at > until);
    }
}

impl Key {
    fn limit(&self) -> u32 {
        match self {
            Self::NameAndAddress(..) => PER_NAME_AND_ADDRESS,
            Self::Address(_) => PER_ADDRESS,
            Self::Name(_) => PER_NAME,
        }
    }
}

fn keys(name: &str, client: Option<IpAddr>) -> Vec<Key> {
    let name = if name.len() > NAME_LIMIT_BYTES { "" } else { name }.to_owned();
    let client = client.map(network);
    if client.is_some_and(|client| client.is_loopback()) {
        return vec![Key::Name(name)];
    }
    vec![Key::NameAndAddress(name.clone(), client), Key::Address(client), Key::Name(name)]
}

/// Whoever has one IPv6 address has the 2^64 beside it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests;
