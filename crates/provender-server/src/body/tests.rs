use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use provender_registry::CutOff;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Handle;

use super::{Body, Content};

fn fetched(chunks: Vec<Result<Bytes, CutOff>>, left_bytes: Option<u64>) -> Body {
    Body::streamed(stream::iter(chunks), left_bytes, Handle::current())
}

/// What a client reads until the connection is closed; only one of two requests may be answered
/// where the first answer is no whole one.
async fn answered(body: Body) -> String {
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let body = std::sync::Mutex::new(Some(body));
    let answer = service_fn(move |_: Request<Incoming>| {
        let body = body.lock().unwrap().take().unwrap_or_else(|| Body::from("second"));
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(server), answer);
    let client = async move {
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
        String::from_utf8(answers).unwrap()
    };
    tokio::join!(serving, client).1
}

#[tokio::test]
async fn bodies_that_are_cut_off_end_their_connection() {
    let chunk = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
    let check = async |body: Body, is_whole: bool, end: &str| {
        let answers = answered(body).await;
        assert_eq!(answers.contains("second"), is_whole, "{answers}");
        let first = answers.split("HTTP/1.1 200 OK").nth(1).unwrap_or_default();
        assert!(first.ends_with(end), "{answers}");
    };
    let whole = || vec![chunk("abc"), chunk("def")];
    let cut = || vec![chunk("abc"), Err(CutOff)];
    check(fetched(whole(), Some(6)), true, "\r\n\r\nabcdef").await;
    check(fetched(whole(), None), true, "\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n").await;
    check(fetched(cut(), Some(6)), false, "").await;
    check(fetched(cut(), None), false, "").await;
    // Nor is one whole that ends before its length, with or without a word.
    check(fetched(whole(), Some(7)), false, "").await;
    check(fetched(vec![Err(CutOff)], None), false, "").await;
    for body in [fetched(cut(), None), fetched(vec![Err(CutOff)], None)] {
        assert!(!answered(body).await.contains("0\r\n\r\n"));
    }
    check(Body::from("abc"), true, "\r\n\r\nabc").await;
    check(Body::empty(), true, "\r\n\r\n").await;
}

#[tokio::test]
async fn how_much_is_left_is_known_where_the_length_is() {
    use http_body_util::BodyExt as _;
    let chunks = || vec![Ok(Bytes::from_static(b"abc")), Ok(Bytes::from_static(b"de"))];
    let mut known = fetched(chunks(), Some(5));
    assert_eq!(known.size_hint().exact(), Some(5));
    assert!(known.frame().await.unwrap().is_ok());
    assert_eq!(known.size_hint().exact(), Some(2));
    assert_eq!(fetched(chunks(), None).size_hint().exact(), None);
    assert!(std::mem::size_of::<Content>() <= std::mem::size_of::<Bytes>(), "as small as before");
}
