//! A connection's bytes: plain memory is written, mapped files are sent by `sendfile(2)`.
//!
//! hyper queues a response's body without copying it where the transport takes vectored writes
//! (`proto/h1/io.rs`, `WriteStrategy::Queue`), so what arrives here are the very slices of the
//! body. Those that lie in a file which was announced to [`Announced`] are sent from the file and
//! never touched as memory.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Sleep;

use crate::exchange::Exchange;
use crate::limits::{SENDFILE_BYTES, TURN_BYTES, WRITE_PAUSE};
use crate::mapping::Mapping;
use crate::metrics::Metrics;
use crate::repeater::{Repeater, Unsent};

/// The mapped files that a connection is about to send: filled by whoever answers a request, read
/// by the connection's [`Transport`].
///
/// A mapping stays announced until nothing refers to its bytes, so that no other memory can come
/// to lie at its address while it is.
#[derive(Default)]
pub(crate) struct Announced {
    mappings: Mutex<Vec<Arc<Mapping>>>,
    /// Spares connections that send no files the lock.
    is_any: AtomicBool,
}

impl Announced {
    /// Announces a mapping before its bytes are given to hyper.
    pub(crate) fn announce(&self, mapping: Arc<Mapping>) {
        let mut mappings = self.lock();
        drop_unused(&mut mappings);
        mappings.push(mapping);
        self.is_any.store(true, Ordering::Release);
    }

    fn locate(&self, bytes: &[u8]) -> Option<(Arc<Mapping>, u64)> {
        if !self.is_any.load(Ordering::Acquire) {
            return None;
        }
        let mappings = self.lock();
        let found = mappings.iter().find_map(|mapping| Some((mapping, mapping.locate(bytes)?)));
        found.map(|(mapping, offset_bytes)| (Arc::clone(mapping), offset_bytes))
    }

