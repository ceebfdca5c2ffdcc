//! What a person holds between two steps of signing in, instead of a session: a secret that stands
//! in the first step's answer and nowhere else, good for one use and a few minutes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::limits::{TICKET_LIFE, TICKETS};

/// The tickets that are out, each with what it stands for.
pub(crate) struct Tickets<T> {
    issued: Mutex<HashMap<String, Issued<T>>>,
}

struct Issued<T> {
    at: Instant,
    value: T,
}

impl<T> Default for Tickets<T> {
    fn default() -> Self {
        Self { issued: Mutex::default() }
    }
}

impl<T> Tickets<T> {
    /// A new ticket, or `None` where too many are out or the system has no randomness.
    pub(crate) fn issue(&self, value: T) -> Option<String> {
        self.issue_at(value, Instant::now())
    }

    /// What the ticket stands for, this once.
    pub(crate) fn redeem(&self, ticket: &str) -> Option<T> {
        self.redeem_at(ticket, Instant::now())
    }

    fn issue_at(&self, value: T, at: Instant) -> Option<String> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let ticket = URL_SAFE_NO_PAD.encode(bytes);
        let mut issued = self.issued.lock().expect("nothing panics while it holds this lock");
        issued.retain(|_, ticket| at.duration_since(ticket.at) < TICKET_LIFE);
        if issued.len() >= TICKETS {
            return None;
        }
        issued.insert(ticket.clone(), Issued { at, value });
        Some(ticket)
    }

    fn redeem_at(&self, ticket: &str, at: Instant) -> Option<T> {
        let mut issued = self.issued.lock().expect("nothing panics while it holds this lock");
        let redeemed = issued.remove(ticket)?;
        (at.duration_since(redeemed.at) < TICKET_LIFE).then_some(redeemed.value)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::Tickets;
    use crate::limits::{TICKET_LIFE, TICKETS};

    #[test]
    fn a_ticket_is_good_once_and_not_for_long() {
        let tickets = Tickets::default();
        let ticket = tickets.issue("ada").unwrap();
        assert_eq!(tickets.redeem("another"), None);
        assert_eq!(tickets.redeem(&ticket), Some("ada"));
        assert_eq!(tickets.redeem(&ticket), None);
        let now = Instant::now();
        let ticket = tickets.issue_at("ada", now).unwrap();
        assert_eq!(tickets.redeem_at(&ticket, now + TICKET_LIFE), None);
    }

    #[test]
    fn there_are_not_endlessly_many() {
        let tickets = Tickets::default();
        let now = Instant::now();
        for _ in 0..TICKETS {
            tickets.issue_at((), now).unwrap();
        }
        assert_eq!(tickets.issue_at((), now), None);
        assert!(tickets.issue_at((), now + TICKET_LIFE).is_some());
    }
}
