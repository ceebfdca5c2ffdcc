use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::*;

struct Fixture {
    flights: SingleFlight<&'static str, usize, String>,
    started: Arc<AtomicUsize>,
    go: Arc<Notify>,
}

impl Fixture {
    fn new() -> Self {
        let flights = SingleFlight::with_grace(Duration::from_secs(30));
        Self { flights, started: Arc::default(), go: Arc::default() }
    }

    /// Waits for work that starts, waits for `go`, and gives how many starts there were.
    async fn counted(&self) -> Result<usize, FlightError<String>> {
        let (started, go) = (Arc::clone(&self.started), Arc::clone(&self.go));
        self.flights
            .run("key", move || async move {
                let count = started.fetch_add(1, Ordering::SeqCst) + 1;
                go.notified().await;
                Ok(count)
            })
            .await
    }

    fn spawn(self: &Arc<Self>) -> tokio::task::JoinHandle<Result<usize, FlightError<String>>> {
        let fixture = Arc::clone(self);
        tokio::spawn(async move { fixture.counted().await })
    }
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn many_callers_share_one_execution() {
    let fixture = Arc::new(Fixture::new());
    let callers: Vec<_> = (0..100).map(|_| fixture.spawn()).collect();
    settle().await;
    assert_eq!(fixture.flights.under_way(), 1);
    fixture.go.notify_one();
    for caller in callers {
        assert_eq!(caller.await.expect("no panic").expect("a value"), 1);
    }
    assert_eq!(fixture.flights.under_way(), 0);
    fixture.go.notify_one();
    assert_eq!(fixture.counted().await.expect("nothing is cached"), 2);
}

#[tokio::test(start_paused = true)]
async fn other_keys_fly_on_their_own() {
    let flights = SingleFlight::<usize, usize, String>::new();
    let mut tasks = JoinSet::new();
    for key in 0..10 {
        let flights = flights.clone();
        tasks.spawn(async move { (key, flights.run(key, move || async move { Ok(key) }).await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (key, value) = done.expect("no panic");
        assert_eq!(value.expect("a value"), key);
    }
}

#[tokio::test(start_paused = true)]
async fn survives_its_first_caller() {
    let fixture = Arc::new(Fixture::new());
    let first = fixture.spawn();
    settle().await;
    let second = fixture.spawn();
    settle().await;
    first.abort();
    settle().await;
    fixture.go.notify_one();
    assert_eq!(second.await.expect("no panic").expect("a value"), 1);
}

#[tokio::test(start_paused = true)]
async fn goes_on_for_a_while_without_callers() {
    let fixture = Arc::new(Fixture::new());
    let first = fixture.spawn();
    settle().await;
    first.abort();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let back = fixture.spawn();
    tokio::time::sleep(Duration::from_mins(1)).await;
    fixture.go.notify_one();
    assert_eq!(back.await.expect("no panic").expect("the first execution's value"), 1);
}

#[tokio::test(start_paused = true)]
async fn ends_when_nobody_comes_back() {
    let fixture = Arc::new(Fixture::new());
    let first = fixture.spawn();
    settle().await;
    first.abort();
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(fixture.flights.under_way(), 0);
    assert_eq!(Arc::strong_count(&fixture.go), 1, "the work itself is gone");
}

#[tokio::test(start_paused = true)]
async fn errors_are_shared_and_not_cached() {
    let flights = SingleFlight::<&str, usize, String>::new();
    let failing = || {
        flights.run("key", || async {
            settle().await;
            Err("broken".to_owned())
        })
    };
    let (one, two) = tokio::join!(failing(), failing());
    let (Err(FlightError::Failed(one)), Err(FlightError::Failed(two))) = (one, two) else {
        panic!("both fail");
    };
    assert!(Arc::ptr_eq(&one, &two) && *one == "broken");
    assert_eq!(flights.run("key", || async { Ok(1) }).await.expect("a value"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_leaves_nobody_waiting() {
    let flights = SingleFlight::<&str, usize, String>::new();
    let panicking = || {
        flights.run("key", || async {
            settle().await;
            panic!("on purpose")
        })
    };
    let (one, two) = tokio::join!(panicking(), panicking());
    assert!(matches!((one, two), (Err(FlightError::Lost), Err(FlightError::Lost))));
    assert_eq!(flights.under_way(), 0);
    assert_eq!(flights.run("key", || async { Ok(1) }).await.expect("a value"), 1);
}
