//! What upstreams ask for. The client's parser is taken in as it is: it is private to it, as it
//! should be.

#[rustfmt::skip]
#[path = "../../crates/provender-upstream/src/challenge.rs"]
mod challenge;

use self::challenge::Challenge;

/// Longer fields are not read, and escapes make them longer.
const WRITTEN_MAX_BYTES: usize = 8 * 1024;

/// Each line is a field; what is read of them, written again, reads the same.
pub(crate) fn challenge(data: &[u8]) {
    let fields = data.split(|byte| *byte == b'\n');
    let Ok(Some(challenge)) = challenge::read(fields) else { return };
    let Challenge { realm, service, scope } = &challenge;
    let mut written = format!("Bearer realm={}", quoted(realm.as_str()));
    for (name, value) in [("service", service), ("scope", scope)] {
        if let Some(value) = value {
            written = format!("{written}, {name}={}", quoted(value));
        }
    }
    if written.len() <= WRITTEN_MAX_BYTES {
        let again = challenge::read([written.as_bytes()]);
        assert_eq!(again, Ok(Some(challenge)), "{written}");
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
