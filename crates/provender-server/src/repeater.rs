//! A connection's short cut: what was answered before is answered below hyper, which does not
//! hear of it.
//!
//! hyper is asked for nothing that it does not show: the transport sees every byte that hyper is
//! given and every byte that it sends. A request is answered here only when hyper has none of the
//! client's bytes and has sent all that it had to say, and only when what arrived is, to the last
//! byte, the head of a request that hyper once read as one whole request without a body. On a
//! connection that was ever seen otherwise (requests sent ahead, heads in pieces, bodies) hyper
//! answers everything.

use std::fs::File;
use std::io::IoSlice;
use std::sync::Arc;

use http::StatusCode;

use crate::exchange::{Answered, Exchange};
use crate::place::Places;
use crate::replay::{Content, Date, Replay, is_one_head};
use crate::server::Server;

/// Answers on one connection whatever can be repeated.
pub(crate) struct Repeater {
    server: Server,
    places: Arc<Places>,
    turn: Turn,
    sending: Option<Sending>,
    /// Kept for its memory.
    head: Vec<u8>,
    date: Date,
}

/// Whose turn it is to read what the client sends next.
enum Turn {
    Ours,
    /// hyper is answering one request; its head is here where the answer is worth keeping.
    Hyper(Option<Box<[u8]>>),
    HyperForGood,
}

struct Sending {
    replay: Arc<Replay>,
    sent_bytes: usize,
}

/// What is next to be sent of an answer.
pub(crate) enum Unsent<'a> {
    /// The head; the rest of the answer follows from a file.
    Head(&'a [u8]),
    /// All that is left.
    Memory([IoSlice<'a>; 2]),
    /// All that is left.
    File {
        /// In this file.
        file: &'a File,
        /// From here on.
        offset_bytes: usize,
        /// So many.
        length_bytes: usize,
    },
}

impl Repeater {
    /// For a connection from the network in one of these places: it has to be told of every byte.
    pub(crate) fn new(server: Server, places: Arc<Places>) -> Self {
        let (head, date) = (Vec::new(), Date::default());
        Self { server, places, turn: Turn::Ours, sending: None, head, date }
    }

    /// Bytes have arrived. If this is true, they are answered by [`Self::unsent`] and nobody else
    /// may see them.
    pub(crate) fn takes(&mut self, arrived: &[u8]) -> bool {
        if !matches!(self.turn, Turn::Ours) {
            self.turn = Turn::HyperForGood;
            return false;
        }
        let replays = self.server.replays();
        if let Some(replay) = replays.find(arrived)
            && self.server.registry().is_still_true(&replay.truth)
            && !self.places.are_wanted()
        {
            replay.head_at(self.date.now(), &mut self.head);
            self.sending = Some(Sending { replay, sent_bytes: 0 });
            return true;
        }
        self.turn = if is_one_head(arrived) {
            Turn::Hyper(replays.is_familiar(arrived).then(|| arrived.into()))
        } else {
            Turn::HyperForGood
        };
        false
    }

    /// What is next to be sent of the answer under way.
    pub(crate) fn unsent(&self) -> Option<Unsent<'_>> {
        let Sending { replay, sent_bytes } = self.sending.as_ref()?;
        let head = &self.head[self.head.len().min(*sent_bytes)..];
        let offset_bytes = sent_bytes.saturating_sub(self.head.len());
        Some(match &replay.content {
            Content::Memory(bytes) => {
                Unsent::Memory([IoSlice::new(head), IoSlice::new(&bytes[offset_bytes..])])
            }
            Content::File { .. } if !head.is_empty() => Unsent::Head(head),
            Content::File { file, size_bytes } => {
                Unsent::File { file, offset_bytes, length_bytes: size_bytes - offset_bytes }
            }
        })
    }

    /// So much of it was sent; the answer's status, if that was all.
    pub(crate) fn sent(&mut self, bytes: usize) -> Option<StatusCode> {
        let sending = self.sending.as_mut()?;
        sending.sent_bytes += bytes;
        let is_all = sending.sent_bytes >= self.head.len() + sending.replay.content.size_bytes();
        if is_all { self.sending.take().map(|sending| sending.replay.status) } else { None }
    }

    /// hyper begins to send these: an answer that may be worth keeping.
    pub(crate) fn sees(&mut self, exchange: &Exchange, slices: &[IoSlice<'_>]) {
        let Turn::Hyper(asked) = &mut self.turn else { return };
        let Some(asked) = asked.take() else { return };
        let Some(repeatable) = exchange.take_repeatable() else { return };
        let (body, truth) = (repeatable.body, repeatable.truth);
        let head = match slices {
            [head] if body.is_empty() => head,
            [head, rest] if rest.as_ptr() == body.as_ptr() && rest.len() == body.len() => head,
            _ => return,
        };
        self.server.replays().keep(asked, head, body, truth);
    }

    /// hyper has answered a request, and sent all of it.
    pub(crate) fn answered(&mut self, answered: Answered) {
        self.turn = match self.turn {
            Turn::Hyper(_) if !answered.had_body => Turn::Ours,
            _ => Turn::HyperForGood,
        };
    }
}
