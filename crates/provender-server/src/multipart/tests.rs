use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use proptest::prelude::*;

use super::{Multipart, MultipartError, PartHead};
use crate::limits::PART_HEAD_BYTES;

const CONTENT_TYPE: &str = "multipart/form-data; boundary=b";

/// Every part as `name=content`, or `name(file name)=content`.
async fn parse(
    content_type: &str,
    body: &[u8],
    chunk_bytes: usize,
) -> Result<Vec<String>, MultipartError<Infallible>> {
    let chunks: Vec<_> = body.chunks(chunk_bytes).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
    let mut form = Multipart::new(content_type, stream::iter(chunks))?;
    let mut parts = Vec::new();
    while let Some(PartHead { name, file_name }) = form.next_part().await? {
        let mut content = Vec::new();
        while let Some(data) = form.data().await? {
            assert!(!data.is_empty());
            content.extend_from_slice(&data);
        }
        let file_name = file_name.map(|file_name| format!("({file_name})")).unwrap_or_default();
        parts.push(format!("{name}{file_name}={}", String::from_utf8_lossy(&content)));
    }
    Ok(parts)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn part(name: &str, content: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
}

#[test]
fn bodies() {
    let check = |body: &str, expected: Result<&[&str], &str>| {
        // Every way of cutting it has to come to the same.
        for chunk_bytes in 1..=body.len().max(1) {
            let parsed = run(parse(CONTENT_TYPE, body.as_bytes(), chunk_bytes));
            let parsed = parsed.map_err(|error| format!("{error:?}"));
            let parsed = parsed.as_deref().map_err(String::as_str);
            assert_eq!(
                parsed.map(|parts| parts.iter().map(String::as_str).collect::<Vec<_>>()),
                expected.map(<[&str]>::to_vec),
                "{body:?} by {chunk_bytes}"
            );
        }
    };
    let (one, two) = (part("a", "1"), part("b", "2"));
    check(&format!("{one}{two}--b--\r\n"), Ok(&["a=1", "b=2"]));
    check(&format!("{one}--b--"), Ok(&["a=1"]));
    check(&format!("\r\n{one}--b--"), Ok(&["a=1"]));
    check(&format!("{one}--b--ignored epilogue"), Ok(&["a=1"]));
    check("--b--", Ok(&[]));
    check(&format!("{}--b--", part("a", "")), Ok(&["a="]));
    check(&format!("{}--b--", part("a", "\r\n-\r\n--\r\n--a")), Ok(&["a=\r\n-\r\n--\r\n--a"]));
    check(&format!("{}--b--", part("ä", "é")), Ok(&["ä=é"]));
    check(
        "--b \t\r\ncontent-type: x\r\nCONTENT-DISPOSITION: Form-Data; filename=\"f;\\\"\\\\\"; name=c\r\n\r\nx\r\n--b--",
        Ok(&["c(f;\"\\)=x"]),
    );
    check(
        "--b\r\nContent-Disposition: form-data; name=c; filename*=utf-8''a%20b\r\n\r\nx\r\n--b--",
        Ok(&["c(a b)=x"]),
    );
    check("", Err("Incomplete"));
    check("--b", Err("Incomplete"));
    check(&one, Err("Incomplete"));
    check(&format!("{one}--b"), Err("Incomplete"));
    check(&format!("{one}--b\r\n"), Err("Incomplete"));
    check("preamble\r\n--b--", Err("Malformed"));
    check("--c\r\n\r\n\r\n--c--", Err("Malformed"));
    check("--bb\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--bb--", Err("Malformed"));
    check("--b\r\n\r\nx\r\n--b--", Err("Nameless"));
    check("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", Err("Nameless"));
    check("--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--", Err("Nameless"));
    check("--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b--", Err("Nameless"));
}

#[test]
fn content_types() {
    let check = |content_type: &str, is_form: bool| {
        let form = Multipart::new(content_type, stream::empty::<Result<Bytes, Infallible>>());
        assert_eq!(form.is_ok(), is_form, "{content_type:?}");
    };
    check(CONTENT_TYPE, true);
    check("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"", true);
    check("multipart/form-data", false);
    check("multipart/form-data; boundary=", false);
    check("multipart/form-data; boundary=\"a", false);
    check("multipart/mixed; boundary=b", false);
    check(&format!("multipart/form-data; boundary={}", "b".repeat(70)), true);
    check(&format!("multipart/form-data; boundary={}", "b".repeat(71)), false);
    check("", false);
}

#[test]
fn a_head_without_end_is_refused_before_it_fills_memory() {
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1024])));
    let start = stream::iter([Ok(Bytes::from_static(b"--b\r\n"))]);
    let body = futures_util::StreamExt::chain(start, endless);
    let mut form = Multipart::new(CONTENT_TYPE, Box::pin(body)).unwrap();
    assert!(matches!(run(form.next_part()), Err(MultipartError::HeadTooLarge)));
    assert!(form.buffer.len() <= PART_HEAD_BYTES + 2048);
}

#[test]
fn a_part_without_end_streams_in_bounded_memory() {
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b'\r'; 1024])));
    let start = stream::iter([Ok(Bytes::from(part("a", "")[..].to_owned().into_bytes()))]);
    let start = futures_util::StreamExt::map(start, |chunk: Result<Bytes, Infallible>| {
        chunk.map(|bytes| bytes.slice(..bytes.len() - 2))
    });
    let body = futures_util::StreamExt::chain(start, endless);
    let mut form = Multipart::new(CONTENT_TYPE, Box::pin(body)).unwrap();
    run(async {
        form.next_part().await.unwrap().unwrap();
        for _ in 0..1000 {
            form.data().await.unwrap().unwrap();
            assert!(form.buffer.len() < 4096);
        }
    });
}

proptest! {
    #[test]
    fn what_was_put_in_comes_out(
        contents in proptest::collection::vec("[\\r\\n\\-bx]{0,40}", 0..4),
        chunk_bytes in 1usize..64,
    ) {
        let safe = |content: &String| !format!("\r\n{content}\r\n--").contains("\r\n--b");
        prop_assume!(contents.iter().all(safe));
        let body: String = contents.iter().map(|content| part("n", content)).collect();
        let parsed = run(parse(CONTENT_TYPE, format!("{body}--b--").as_bytes(), chunk_bytes));
        let expected: Vec<_> = contents.iter().map(|content| format!("n={content}")).collect();
        prop_assert_eq!(parsed.unwrap(), expected);
    }

    #[test]
    fn nothing_makes_it_panic_or_hang(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        chunk_bytes in 1usize..64,
    ) {
        let mut framed = part("a", "").into_bytes();
        framed.extend_from_slice(&body);
        let _ = run(parse(CONTENT_TYPE, &framed, chunk_bytes));
        let _ = run(parse(CONTENT_TYPE, &body, chunk_bytes));
    }
}
