//! The tour server's only way out: a proxy on this machine that the tour can close.
//!
//! Closing it cuts the server off from its real upstream as a broken line would, with nothing
//! changed about the server itself.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

/// Longest head of a request to the proxy, in bytes.
const HEAD_LIMIT_BYTES: usize = 8 * 1024;

/// A proxy that speaks CONNECT (RFC 9110, 9.3.6), for as long as it is kept.
pub(super) struct Relay {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// Opens it. Where the environment names a proxy, everything goes on through that one.
    pub(super) async fn open() -> Result<Self> {
        let parent = parent_proxy()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot open a relay")?;
        let address = listener.local_addr().context("cannot open a relay")?;
        let accepting = tokio::spawn(async move {
            // Dropped with this task, which cuts what is open.
            let mut tunnels = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while tunnels.try_join_next().is_some() {}
                tunnels.spawn(tunnel(client, parent.clone()));
            }
        });
        Ok(Self { address, accepting })
    }

    /// As a proxy's address is written in the environment.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts all that is open and takes nothing more.
    pub(super) async fn close(self) {
        self.accepting.abort();
        // Ends as cancelled, which is what was asked for.
        let _ = self.accepting.await;
    }
}

fn parent_proxy() -> Result<Option<String>> {
    let named = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let Some(named) = named else { return Ok(None) };
    let url = Url::parse(&named).context("the environment's proxy has no usable address")?;
    match (url.scheme(), url.host_str(), url.port_or_known_default(), url.password()) {
        ("http", Some(host), Some(port), None) => Ok(Some(format!("{host}:{port}"))),
        _ => bail!("the environment's proxy is of a kind that the tour cannot relay to"),
    }
}

/// Connects the client to whom it names. Whatever fails ends the connection: the server will say.
async fn tunnel(mut client: TcpStream, parent: Option<String>) -> Option<()> {
    let head = read_head(&mut client).await?;
    let (target, _) = head.strip_prefix("CONNECT ")?.split_once(' ')?;
    let mut upstream = TcpStream::connect(parent.as_deref().unwrap_or(target)).await.ok()?;
    if parent.is_some() {
        upstream.write_all(head.as_bytes()).await.ok()?;
    } else {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    }
    copy_bidirectional(&mut client, &mut upstream).await.ok().map(drop)
}

async fn read_head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_LIMIT_BYTES {
            return None;
        }
        head.push(client.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
