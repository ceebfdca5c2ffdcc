//! What stands in a text a second time, pointed to. Before each text stands one that all share, and
//! that is not kept with them: so the first time may be there.
//!
//! Plain bytes and pointers in turn: bytes behind their length; how many bytes more than
//! [`REPEAT_MIN`] to repeat, and how far back they begin.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::LazyLock;

use super::encodings::Pieces;
use super::{pop_number, pop_piece, push_number};

/// Texts such as are kept, and nothing more than that: what is in them is of no consequence but for
/// what it saves. Never to be changed: what was packed points into it.
const SHARED: &[u8] = include_bytes!("shared.txt");
/// Shortest repeat that is pointed to: a pointer takes up to four bytes, and ends what is plain.
const REPEAT_MIN: usize = 6;
/// After so many places without a repeat every second one is looked at, after as many more every
/// third, and so on: what is random has none.
const PATIENCE: usize = 32;
/// The widest such step: where repeats begin again, they are found soon.
const STEP_MAX: usize = 16;
/// How many places are remembered, by the bytes that stand there.
const PLACES: usize = 1 << 12;

/// How much of a thread's memory is kept for its next text.
const KEPT_MAX_BYTES: usize = 64 << 10;

/// Where the shared text has which bytes.
static SHARED_PLACES: LazyLock<Places> = LazyLock::new(|| {
    let mut places = Places(vec![0; PLACES]);
    for place in 0..=SHARED.len() - REPEAT_MIN {
        places.replace(SHARED, place);
    }
    places
});

thread_local! {
    /// What is needed for a text, kept for the next: it is larger than the text.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        window: SHARED.to_vec(),
        places: SHARED_PLACES.clone(),
    });
}

struct Scratch {
    /// The shared text, and the one behind it.
    window: Vec<u8>,
    places: Places,
}

/// The places that were seen last, each behind one more so that 0 is none. Copied for every text, so
/// it is no longer than it has to be.
#[derive(Clone)]
struct Places(Vec<u32>);

impl Places {
    /// Remembers this place; gives the one that was remembered by the same bytes, or by others.
    fn replace(&mut self, window: &[u8], place: usize) -> Option<usize> {
        // What is too far away is not pointed to.
        let number = u32::try_from(place + 1).unwrap_or(0);
        let before = std::mem::replace(&mut self.0[slot(window, place)], number);
        (before as usize).checked_sub(1)
    }
}

/// Appends the text, pointing to what it repeats.
pub(super) fn point(pieces: &Pieces, into: &mut Vec<u8>) {
    SCRATCH.with_borrow_mut(|Scratch { window, places }| {
        window.truncate(SHARED.len());
        window.extend_from_slice(&pieces.bytes);
        places.0.copy_from_slice(&SHARED_PLACES.0);
        point_back(window, &pieces.raw, places, into);
        window.truncate(SHARED.len());
        window.shrink_to(KEPT_MAX_BYTES);
    });
}

/// The same of what stands behind the shared text. What is raw is looked for as a whole alone.
fn point_back(window: &[u8], raw: &[Range<usize>], places: &mut Places, into: &mut Vec<u8>) {
    let mut raw = raw.iter().map(|raw| SHARED.len() + raw.start..SHARED.len() + raw.end).peekable();
    let (mut plain, mut place) = (SHARED.len(), SHARED.len());
    loop {
        while raw.next_if(|raw| raw.end <= place).is_some() {}
        let next = raw.peek().map_or(window.len()..window.len(), Range::clone);
        if next.start < place {
            place = next.end;
        }
        if place + REPEAT_MIN > window.len() {
            break;
        }
        let is_raw = next.start == place;
        let before = places.replace(window, place);
        let length = before.map_or(0, |before| common(window, before, place));
        let Some(before) = before.filter(|_| length >= REPEAT_MIN) else {
            let step = (1 + (place - plain) / PATIENCE).min(STEP_MAX);
            // What is raw is passed over from its beginning on.
            place = if is_raw { next.end } else { (place + step).min(next.start.max(place + 1)) };
            continue;
        };
        push_number(into, place - plain);
        into.extend_from_slice(&window[plain..place]);
        push_number(into, length - REPEAT_MIN);
        push_number(into, place - before);
        let end = place + length;
        if !is_raw {
            for place in place + 1..end.min(window.len() + 1 - REPEAT_MIN) {
                places.replace(window, place);
            }
        }
        (plain, place) = (end, end);
    }
    if plain < window.len() {
        push_number(into, window.len() - plain);
        into.extend_from_slice(&window[plain..]);
    }
}

/// The text again; `None` where it is damaged or longer than that.
pub(super) fn follow(mut pieces: &[u8], limit_bytes: usize) -> Option<Vec<u8>> {
    let limit_bytes = SHARED.len().checked_add(limit_bytes)?;
    let mut window = SHARED.to_vec();
    while !pieces.is_empty() {
        window.extend_from_slice(pop_piece(&mut pieces)?);
        if pieces.is_empty() {
            break;
        }
        let length = pop_number(&mut pieces)?.checked_add(REPEAT_MIN)?;
        let distance = pop_number(&mut pieces)?;
        let begin = window.len().checked_sub(distance).filter(|_| distance > 0)?;
        if length > limit_bytes.checked_sub(window.len())? {
            return None;
        }
        // It may repeat what it is just writing.
        for place in begin..begin + length {
            window.push(window[place]);
        }
    }
    (window.len() <= limit_bytes).then(|| window.split_off(SHARED.len()))
}

/// Where a place is remembered, by its first bytes.
fn slot(window: &[u8], place: usize) -> usize {
    let first =
        window[place..].first_chunk().expect("there are as many as the shortest repeat has");
    // Multiplying by this odd number (Knuth) spreads the bytes over the highest bits.
    let spread = u32::from_le_bytes(*first).wrapping_mul(2_654_435_761);
    (spread >> (u32::BITS - PLACES.ilog2())) as usize
}

/// How many bytes are the same at both places, which are looked at eight at a time.
fn common(window: &[u8], before: usize, place: usize) -> usize {
    let (before, here) = (&window[before..], &window[place..]);
    let words = before.as_chunks::<8>().0.iter().zip(here.as_chunks::<8>().0);
    let same = words.take_while(|(before, here)| before == here).count() * 8;
    let rest = before[same..].iter().zip(&here[same..]);
    same + rest.take(8).take_while(|(before, here)| before == here).count()
}
