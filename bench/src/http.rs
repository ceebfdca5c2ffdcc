//! The client that every subject is measured with: HTTP/1.1, one connection, no more than that.
//! It reads with a large buffer and keeps nothing, so that it costs little beside the server.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a server may be silent.
const SILENCE_LIMIT: Duration = Duration::from_mins(1);
/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// The most that the head of an answer may take, in bytes.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// What is asked for where it is not said: one peer refuses who asks for nothing.
const ACCEPT: &str = "Accept: text/html, */*;q=0.5\r\n";

/// An open connection, for one request after another.
pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
    /// The part of the buffer that was read and not yet used.
    unread: std::ops::Range<usize>,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Where the body was asked for; empty otherwise.
    pub(crate) body: Vec<u8>,
    /// How long the body was.
    pub(crate) body_bytes: u64,
    /// Where the answer sends its reader.
    pub(crate) location: Option<String>,
    length: Length,
    closes: bool,
}

/// How an answer's body ends.
#[derive(Clone, Copy, Debug)]
enum Length {
    Known(u64),
    Chunked,
    UntilClosed,
}

impl Connection {
    /// Connects to `ADDRESS:PORT`.
    ///
    /// # Errors
    /// Where nobody listens.
    pub(crate) fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_LIMIT))?;
        stream.set_write_timeout(Some(SILENCE_LIMIT))?;
        let buffer = vec![0; BUFFER_BYTES];
        Ok(Self { stream, host: address.to_owned(), buffer, unread: 0..0 })
    }

    /// Asks for `path` and throws the body away. Follows no redirect.
    ///
    /// # Errors
    /// Where the connection fails or the answer is no HTTP.
    pub(crate) fn discard(&mut self, path: &str) -> io::Result<Answer> {
        self.request("GET", path, ACCEPT, &[])?;
        self.answer(false)
    }

    /// Asks for `path` and keeps the body.
    ///
    /// # Errors
    /// As [`Self::discard`].
    pub(crate) fn fetch(&mut self, path: &str, headers: &str) -> io::Result<Answer> {
        self.request("GET", path, headers, &[])?;
        self.answer(true)
    }

    /// Sends a body and keeps the answer's. `headers` are whole lines.
    ///
    /// # Errors
    /// As [`Self::discard`].
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> io::Result<Answer> {
        self.send_parts(method, path, headers, &[body])
    }

    /// Sends a body that stands in several places, one after the other.
    ///
    /// # Errors
    /// As [`Self::discard`].
    pub(crate) fn send_parts(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        parts: &[&[u8]],
    ) -> io::Result<Answer> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let headers = format!("{headers}Content-Length: {length}\r\n");
        if length > BUFFER_BYTES {
            self.request(method, path, &headers, &[])?;
            parts.iter().try_for_each(|part| self.stream.write_all(part))?;
        } else {
            self.request(method, path, &headers, &parts.concat())?;
        }
        self.answer(true)
    }

    /// How long it takes until an answer's head is there; its body is read, and thrown away.
    ///
    /// # Errors
    /// As [`Self::discard`].
    pub(crate) fn until_head(
        &mut self,
        path: &str,
        headers: &str,
    ) -> io::Result<(Duration, Answer)> {
        let start = Instant::now();
        self.request("GET", path, headers, &[])?;
        self.fill()?;
        let elapsed = start.elapsed();
        Ok((elapsed, self.answer(false)?))
    }

    fn request(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let host = &self.host;
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").into_bytes();
        // One packet where it fits, so that no peer waits for the second half.
        request.extend_from_slice(body);
        self.stream.write_all(&request)
    }

    fn answer(&mut self, keep: bool) -> io::Result<Answer> {
        let head = self.head()?;
        let mut answer = parse_head(&head)?;
        match answer.length {
            Length::Known(length) => self.body(&mut answer, length, keep)?,
            Length::Chunked => self.chunks(&mut answer, keep)?,
            Length::UntilClosed => self.rest(&mut answer, keep),
        }
        if answer.closes {
            *self = Self::open(&self.host)?;
        }
        Ok(answer)
    }

    /// Everything up to the empty line.
    fn head(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte()?);
            if head.len() > HEAD_MAX_BYTES {
                return Err(io::Error::other("the answer's head does not end"));
            }
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    fn body(&mut self, answer: &mut Answer, length: u64, keep: bool) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            self.fill()?;
            let available = self.unread.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.take(answer, available, keep);
            left -= available as u64;
        }
        Ok(())
    }

    fn chunks(&mut self, answer: &mut Answer, keep: bool) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(());
            }
            self.body(answer, size, keep)?;
            self.line()?;
        }
    }

    fn rest(&mut self, answer: &mut Answer, keep: bool) {
        answer.closes = true;
        while self.fill().is_ok() {
            self.take(answer, self.unread.len(), keep);
        }
    }

    fn take(&mut self, answer: &mut Answer, count: usize, keep: bool) {
        let end = self.unread.start + count;
        if keep {
            answer.body.extend_from_slice(&self.buffer[self.unread.start..end]);
        }
        answer.body_bytes += count as u64;
        self.unread.start = end;
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(String::from_utf8_lossy(&line).trim_end().to_owned()),
                byte => line.push(byte),
            }
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.fill()?;
        let byte = self.buffer[self.unread.start];
        self.unread.start += 1;
        Ok(byte)
    }

    /// Makes sure that there is something to use.
    fn fill(&mut self) -> io::Result<()> {
        if self.unread.is_empty() {
            let read = self.stream.read(&mut self.buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.unread = 0..read;
        }
        Ok(())
    }
}

fn parse_head(head: &str) -> io::Result<Answer> {
    let bad = || io::Error::other(format!("no HTTP answer: {}", head.lines().next().unwrap_or("")));
    let status: u16 =
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(bad)?;
    let value = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
        })
    };
    let header = |wanted: &str| value(wanted).map(|value| value.to_ascii_lowercase());
    let length = match header("content-length") {
        _ if status == 204 || status == 304 => Length::Known(0),
        Some(length) => Length::Known(length.parse().map_err(io::Error::other)?),
        None if header("transfer-encoding").is_some_and(|t| t.contains("chunked")) => {
            Length::Chunked
        }
        None => Length::UntilClosed,
    };
    let closes = header("connection").is_some_and(|value| value == "close");
    let location = value("location");
    Ok(Answer { status, body: Vec::new(), body_bytes: 0, location, length, closes })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::Connection;

    /// What the client makes of raw answers, asked for one after another.
    fn asked(answers: &'static [&'static str]) -> Vec<(u16, String)> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                let mut request = [0; 4096];
                assert!(stream.read(&mut request).unwrap() > 0);
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut connection = Connection::open(&address).unwrap();
        let got = answers.iter().map(|_| {
            let answer = connection.fetch("/", "").unwrap();
            assert_eq!(answer.body.len() as u64, answer.body_bytes);
            (answer.status, String::from_utf8(answer.body).unwrap())
        });
        let got = got.collect();
        server.join().unwrap();
        got
    }

    #[test]
    fn bodies_are_read_to_their_end() {
        let got = asked(&[
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ]);
        let expected = [(200, "hello"), (404, "abcde"), (304, ""), (200, "")];
        assert_eq!(got, expected.map(|(status, body)| (status, body.to_owned())));
    }
}
