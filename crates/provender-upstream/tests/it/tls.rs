//! HTTP/2 over TLS, and which roots are trusted.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use provender_upstream::{Document, FetchError, PrivateAddresses, Remote};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::{SHORT, client, url};

/// How much the server offers of the big file, in bytes.
const BIG_BYTES: u64 = 100 * 1024 * 1024;
/// Set in the child process of [`in_a_process_that_trusts`].
const CHILD: &str = "PROVENDER_UPSTREAM_TEST_SERVER";

#[derive(Default)]
struct Counters {
    connections: AtomicUsize,
    sent_bytes: AtomicU64,
}

struct Server {
    address: SocketAddr,
    certificate_pem: String,
}

/// Serves HTTP/2 over TLS for `localhost`: `/big` in chunks, `/counters`, and `hi` elsewhere.
async fn serve() -> Server {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .expect("a server certificate");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let counters = Arc::new(Counters::default());
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, counters) = (acceptor.clone(), Arc::clone(&counters));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                counters.connections.fetch_add(1, Ordering::Relaxed);
                let answer = service_fn(move |request| answer(request, Arc::clone(&counters)));
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .max_send_buf_size(64 * 1024)
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    Server { address, certificate_pem: key.cert.pem() }
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    counters: Arc<Counters>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let body = match request.uri().path() {
        "/big" => big(counters),
        "/counters" => {
            let connections = counters.connections.load(Ordering::Relaxed);
            let sent = counters.sent_bytes.load(Ordering::Relaxed);
            Full::from(format!("{connections} {sent}")).boxed()
        }
        _ => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Full::from("hi").boxed()
        }
    };
    Ok(Response::new(body))
}

fn big(counters: Arc<Counters>) -> BoxBody<Bytes, Infallible> {
    const CHUNK: &[u8] = &[0; 16 * 1024];
    let chunks = (0..BIG_BYTES / CHUNK.len() as u64).map(move |_| {
        counters.sent_bytes.fetch_add(CHUNK.len() as u64, Ordering::Relaxed);
        Ok(Frame::data(Bytes::from_static(CHUNK)))
    });
    StreamBody::new(futures_util::stream::iter(chunks)).boxed()
}

/// Runs the test named `test`, which asks here, once more in a process of its own whose environment
/// trusts `roots_pem`, and where it plays the client: the environment of this process cannot be
/// changed safely.
async fn in_a_process_that_trusts(variable: &str, roots_pem: &str, server: &Server, test: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("roots.pem");
    std::fs::write(&file, roots_pem).expect("a file");
    let trusted = if variable == "SSL_CERT_DIR" { folder.path() } else { file.as_path() };
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", test, "--test-threads=1"]);
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").env(variable, trusted);
    command.env(CHILD, server.address.port().to_string());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let output = output.expect("a process");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// The server that the parent process serves; `None` in that.
fn remote_in_child() -> Option<Remote> {
    let port = std::env::var(CHILD).ok()?;
    let remote = Remote::new(url(&format!("https://localhost:{port}/"))).expect("an upstream");
    Some(remote.private_addresses(PrivateAddresses::ThisOrigin))
}

async fn get(client: &provender_upstream::Client, remote: &Remote, path: &str) -> String {
    let it = remote.base().join(path).expect("a URL");
    match client.document(remote, &it, "*/*", None, 1000).await {
        Ok(Document::Modified(page)) => String::from_utf8_lossy(&page.body).into_owned(),
        other => panic!("no page at {path}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environments_roots_are_trusted() {
    let Some(remote) = remote_in_child() else {
        let (server, test) = (serve().await, "tls::the_environments_roots_are_trusted");
        for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
            in_a_process_that_trusts(variable, &server.certificate_pem, &server, test).await;
        }
        return;
    };
    assert_eq!(get(&client(), &remote, "/it").await, "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_roots_are_not_trusted() {
    let Some(remote) = remote_in_child() else {
        let (server, other) = (serve().await, serve().await);
        for pem in [&other.certificate_pem, ""] {
            let test = "tls::unknown_roots_are_not_trusted";
            in_a_process_that_trusts("SSL_CERT_FILE", pem, &server, test).await;
        }
        return;
    };
    let remote = remote.timeouts(SHORT);
    let result = client().document(&remote, remote.base(), "*/*", None, 1000).await;
    let error = result.expect_err("an untrusted certificate");
    assert!(matches!(error, FetchError::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_share_a_connection() {
    let Some(remote) = remote_in_child() else {
        let (server, test) = (serve().await, "tls::requests_at_once_share_a_connection");
        let pem = &server.certificate_pem;
        return in_a_process_that_trusts("SSL_CERT_FILE", pem, &server, test).await;
    };
    let before = connections(&get(&client(), &remote, "/counters").await);
    // A fresh client, so that all fifty find no connection.
    let client = client();
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let (client, remote) = (client.clone(), remote.clone());
        tasks.spawn(async move { get(&client, &remote, &format!("/{number}")).await });
    }
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.expect("no panic"), "hi");
    }
    let after = connections(&get(&client, &remote, "/counters").await);
    assert_eq!(after - before, 1);
}

fn connections(counters: &str) -> u64 {
    counters.split(' ').next().and_then(|count| count.parse().ok()).expect("a number")
}

/// With nobody reading, what the server may send is the window: enough for a gigabit per second
/// over a tenth of a second.
#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_wide() {
    let Some(remote) = remote_in_child() else {
        let (server, test) = (serve().await, "tls::the_window_is_wide");
        let pem = &server.certificate_pem;
        return in_a_process_that_trusts("SSL_CERT_FILE", pem, &server, test).await;
    };
    let client = client();
    let big = remote.base().join("/big").expect("a URL");
    let mut download = client.file(&remote, &big, "*/*", BIG_BYTES).await.expect("a file");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let counters = get(&client, &remote, "/counters").await;
    let sent: u64 = counters.split(' ').nth(1).and_then(|sent| sent.parse().ok()).expect("bytes");
    assert!((12_000_000..20_000_000).contains(&sent), "{sent}");
    let mut got = 0;
    while let Some(chunk) = download.chunk().await.expect("a piece") {
        got += chunk.len() as u64;
    }
    assert_eq!(got, BIG_BYTES);
}
