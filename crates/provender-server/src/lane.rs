//! Threads that serve connections, one for each core.
//!
//! Each has a runtime and an event queue of its own, so that a request wakes the thread that will
//! answer it and no other. Beside one runtime of as many threads, where whichever thread polls has
//! to wake the others, a cached index is served a tenth more often in a second, by less work.
//!
//! What such a thread does for a request is short: parsing, a look into the cache, framing; of a
//! publication what is between two waits, as changing threads would take longer than most of it. The
//! registry lives on the runtime that the server was started on, its home, and whatever it begins
//! there goes on there, whichever thread asked; see [`at_home`].

use std::future::poll_fn;
use std::io;
use std::net::TcpStream;
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::limits::LANES;

/// The threads. Whoever is told to serve a connection says what that means.
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
}

struct Lane {
    arrivals: UnboundedSender<Arrival>,
    /// One clone for each connection, so that their number is known.
    connections: Arc<()>,
    thread: JoinHandle<()>,
}

/// A connection on its way to a lane.
struct Arrival {
    stream: TcpStream,
    serve: Box<dyn FnOnce(TcpStream) -> Serving + Send>,
    counted: Arc<()>,
}

/// A connection being served.
struct Serving(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>);

impl Lanes {
    /// Starts a thread for each core.
    pub(crate) fn start() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let lanes = (0..cores.min(LANES)).map(Lane::start).collect::<io::Result<_>>()?;
        Ok(Self { lanes })
    }

    /// Has a connection served by the thread that serves the fewest. The stream has to be
    /// non-blocking.
    pub(crate) fn serve<F>(
        &self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let load = |lane: &&Lane| Arc::strong_count(&lane.connections);
        let lane = self.lanes.iter().min_by_key(load).expect("there is at least one core");
        let counted = Arc::clone(&lane.connections);
        let serve = Box::new(|stream| Serving(Box::pin(serve(stream))));
        // A lane ends only when it is stopped, and then nothing arrives any more.
        let _ = lane.arrivals.send(Arrival { stream, serve, counted });
    }

    /// Drops what is still served and waits until the threads have ended.
    pub(crate) async fn stop(self) {
        for Lane { arrivals, thread, .. } in self.lanes {
            drop(arrivals);
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Lane {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (arrivals, waiting) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name(format!("serve-{number}"))
            .spawn(move || runtime.block_on(receive(waiting)))?;
        Ok(Self { arrivals, connections: Arc::default(), thread })
    }
}

async fn receive(mut waiting: UnboundedReceiver<Arrival>) {
    while let Some(Arrival { stream, serve, counted }) = waiting.recv().await {
        tokio::spawn(async move {
            serve(stream).0.await;
            drop(counted);
        });
    }
}

/// Polls a future where it is, but as if on its home runtime: tasks that it spawns run there, its
/// timers and sockets belong there, and none of it depends on the thread that happens to wait.
pub(crate) async fn at_home<T>(home: &Handle, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _home = home.enter();
        future.as_mut().poll(context)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::channel;

    use tokio::runtime::{Builder, Handle};

    use super::{Lanes, at_home};

    fn connected() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn connections_spread_evenly_and_end_with_their_lanes() {
        let lanes = Lanes::start().unwrap();
        let count = lanes.lanes.len();
        let (sender, threads) = channel();
        for _ in 0..2 * count {
            let sender = sender.clone();
            lanes.serve(connected(), move |_| async move {
                sender.send(std::thread::current().name().map(str::to_owned)).unwrap();
                std::future::pending::<()>().await;
            });
        }
        let mut names: Vec<_> = (0..2 * count).map(|_| threads.recv().unwrap()).collect();
        names.sort();
        let mut expected: Vec<_> =
            (0..2 * count).map(|number| Some(format!("serve-{}", number / 2))).collect();
        expected.sort();
        assert_eq!(names, expected);
        drop(sender);
        lanes.stop().await;
        assert!(threads.recv().is_err(), "nothing is served any more");
    }

    #[test]
    fn what_is_begun_elsewhere_runs_at_home() {
        let home =
            Builder::new_multi_thread().worker_threads(1).thread_name("home").build().unwrap();
        let elsewhere = Builder::new_current_thread().build().unwrap();
        let handle = home.handle().clone();
        let name = elsewhere.block_on(at_home(&handle, async {
            assert_eq!(Handle::current().id(), home.handle().id());
            tokio::spawn(async { std::thread::current().name().map(str::to_owned) }).await.unwrap()
        }));
        assert_eq!(name.as_deref(), Some("home"));
    }
}
