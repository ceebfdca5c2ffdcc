//! A proxy that ends TLS, as it stands in front of servers that are reached over a network.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{Ran, finish, provender};

/// A running proxy.
pub(crate) struct Front {
    address: SocketAddr,
    folder: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Front {
    /// Passes everything on to the server at this URL.
    pub(crate) fn of(url: &str) -> Self {
        let behind = url.strip_prefix("http://").unwrap().to_owned();
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("roots.pem"), key.cert.pem()).unwrap();
        let private = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], PrivateKeyDer::Pkcs8(private))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(stream).await else { return };
                    let mut server = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { address, folder, _runtime: runtime }
    }

    /// What signs its certificate: itself.
    pub(crate) fn roots(&self) -> PathBuf {
        self.folder.path().join("roots.pem")
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Runs a command on the server behind, on a machine that trusts these roots.
    pub(crate) fn run(&self, roots: &std::path::Path, token: &str, arguments: &[&str]) -> Ran {
        let mut command = provender();
        command.args(arguments).args(["--server", &self.url()]);
        command.env("PROVENDER_TOKEN", token).env("SSL_CERT_FILE", roots);
        finish(command.env_remove("SSL_CERT_DIR"))
    }
}