    /// Closes files whose bytes have been sent.
    fn release(&self) {
        if self.is_any.load(Ordering::Acquire) {
            let mut mappings = self.lock();
            drop_unused(&mut mappings);
            self.is_any.store(!mappings.is_empty(), Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Mapping>>> {
        self.mappings.lock().expect("nothing panics while it holds this lock")
    }
}

fn drop_unused(mappings: &mut Vec<Arc<Mapping>>) {
    mappings.retain(|mapping| Arc::strong_count(mapping) > 1);
}

/// A connected socket.
pub(crate) enum Socket {
    /// From the network.
    Tcp(TcpStream),
    /// From this machine.
    Unix(UnixStream),
}

/// One connection, as hyper reads and writes it.
pub(crate) struct Transport {
    socket: Socket,
    exchange: Arc<Exchange>,
    repeater: Option<Repeater>,
    metrics: Arc<Metrics>,
    /// File bytes sent since others had their turn.
    turn_bytes: usize,
    /// A file is being sent, and the kernel sends whole packets alone.
    is_corked: bool,
    /// How long the client may take nothing.
    pause_limit: Duration,
    /// Runs while it does.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Transport {
    /// Wraps a socket; `exchange` is shared with whoever answers this connection's requests.
    pub(crate) fn new(socket: Socket, exchange: Arc<Exchange>, metrics: Arc<Metrics>) -> Self {
        Self {
            socket,
            exchange,
            repeater: None,
            metrics,
            turn_bytes: 0,
            is_corked: false,
            pause_limit: WRITE_PAUSE,
            pause: None,
        }
    }

    /// Has requests answered that were answered before.
    pub(crate) fn repeat(&mut self, repeater: Repeater) {
        self.repeater = Some(repeater);
    }

    /// Sends what is left of an answer that is being repeated.
    fn poll_repeat(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(unsent) = self.repeater.as_ref().and_then(Repeater::unsent) {
            let written = match unsent {
                Unsent::Head(head) => self.socket.poll_send_more(context, &[IoSlice::new(head)]),
                Unsent::Memory(slices) => self.socket.poll_write_vectored(context, &slices),
                Unsent::File { file, offset_bytes, length_bytes } => {
                    self.socket.poll_send_file(context, file, offset_bytes as u64, length_bytes)
                }
            };
            let bytes = ready!(self.poll_paused(context, written))?;
            if bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let status = self.repeater.as_mut().and_then(|repeater| repeater.sent(bytes));
            if let Some(status) = status {
                self.exchange.wait();
                self.metrics.repeated(status);
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut file = None;
        let mut plain = 0;
        for slice in slices {
            file = self.exchange.announced.locate(slice);
            if file.is_some() {
                break;
            }
            plain += 1;
        }
        match file {
            None => self.socket.poll_write_vectored(context, slices),
            Some((mapping, offset_bytes)) if plain == 0 => {
                self.poll_send_file(context, &slices[0], &mapping, offset_bytes)
            }
            Some(_) => self.socket.poll_send_more(context, &slices[..plain]),
        }
    }

    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        slice: &[u8],
        mapping: &Mapping,
        offset_bytes: u64,
    ) -> Poll<io::Result<usize>> {
        let length = slice.len();
        self.cork(true);
        let sent = self.socket.poll_send_file(context, mapping.file(), offset_bytes, length);
        let sent = ready!(sent)?;
        if sent == 0 {
            // A stranger truncated the blob. The length is promised already, so all that is left
            // is to end the connection early, which every client takes for a failure.
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a blob's file ended early",
            )));
        }
        self.turn_bytes += sent;
        Poll::Ready(Ok(sent))
    }

    /// Has the kernel hold back what does not fill a packet, until told otherwise: where the
    /// pieces of a file are sent one after another, half of the packets would else be half empty.
    fn cork(&mut self, is_wanted: bool) {
        if self.is_corked != is_wanted {
            self.socket.set_cork(is_wanted);
            self.is_corked = is_wanted;
        }
    }

    /// Counts what went out, and ends the connection of a client that takes nothing for too long.
    fn poll_paused(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = written {
            self.pause = None;
            if let Ok(bytes) = &result {
                self.metrics.sent(*bytes);
            }
            return Poll::Ready(result);
        }
        self.turn_bytes = 0;
        let limit = self.pause_limit;
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(pause.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let transport = &mut *self;
        loop {
            ready!(transport.poll_repeat(context))?;
            let before = buffer.filled().len();
            ready!(transport.socket.poll_read(context, buffer))?;
            let arrived = &buffer.filled()[before..];
            let repeater = transport.repeater.as_mut().filter(|_| !arrived.is_empty());
            if !repeater.is_some_and(|repeater| repeater.takes(arrived)) {
                return Poll::Ready(Ok(()));
            }
            buffer.set_filled(before);
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.turn_bytes >= TURN_BYTES {
            self.turn_bytes = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let transport = &mut *self;
        if let Some(repeater) = &mut transport.repeater {
            repeater.sees(&transport.exchange, slices);
        }
        let written = transport.poll_send(context, slices);
        transport.poll_paused(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes once its queue is empty, when no body's bytes are alive any more.
        self.cork(false);
        self.exchange.announced.release();
        if let Some(answered) = self.exchange.flushed()
            && let Some(repeater) = &mut self.repeater
        {
            repeater.answered(answered);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper ends a connection that it takes for an idle one.
        ready!(self.poll_repeat(context))?;
        match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

impl Socket {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }

    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    /// Sets `TCP_CORK` (tcp(7)); a socket that has no such thing needs none.
    fn set_cork(&self, is_wanted: bool) {
        if let Self::Tcp(stream) = self {
            // Without it everything arrives all the same.
            let _ = rustix::net::sockopt::set_tcp_cork(stream, is_wanted);
        }
    }

    /// Sends memory that a file follows: held back by the kernel to share the file's first packet.
    fn poll_send_more(
        &self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        self.poll_write_with(context, |socket| {
            rustix::net::sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), flags)
        })
    }

    /// Sends bytes of a file; none only where it ends.
    fn poll_send_file(
        &self,
        context: &mut Context<'_>,
        file: &File,
        offset_bytes: u64,
        length_bytes: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(context, |socket| {
            let mut offset_bytes = offset_bytes;
            let length_bytes = length_bytes.min(SENDFILE_BYTES);
            rustix::fs::sendfile(socket, file, Some(&mut offset_bytes), length_bytes)
        })
    }

    /// Makes a system call that writes, when the socket can take something.
    fn poll_write_with(
        &self,
        context: &mut Context<'_>,
        mut write: impl FnMut(BorrowedFd<'_>) -> Result<usize, Errno>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let written = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_write_ready(context))?;
                    stream.try_io(Interest::WRITABLE, || Ok(write(stream.as_fd())?))
                }
                Self::Unix(stream) => {
                    ready!(stream.poll_write_ready(context))?;
                    stream.try_io(Interest::WRITABLE, || Ok(write(stream.as_fd())?))
                }
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

#[cfg(test)]
mod tests;
