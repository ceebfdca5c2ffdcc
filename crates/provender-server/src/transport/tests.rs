use std::fs::File;
use std::io::{IoSlice, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::{Socket, Transport};
use crate::exchange::Exchange;
use crate::mapping::Mapping;
use crate::metrics::Metrics;

/// So small that every send of more is cut into many; the other side's is left alone, because a
/// small window makes the kernel wait before it acknowledges.
const SOCKET_BUFFER_BYTES: usize = 8 * 1024;

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

/// Bytes that repeat nowhere near a page or a buffer, so that a wrong offset shows.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

async fn tcp() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    rustix::net::sockopt::set_socket_send_buffer_size(server.as_fd(), SOCKET_BUFFER_BYTES).unwrap();
    (Socket::Tcp(server), client)
}

fn transport(socket: Socket) -> (Transport, Arc<Exchange>) {
    let exchange = Arc::<Exchange>::default();
    (Transport::new(socket, Arc::clone(&exchange), Arc::new(Metrics::default())), exchange)
}

fn announce(exchange: &Exchange, file: File, offset_bytes: u64, length: usize) -> Bytes {
    let mapping = Arc::new(Mapping::new(file, offset_bytes, length as u64).unwrap());
    exchange.announced.announce(Arc::clone(&mapping));
    mapping.bytes()
}

/// Writes as hyper does: every slice that is left, until nothing is.
async fn write_all(transport: &mut Transport, mut chunks: Vec<Bytes>) -> std::io::Result<()> {
    while !chunks.is_empty() {
        let mut written = std::future::poll_fn(|context| {
            let slices: Vec<_> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
            std::pin::Pin::new(&mut *transport).poll_write_vectored(context, &slices)
        })
        .await?;
        while let Some(first) = chunks.first_mut() {
            let taken = written.min(first.len());
            let _ = first.split_to(taken);
            written -= taken;
            if !first.is_empty() {
                break;
            }
            chunks.remove(0);
        }
    }
    transport.flush().await
}

#[tokio::test]
async fn whatever_is_mixed_arrives_in_order_and_unchanged() {
    let content = noise(5 * 1024 * 1024 + 123);
    let (socket, mut client) = tcp().await;
    let (mut transport, exchange) = transport(socket);
    let whole = announce(&exchange, file(&content), 0, content.len());
    let part = announce(&exchange, file(&content), 70_001, 90_000);
    let plain = Bytes::from(noise(100_000));
    let chunks = vec![
        Bytes::from_static(b"head"),
        whole.clone(),
        plain.clone(),
        part.slice(5..),
        whole.slice(1_000_000..1_000_001),
        Bytes::from_static(b"tail"),
    ];
    let expected = chunks.concat();
    assert_eq!(&part[..], &content[70_001..160_001]);
    drop((whole, part));
    let writing = async {
        write_all(&mut transport, chunks).await.unwrap();
        transport.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let ((), read) = tokio::join!(writing, client.read_to_end(&mut received));
    read.unwrap();
    assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
    assert!(exchange.announced.lock().is_empty(), "files are closed once they are sent");
}

#[tokio::test]
async fn a_unix_socket_takes_files_too() {
    let content = noise(1024 * 1024);
    let (server, mut client) = UnixStream::pair().unwrap();
    let (mut transport, exchange) = transport(Socket::Unix(server));
    let body = announce(&exchange, file(&content), 0, content.len());
    let writing = async {
        write_all(&mut transport, vec![body]).await.unwrap();
        transport.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let ((), read) = tokio::join!(writing, client.read_to_end(&mut received));
    read.unwrap();
    assert!(received == content);
}

#[tokio::test]
async fn a_file_beyond_four_gibibytes_is_sent_from_the_right_place() {
    let offset_bytes = 5 * 1024 * 1024 * 1024 + 17;
    let content = noise(100_000);
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &content, offset_bytes).unwrap();
    let (socket, mut client) = tcp().await;
    let (mut transport, exchange) = transport(socket);
    let body = announce(&exchange, file, offset_bytes, content.len());
    let mut received = vec![0; content.len()];
    let (written, read) =
        tokio::join!(write_all(&mut transport, vec![body]), client.read_exact(&mut received));
    written.unwrap();
    read.unwrap();
    assert!(received == content);
}

#[tokio::test]
async fn a_file_that_a_stranger_truncates_ends_the_connection() {
    let file = file(&noise(1024 * 1024));
    let handle = file.try_clone().unwrap();
    let (socket, mut client) = tcp().await;
    let (mut transport, exchange) = transport(socket);
    let body = announce(&exchange, file, 0, 1024 * 1024);
    handle.set_len(10_000).unwrap();
    let writing = async {
        let error = write_all(&mut transport, vec![body]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        drop(transport);
    };
    let mut received = Vec::new();
    let ((), read) = tokio::join!(writing, client.read_to_end(&mut received));
    assert!(read.is_err() || received.len() == 10_000);
}

#[test]
fn a_mapping_beyond_its_file_is_refused() {
    let check = |offset_bytes: u64, length_bytes: u64, is_there: bool| {
        let mapping = Mapping::new(file(&noise(100)), offset_bytes, length_bytes);
        assert_eq!(mapping.is_ok(), is_there, "{length_bytes} bytes from {offset_bytes}");
    };
    check(0, 100, true);
    check(99, 1, true);
    check(0, 101, false);
    check(100, 1, false);
    check(u64::MAX, 1, false);
}

#[test]
fn only_a_mappings_own_bytes_are_its_own() {
    let mapping = Arc::new(Mapping::new(file(&noise(10_000)), 5_000, 1_000).unwrap());
    let bytes = mapping.bytes();
    assert_eq!(mapping.locate(&bytes), Some(5_000));
    assert_eq!(mapping.locate(&bytes[999..]), Some(5_999));
    assert_eq!(mapping.locate(&bytes[10..10]), None);
    assert_eq!(mapping.locate(&[1, 2, 3]), None);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_left_after_a_while() {
    let (server, client) = UnixStream::pair().unwrap();
    let (mut transport, _) = transport(Socket::Unix(server));
    transport.pause_limit = Duration::from_millis(50);
    let started = Instant::now();
    let error = write_all(&mut transport, vec![Bytes::from(noise(4 * 1024 * 1024))]).await;
    assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert!(started.elapsed() >= transport.pause_limit);
    drop(client);
}
