//! Running the program.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use provender_testing::python::WheelBuilder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// What it printed, if it succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.stdout
    }

    /// What it printed as JSON, if it succeeded.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// What it complained about, if it ended with this status.
    #[track_caller]
    pub(crate) fn failed(self, status: i32) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        self.stderr
    }
}

/// The program, which knows nothing of whoever runs the tests.
pub(crate) fn provender() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_provender"));
    for name in ["PROVENDER_DATA", "PROVENDER_TOKEN", "PROVENDER_LOG"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    finish(provender().args(arguments))
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A data directory, and the server that runs on it, if one does.
pub(crate) struct House {
    folder: TempDir,
    server: Option<Running>,
}

struct Running {
    process: Child,
    url: String,
    first_token: Option<String>,
    /// What it tells once it is known how to use it.
    facts: Receiver<Value>,
}

/// How long a test waits for a fact.
const PATIENCE: Duration = Duration::from_secs(20);

impl House {
    /// Starts a server on a new data directory.
    pub(crate) fn start(more: &[&str]) -> Self {
        let mut house = Self::empty();
        house.serve(more);
        house
    }

    /// No server has run here yet.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), server: None }
    }

    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Starts a server, which must not run yet and asks no clients.
    pub(crate) fn serve(&mut self, more: &[&str]) {
        self.serve_by(provender(), &[&["--no-discover"], more].concat());
    }

    /// Starts a server, which must not run yet, that can print nothing: what it prints goes to a full
    /// disk.
    pub(crate) fn serve_unheard(&mut self) {
        assert!(self.server.is_none());
        let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
        let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = place.local_addr().unwrap().to_string();
        drop(place);
        let process = provender()
            .args(["serve", "--no-discover", "--listen", &address, "--data"])
            .arg(self.data())
            .env("PROVENDER_LOG", "debug")
            .stdout(full())
            .stderr(full())
            .spawn()
            .unwrap();
        let until = std::time::Instant::now() + PATIENCE;
        while TcpStream::connect(&address).is_err() {
            assert!(std::time::Instant::now() < until, "it does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        let (_, facts) = std::sync::mpsc::channel();
        let url = format!("http://{address}");
        self.server = Some(Running { process, url, first_token: None, facts });
    }

    /// Starts a server, which must not run yet, with this environment.
    pub(crate) fn serve_by(&mut self, mut provender: Command, more: &[&str]) {
        assert!(self.server.is_none());
        let mut process = provender
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data"])
            .arg(self.data())
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (tell, facts) = std::sync::mpsc::channel();
        let mut running = Running { process, url: String::new(), first_token: None, facts };
        // The first client is told of when everything before it is.
        loop {
            let line = lines.next().expect("the server tells how to use it").unwrap();
            let fact: Value = serde_json::from_str(&line).unwrap();
            match fact["fact"].as_str().unwrap() {
                "listening" => fact["url"].as_str().unwrap().clone_into(&mut running.url),
                "administrator-token" => {
                    running.first_token = Some(fact["secret"].as_str().unwrap().to_owned());
                }
                _ => break,
            }
        }
        // Read on, so that the server is never kept from writing.
        std::thread::spawn(move || {
            for line in lines {
                let fact = line.ok().and_then(|line| serde_json::from_str(&line).ok());
                // Nobody may be listening any more.
                let _ = fact.map(|fact: Value| tell.send(fact));
            }
        });
        self.server = Some(running);
    }

    /// Ends the server as an operator would, and returns its status.
    pub(crate) fn stop(&mut self) -> i32 {
        let mut running = self.server.take().expect("a server runs");
        let id = running.process.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        running.process.wait().unwrap().code().unwrap_or(-1)
    }

    /// The next fact of this kind that the server tells.
    pub(crate) fn next_fact(&self, kind: &str) -> Value {
        let facts = &self.server.as_ref().expect("a server runs").facts;
        loop {
            let fact = facts.recv_timeout(PATIENCE).expect("the server tells this in time");
            if fact["fact"] == kind {
                return fact;
            }
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.as_ref().expect("a server runs").url
    }

    pub(crate) fn first_token(&self) -> Option<&str> {
        self.server.as_ref().expect("a server runs").first_token.as_deref()
    }

    /// Runs a command on this data directory.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        finish(provender().args(arguments).arg("--data").arg(self.data()))
    }

    /// Runs a command on this server over the network, with this token.
    pub(crate) fn run_remotely(&self, token: &str, arguments: &[&str]) -> Ran {
        let mut command = provender();
        command.args(arguments).args(["--server", self.url()]).env("PROVENDER_TOKEN", token);
        finish(&mut command)
    }

    /// Publishes a small wheel by Python's upload API; returns the response's status.
    pub(crate) fn publish(&self, token: &str, name: &str, version: &str) -> u16 {
        let upload = Upload::new(token, name, version);
        self.exchange(&upload.head, &upload.body).0
    }

    /// Ends the server at once, as if its machine had lost power; but for what the kernel still has.
    pub(crate) fn kill(&mut self) {
        let mut running = self.server.take().expect("a server runs");
        running.process.kill().unwrap();
        running.process.wait().unwrap();
    }

    /// GETs a page, with a token or without.
    pub(crate) fn visit(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let authorization =
            token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let head = format!("GET {path} HTTP/1.1\r\nAccept: text/html\r\n{authorization}");
        let (status, body) = self.exchange(&head, b"");
        (status, body)
    }

    /// Sends a request whose head lacks only what is the same for all; returns status and body.
    pub(crate) fn exchange(&self, head: &str, body: &[u8]) -> (u16, String) {
        let (head, body) = self.send(head, body);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body)
    }

    /// The head, in lower case but for its first line, and the body of the answer to such a request.
    pub(crate) fn whole_answer(&self, head: &str) -> (String, String) {
        let (head, body) = self.send(head, b"");
        let (first, fields) = head.split_once("\r\n").unwrap();
        (format!("{first}\r\n{}", fields.to_ascii_lowercase()), body)
    }

    fn send(&self, head: &str, body: &[u8]) -> (String, String) {
        let address = self.url().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("{head}Host: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut running) = self.server.take() {
            let _ = running.process.kill();
            let _ = running.process.wait();
        }
    }
}

/// A small wheel on its way to Python's upload API.
pub(crate) struct Upload {
    /// But for what every request has.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) sha256: String,
}

impl Upload {
    pub(crate) fn new(token: &str, name: &str, version: &str) -> Self {
        let wheel = WheelBuilder::new(name, version).build();
        let sha256 = format!("{:x}", Sha256::digest(&wheel.bytes));
        let mut body = Vec::new();
        for (field, value) in [
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.1"),
            ("name", name),
            ("version", version),
            ("filetype", "bdist_wheel"),
            ("pyversion", "py3"),
            ("sha256_digest", &sha256),
        ] {
            write!(
                body,
                "--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
            )
            .unwrap();
        }
        write!(
            body,
            "--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{}\"\r\n\r\n",
            wheel.file_name
        )
        .unwrap();
        body.extend_from_slice(&wheel.bytes);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let head = format!(
            "POST /main/pypi/legacy/ HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n",
            body.len()
        );
        Self { head, body, sha256 }
    }
}

/// Whether only its owner may look into it.
pub(crate) fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode().trailing_zeros() >= 6
}
