//! What a person holds between two steps of signing in, instead of a session: a secret that stands
//! in the first step's answer and nowhere else, good for one use and a few minutes.

use std::collections::HashMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::time::Instant;

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
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let ticket = URL_SAFE_NO_PAD.encode(bytes);
        let at = Instant::now();
        let mut issued = self.issued.lock().expect("nothing panics while it holds this lock");
        issued.retain(|_, ticket| at.duration_since(ticket.at) < TICKET_LIFE);
        if issued.len() >= TICKETS {
            return None;
        }
        issued.insert(ticket.clone(), Issued { at, value });
        Some(ticket)
    }

    /// What the ticket stands for, this once.
    pub(crate) fn redeem(&self, ticket: &str) -> Option<T> {
        let mut issued = self.issued.lock().expect("nothing panics while it holds this lock");
        let redeemed = issued.remove(ticket)?;
        (redeemed.at.elapsed() < TICKET_LIFE).then_some(redeemed.value)
    }
}

#[cfg(test)]
mod tests {
    use super::Tickets;
    use crate::limits::{TICKET_LIFE, TICKETS};

    #[tokio::test(start_paused = true)]
    async fn a_ticket_is_good_once_and_not_for_long() {
        let tickets = Tickets::default();
        let ticket = tickets.issue("ada").unwrap();
        assert_eq!(tickets.redeem("another"), None);
        assert_eq!(tickets.redeem(&ticket), Some("ada"));
        assert_eq!(tickets.redeem(&ticket), None);
        let ticket = tickets.issue("ada").unwrap();
        tokio::time::advance(TICKET_LIFE).await;
        assert_eq!(tickets.redeem(&ticket), None);
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_not_endlessly_many() {
        let tickets = Tickets::default();
        for _ in 0..TICKETS {
            tickets.issue(()).unwrap();
        }
        assert_eq!(tickets.issue(()), None);
        tokio::time::advance(TICKET_LIFE).await;
        assert!(tickets.issue(()).is_some());
    }
}
