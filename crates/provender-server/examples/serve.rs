//! Serves one cached index of 27 KB, one file of 20 MB and one document of 1 KB by tag and by digest,
//! to be measured beside another server, and takes uploads in steps with the token that it prints.
//!
//! `cargo run --release -p provender-server --example serve -- 127.0.0.1:8081`

#[path = "../tests/it/demo.rs"]
mod demo;
#[path = "../tests/it/shelf.rs"]
mod shelf;

use std::sync::Arc;

use demo::Demo;
use provender_domain::Scope;
use provender_registry::{NewToken, Options, Registry};
use provender_server::{Server, ServerOptions};
use provender_testing::sha256_hex;
use shelf::Shelf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Files of the index; each takes about a hundred bytes of it.
const FILES: usize = 270;
const LARGE_FILE_BYTES: usize = 20 * 1024 * 1024;
const DOCUMENT_BYTES: usize = 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8081".to_owned());
    let data = tempfile::tempdir()?;
    let registry = Registry::open(Options::new(
        data.path().join("data"),
        vec![Arc::new(Demo), Arc::new(Shelf)],
    ))
    .await?;
    let token = NewToken {
        name: "example".to_owned(),
        repository: None,
        scope: Scope::Publish,
        pattern: None,
        lifetime: None,
    };
    let token = registry.create_token(&registry.operator(), token).await?;
    let server = Server::bind(registry, ServerOptions::new(listen.parse()?))?;
    let address = server.local_addr();
    let running = tokio::spawn(async move { server.run(std::future::pending()).await });
    for number in 0..FILES {
        let name = format!("file-{number:03}");
        publish(address, &token.secret, "index", &name, name.as_bytes()).await?;
    }
    publish(address, &token.secret, "large", "large", &vec![b'x'; LARGE_FILE_BYTES]).await?;
    println!("http://{address}/main/demo/index/\nhttp://{address}/main/demo/large/large");
    let document = vec![b'x'; DOCUMENT_BYTES];
    let heads = "/shelf/main/package/heads";
    let head = format!("PUT {heads}/latest HTTP/1.1\r\nHost: {address}\r\n");
    send(address, &token.secret, head, &[&document]).await?;
    println!("http://{address}{heads}/latest\nhttp://{address}{heads}/{}", sha256_hex(&document));
    println!("http://{address}/shelf/main/package/uploads/ with {}", token.secret);
    running.await?;
    Ok(())
}

async fn publish(
    address: std::net::SocketAddr,
    token: &str,
    package: &str,
    file: &str,
    content: &[u8],
) -> Result<(), Box<dyn std::error::Error>> {
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=package\r\n\r\n{package}\r\n\
         --b\r\nContent-Disposition: form-data; name=content; filename={file}\r\n\r\n"
    );
    let end = "\r\n--b--\r\n";
    let head = format!(
        "POST /main/demo/ HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n"
    );
    send(address, token, head, &[form.as_bytes(), content, end.as_bytes()]).await
}

async fn send(
    address: std::net::SocketAddr,
    token: &str,
    head: String,
    body: &[&[u8]],
) -> Result<(), Box<dyn std::error::Error>> {
    let length: usize = body.iter().map(|part| part.len()).sum();
    let head = format!(
        "{head}Connection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    for part in body {
        stream.write_all(part).await?;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if !answer.starts_with("HTTP/1.1 20") {
        return Err(answer.into());
    }
    Ok(())
}
