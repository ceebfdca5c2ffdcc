//! A whole server on a temporary directory, and a client that sends exactly what it is told.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use provender_domain::{EventKind, Scope, Visibility};
use provender_registry::{NewToken, Options, Registry};
use provender_server::{Server, ServerOptions};
use provender_store::EventFilter;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::demo::Demo;
use crate::shelf::Shelf;

/// A running server with the public repository `main` and the private one `secret`.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registry,
    /// Scope publish on everything.
    pub(crate) token: String,
    pub(crate) control_socket: PathBuf,
    data: TempDir,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut ServerOptions)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut options =
            Options::new(data.path().join("data"), vec![Arc::new(Demo), Arc::new(Shelf)]);
        // Every request asks upstreams anew.
        options.tuning.listing_fresh = Duration::ZERO;
        options.tuning.stale_retry = Duration::ZERO;
        let registry = Registry::open(options).await.unwrap();
        let operator = registry.operator();
        registry.create_repository(&operator, "secret", Visibility::Private).await.unwrap();
        let control_socket = data.path().join("control.sock");
        let mut options = ServerOptions::new("127.0.0.1:0".parse().unwrap());
        options.control_socket = Some(control_socket.clone());
        change(&mut options);
        let server = Server::bind(registry.clone(), options).unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move { server.run(async { drop(stopped.await) }).await });
        let mut server =
            Self { address, registry, token: String::new(), control_socket, data, stop, running };
        server.token = server.token(Scope::Publish, None).await;
        server
    }

    pub(crate) async fn token(&self, scope: Scope, repository: Option<&str>) -> String {
        let request = NewToken {
            name: "test".to_owned(),
            repository: repository.map(str::to_owned),
            scope,
            pattern: None,
            lifetime: None,
        };
        let created = self.registry.create_token(&self.registry.operator(), request).await;
        created.unwrap().secret
    }

    pub(crate) async fn connect(&self) -> Client {
        let (reader, writer) = TcpStream::connect(self.address).await.unwrap().into_split();
        Client { reader: BufReader::new(reader), writer }
    }

    /// A connection on which little is under way at a time.
    pub(crate) async fn connect_narrowly(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        let (reader, writer) = socket.connect(self.address).await.unwrap().into_split();
        Client { reader: BufReader::new(reader), writer }
    }

    /// One GET on a connection of its own.
    pub(crate) async fn get(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.connect().await.request("GET", path, fields).await
    }

    /// One request with a body, by whoever may publish, on a connection of its own.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.connect().await.ask(method, path, &self.token, body).await
    }

    /// Publishes a file through the front door.
    pub(crate) async fn publish(
        &self,
        repository: &str,
        package: &str,
        file: &str,
        content: &[u8],
    ) -> Answer {
        let body = form(package, file, content);
        let head = self.publication_head(repository, body.len(), &self.token, "");
        let mut client = self.connect().await;
        client.send(head.as_bytes()).await;
        client.send(&body).await;
        client.answer(true).await
    }

    pub(crate) fn publication_head(
        &self,
        repository: &str,
        length: usize,
        token: &str,
        more: &str,
    ) -> String {
        format!(
            "POST /{repository}/demo/ HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n{more}\r\n",
            self.address
        )
    }

    /// Files that are being written and belong to nobody yet.
    pub(crate) fn staged_files(&self) -> usize {
        std::fs::read_dir(self.data.path().join("data/staging")).unwrap().count()
    }

    /// How many publications were refused, as soon as these are recorded; that is done in the
    /// background.
    pub(crate) async fn refusals(&self, at_least: usize) -> usize {
        let filter = || EventFilter {
            kinds: vec![EventKind::PublicationRefused],
            limit: u32::MAX,
            ..EventFilter::default()
        };
        let operator = self.registry.operator();
        for _ in 0..500 {
            let found = self.registry.events(&operator, filter()).await.unwrap().len();
            if found >= at_least {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{at_least} refusals are not recorded")
    }

    /// Asks the server to stop and waits until it has.
    pub(crate) async fn stop(self) -> TempDir {
        let _ = self.stop.send(());
        self.running.await.unwrap();
        self.data
    }
}

/// The body of a publication.
pub(crate) fn form(package: &str, file: &str, content: &[u8]) -> Vec<u8> {
    let start = format!(
        "--b\r\nContent-Disposition: form-data; name=\"package\"\r\n\r\n{package}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{file}\"\r\n\r\n"
    );
    [start.as_bytes(), content, b"\r\n--b--\r\n"].concat()
}

/// One connection.
pub(crate) struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A field's value, if it is there; several of one name joined as one list.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Everything about it that must not depend on the method.
    pub(crate) fn head(&self) -> (u16, Vec<(String, String)>) {
        let fields = self.fields.iter().filter(|(name, _)| name != "date").cloned();
        (self.status, fields.collect())
    }
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.unwrap();
    }

    /// Like [`Client::send`], for what the server may not want to hear to the end.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.writer.write_all(bytes).await
    }

    pub(crate) async fn request(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test.example\r\n");
        for (name, value) in fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        self.send(format!("{head}\r\n").as_bytes()).await;
        self.answer(method != "HEAD").await
    }

    /// A request with a body, by the bearer of this token.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: &[u8],
    ) -> Answer {
        self.begin(method, path, token, body.len()).await;
        self.send(body).await;
        self.answer(method != "HEAD").await
    }

    /// The head of a request whose body is to follow.
    pub(crate) async fn begin(&mut self, method: &str, path: &str, token: &str, length: usize) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: test.example\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        self.send(head.as_bytes()).await;
    }

    /// Waits until a response has begun, without taking any of it.
    pub(crate) async fn answer_begun(&mut self) {
        assert!(!self.reader.fill_buf().await.unwrap().is_empty());
    }

    /// The next response; its body only if there is to be one.
    pub(crate) async fn answer(&mut self, has_body: bool) -> Answer {
        let reading = tokio::time::timeout(Duration::from_secs(30), self.read_answer(has_body));
        reading.await.expect("the server answers in time")
    }

    async fn read_answer(&mut self, has_body: bool) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.reader.read_u8().await.expect("a whole response head"));
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let mut start = lines.next().unwrap().splitn(3, ' ').skip(1);
        let status = start.next().unwrap().parse().unwrap();
        let reason = start.next().unwrap_or_default().to_owned();
        let fields: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, reason, fields, body: Vec::new() };
        if has_body && answer.field("transfer-encoding").is_some() {
            self.read_chunks(&mut answer.body).await;
        } else if has_body && status >= 200 && status != 204 && status != 304 {
            let length = answer.field("content-length").expect("every response has a length");
            answer.body = vec![0; length.parse().unwrap()];
            self.reader.read_exact(&mut answer.body).await.unwrap();
        }
        answer
    }

    async fn read_chunks(&mut self, body: &mut Vec<u8>) {
        loop {
            let mut size = String::new();
            self.reader.read_line(&mut size).await.unwrap();
            let size = usize::from_str_radix(size.trim_end(), 16).expect("another chunk");
            let start = body.len();
            body.resize(start + size + 2, 0);
            self.reader.read_exact(&mut body[start..]).await.unwrap();
            body.truncate(start + size);
            if size == 0 {
                return;
            }
        }
    }

    /// All that still comes before the server closes the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let reading = self.reader.read_to_end(&mut rest);
        let _ = tokio::time::timeout(Duration::from_secs(30), reading).await.expect("it closes");
        rest
    }

    /// Whether the server closes the connection, without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let reading = tokio::time::timeout(Duration::from_secs(30), self.reader.read_u8());
        reading.await.expect("the server closes in time").is_err()
    }
}
