//! The tour's own small upstream: a static index of a few files (PEP 503).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// A file that it has.
#[derive(Debug, Clone)]
pub(super) struct IndexFile {
    pub(super) package: String,
    pub(super) name: String,
    pub(super) sha256: String,
    pub(super) bytes: Bytes,
}

/// A running index, for as long as it is kept.
pub(super) struct Index {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Index {
    pub(super) async fn open(files: Vec<IndexFile>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot open an index")?;
        let address = listener.local_addr().context("cannot open an index")?;
        let (files, asked) = (Arc::new(files), Arc::new(Mutex::default()));
        let accepting = tokio::spawn(accept(listener, files, Arc::clone(&asked)));
        Ok(Self { address, asked, accepting })
    }

    /// As clients are configured with it.
    pub(super) fn url(&self) -> String {
        format!("http://{}/simple/", self.address)
    }

    /// What it was asked for, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nothing panics while it holds this lock").clone()
    }

    /// Forgets what it was asked for.
    pub(super) fn forget(&self) {
        self.asked.lock().expect("nothing panics while it holds this lock").clear();
    }

    /// Cuts all that is open and takes nothing more.
    pub(super) async fn close(self) {
        self.accepting.abort();
        // Ends as cancelled, which is what was asked for.
        let _ = self.accepting.await;
    }
}

async fn accept(listener: TcpListener, files: Arc<Vec<IndexFile>>, asked: Arc<Mutex<Vec<String>>>) {
    // Dropped with this task, which cuts what is open.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let (files, asked) = (Arc::clone(&files), Arc::clone(&asked));
        let service = service_fn(move |request: Request<Incoming>| {
            let path = request.uri().path().to_owned();
            asked.lock().expect("nothing panics while it holds this lock").push(path.clone());
            let response = answer(&files, &path);
            async move { Ok::<_, Infallible>(response) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn answer(files: &[IndexFile], path: &str) -> Response<Full<Bytes>> {
    if let Some(name) = path.strip_prefix("/files/") {
        return match files.iter().find(|file| file.name == name) {
            Some(file) => respond("application/octet-stream", file.bytes.clone()),
            None => missing(),
        };
    }
    if path == "/simple/" {
        let mut names: Vec<&str> = files.iter().map(|file| file.package.as_str()).collect();
        names.dedup();
        return page(names.iter().map(|name| format!("<a href=\"{name}/\">{name}</a>")));
    }
    let package = path.strip_prefix("/simple/").and_then(|rest| rest.strip_suffix('/'));
    let of_it: Vec<&IndexFile> =
        files.iter().filter(|file| Some(file.package.as_str()) == package).collect();
    if of_it.is_empty() {
        return missing();
    }
    page(of_it.iter().map(|file| {
        let IndexFile { name, sha256, .. } = file;
        format!("<a href=\"/files/{name}#sha256={sha256}\">{name}</a>")
    }))
}

fn page(links: impl Iterator<Item = String>) -> Response<Full<Bytes>> {
    let links: Vec<String> = links.collect();
    let page = format!("<!DOCTYPE html><html><body>{}</body></html>", links.join("<br>"));
    respond("text/html; charset=utf-8", page.into())
}

fn respond(content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn missing() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
