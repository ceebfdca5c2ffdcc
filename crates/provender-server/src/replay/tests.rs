use bytes::Bytes;
use proptest::prelude::*;

use super::{Content, Date, Replay, Replays, is_one_head};
use crate::limits::{REPLAY_BODY_BYTES, REPLAY_HEAD_BYTES};
use crate::replay::Truth;

#[test]
fn heads() {
    let check = |bytes: &[u8], expected| {
        assert_eq!(is_one_head(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
    };
    check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true);
    check(b"GET / HTTP/1.1\r\n\r\n", true);
    check(b"GET / HTTP/1.1\nHost: a\n\n", true);
    check(b"GET / HTTP/1.1\r\nHost: a\n\r\n", true);
    check(b"", false);
    check(b"GET / HTTP/1.1\r\nHost: a\r\n", false);
    check(b"GET / HTTP/1.1\r\nHost: a\r\n\r", false);
    check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nG", false);
    check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
    check(b"GET / HTTP/1.1\nHost: a\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
    check(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n\r\n\r\n", false);
    check(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
    check(b"\r\n", false);
    check(b"rest of a head\r\n\r\n", false);
}

proptest! {
    /// Whatever is taken for one head, hyper's parser takes for one, or refuses.
    #[test]
    fn one_head_is_what_the_parser_reads_to_the_last_byte(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("GET / HTTP/1.1"), Just("POST /a HTTP/1.0"), Just("\r\n"), Just("\n"),
                Just("\r"), Just("Host: a"), Just("x:\ty "), Just(" folded"), Just(":"), Just(""),
            ],
            0..12,
        ),
    ) {
        let text = parts.concat();
        if is_one_head(text.as_bytes()) {
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let mut request = httparse::Request::new(&mut fields);
            match request.parse(text.as_bytes()) {
                Ok(httparse::Status::Complete(length)) => prop_assert_eq!(length, text.len()),
                Ok(httparse::Status::Partial) => prop_assert!(false, "hyper would wait for more"),
                Err(_) => {}
            }
        }
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 2\r\n\
     date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";

fn replay(head: &str, body: &'static [u8]) -> Option<Replay> {
    Replay::new(head.as_bytes(), Bytes::from_static(body), Truth::default())
}

#[test]
fn what_is_sent_again() {
    let check = |from: &str, to: &str, expected: bool| {
        assert_eq!(replay(&HEAD.replacen(from, to, 1), b"ok").is_some(), expected, "{to}");
    };
    check("", "", true);
    check("200 OK", "304 Not Modified", true);
    check("200 OK", "404 Not Found", false);
    check("200 OK", "206 Partial Content", false);
    check("HTTP/1.1", "HTTP/1.0", false);
    check("\r\ndate", "\r\nconnection: close\r\ndate", false);
    check("\r\ndate", "\r\nupdate", false);
    check("08:49:37 GMT", "08:49 GMT", false);
    check("\r\n\r\n", "\r\n", false);
    check("\r\n\r\n", "\r\n\r\nok", false);
    let large = Bytes::from(vec![0; REPLAY_BODY_BYTES + 1]);
    assert!(Replay::new(HEAD.as_bytes(), large, Truth::default()).is_none());
}

#[test]
fn only_the_date_is_new() {
    let mut buffer = b"something else".to_vec();
    let mut date = Date::default();
    let now = *date.now();
    replay(HEAD, b"ok").unwrap().head_at(&now, &mut buffer);
    let now = String::from_utf8(now.to_vec()).unwrap();
    let expected = HEAD.replace("Sun, 06 Nov 1994 08:49:37 GMT", &now);
    assert_eq!(String::from_utf8(buffer).unwrap(), expected);
    assert!(httpdate::parse_http_date(&now).is_ok());
}

#[test]
fn heads_are_kept_from_their_second_time_on() {
    let replays = Replays::default();
    let asked = b"GET / HTTP/1.1\r\n\r\n";
    assert!(!replays.is_familiar(asked));
    assert!(replays.is_familiar(asked));
    assert!(replays.find(asked).is_none());
    let body = Bytes::from_static(b"ok");
    replays.keep(asked.as_slice().into(), HEAD.as_bytes(), body, Truth::default());
    let kept = replays.find(asked).unwrap();
    assert!(matches!(&kept.content, Content::Memory(bytes) if bytes == "ok"));
    assert!(replays.find(b"GET /other HTTP/1.1\r\n\r\n").is_none());
    for asked in [vec![b'G'; REPLAY_HEAD_BYTES], b"HEAD / HTTP/1.1\r\n\r\n".to_vec()] {
        replays.is_familiar(&asked);
        assert!(!replays.is_familiar(&asked));
    }
    let long = [b"GET /".as_slice(), &[b'a'; REPLAY_HEAD_BYTES]].concat();
    replays.is_familiar(&long);
    assert!(!replays.is_familiar(&long));
}
