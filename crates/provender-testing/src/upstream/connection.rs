//! One connection: read a request, write what the script says.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::answer::{Body, Framing, Interruption, Pause};
use super::{Answer, Request, Script};

/// The longest request head that is read, in bytes.
const HEAD_BYTES_MAX: usize = 256 * 1024;
/// The longest request body that is read, in bytes.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Whether the connection goes on after an answer.
#[derive(PartialEq)]
enum After {
    KeepOpen,
    Close,
}

/// Serves until the client leaves or an answer ends the connection.
pub(super) async fn serve(stream: TcpStream, script: Arc<Script>) {
    // What goes wrong here is the client hanging up, which is its right.
    let _ = converse(stream, &script).await;
}

async fn converse(mut stream: TcpStream, script: &Script) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = BytesMut::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await? {
        let answer = script.answer(&request);
        if write_answer(&mut stream, &answer, request.method() == "HEAD").await? == After::Close {
            break;
        }
    }
    Ok(())
}

async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
) -> io::Result<Option<Request>> {
    let head_bytes = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if buffer.len() > HEAD_BYTES_MAX {
            return Err(io::Error::other("the request head is too long"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = buffer.split_to(head_bytes);
    buffer.advance(4);
    let (method, target, headers) =
        parse_head(&head).ok_or_else(|| io::Error::other("not a request"))?;
    let body = read_body(stream, buffer, &headers).await?;
    Ok(Some(Request { method, target, headers, body }))
}

fn parse_head(head: &[u8]) -> Option<(String, String, HeaderMap)> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some((method, target, headers))
}

async fn read_body(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    headers: &HeaderMap,
) -> io::Result<Bytes> {
    let announced = headers.get("content-length").and_then(|value| value.to_str().ok());
    let length: usize = announced.and_then(|value| value.parse().ok()).unwrap_or(0);
    if headers.contains_key("transfer-encoding") || length > BODY_BYTES_MAX {
        return Err(io::Error::other("only bodies of a known, moderate length are read"));
    }
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buffer.split_to(length).freeze())
}

async fn write_answer(
    stream: &mut TcpStream,
    answer: &Answer,
    head_only: bool,
) -> io::Result<After> {
    match answer.before_headers {
        Pause::None => {}
        Pause::For(delay) => tokio::time::sleep(delay).await,
        Pause::Forever => std::future::pending().await,
    }
    let raw = matches!(answer.body, Body::Raw(_));
    if !raw {
        stream.write_all(head(answer).as_bytes()).await?;
    }
    let bodiless = head_only || answer.status == 304 || answer.status == 204;
    if bodiless && !raw {
        return Ok(After::KeepOpen);
    }
    if write_body(stream, answer).await? == After::Close || raw {
        return Ok(After::Close);
    }
    Ok(match answer.framing {
        Framing::TrueLength | Framing::Chunked => After::KeepOpen,
        Framing::ClaimedLength(_) | Framing::UntilClose => After::Close,
    })
}

fn head(answer: &Answer) -> String {
    use std::fmt::Write as _;
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", answer.status);
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let framing = match answer.framing {
        _ if answer.status == 304 || answer.status == 204 => String::new(),
        Framing::TrueLength => format!("Content-Length: {}\r\n", answer.body.len_bytes()),
        Framing::ClaimedLength(bytes) => format!("Content-Length: {bytes}\r\n"),
        Framing::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
        Framing::UntilClose => "Connection: close\r\n".to_owned(),
    };
    head + &framing + "\r\n"
}

async fn write_body(stream: &mut TcpStream, answer: &Answer) -> io::Result<After> {
    let total = answer.body.len_bytes();
    let end = answer.interruption.map_or(total, |(at, _)| at.min(total));
    let chunked = matches!(answer.framing, Framing::Chunked);
    let step = answer.drip.map_or(u64::MAX, |drip| drip.step_bytes as u64);
    let mut sent = 0;
    while sent < end {
        let piece = answer.body.piece(sent, step.min(end - sent));
        if chunked {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
        }
        stream.write_all(&piece).await?;
        if chunked {
            stream.write_all(b"\r\n").await?;
        }
        sent += piece.len() as u64;
        if let Some(drip) = answer.drip {
            tokio::time::sleep(drip.every).await;
        }
    }
    match answer.interruption {
        None if chunked => stream.write_all(b"0\r\n\r\n").await?,
        None => {}
        Some((_, Interruption::Stall)) => std::future::pending().await,
        Some((_, Interruption::Close)) => return Ok(After::Close),
        Some((_, Interruption::Reset)) => {
            // Pending bytes must leave before the reset, or the client never sees them.
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.set_zero_linger()?;
            return Ok(After::Close);
        }
    }
    Ok(After::KeepOpen)
}
