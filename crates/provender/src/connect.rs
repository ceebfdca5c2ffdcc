//! Connections to a server elsewhere, with or without TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::exit::Failure;

/// How long a connection may take to come about, and how long TLS on it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, whatever it is made of.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Connects to a host as a URL writes it. With TLS the system's certificate authorities decide whom
/// to believe.
pub(crate) async fn connect(host: &str, port: u16, is_tls: bool) -> Result<Box<dyn Stream>> {
    let whom = format!("the server at {host}:{port}");
    // An IPv6 address stands in brackets in a URL, and without them everywhere else.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let stream = within(TcpStream::connect((name, port)), &whom).await?;
    if !is_tls {
        return Ok(Box::new(stream));
    }
    let server_name = ServerName::try_from(name.to_owned()).context("the URL's host is no name")?;
    let connector = TlsConnector::from(client_config()?);
    let connecting = async {
        let connected = connector.connect(server_name, stream).await;
        connected.map_err(with_help)
    };
    Ok(Box::new(within(connecting, &whom).await?))
}

/// Waits for a connection, but no longer than [`CONNECT_TIMEOUT`].
pub(crate) async fn within<T>(
    connecting: impl Future<Output = io::Result<T>>,
    whom: &str,
) -> Result<T, Failure> {
    let unreachable = |why: &str| Failure::Unreachable(format!("cannot reach {whom}: {why}"));
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(|error| unreachable(&error.to_string())),
        Err(_) => Err(unreachable("it does not answer")),
    }
}

/// Says what helps, where it is known.
fn with_help(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let help = match cause {
        Some(rustls::Error::InvalidCertificate(_)) => {
            "SSL_CERT_FILE and SSL_CERT_DIR name trusted roots"
        }
        Some(rustls::Error::InvalidMessage(_)) => "it speaks no TLS; is it http:// there?",
        _ => return error,
    };
    io::Error::other(format!("{error} ({help})"))
}

fn client_config() -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(Arc::new(config))
}
