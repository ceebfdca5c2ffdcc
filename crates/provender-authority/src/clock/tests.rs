use std::sync::Mutex;

use super::*;

struct Scripted(Mutex<Vec<i64>>);

impl Clock for Scripted {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.lock().expect("not poisoned").remove(0)).expect("in range")
    }
}

/// What a steady clock tells while the clock behind it tells `seconds`; `None` where it refuses.
fn check(seconds: &[i64], expected: &[Option<i64>]) {
    let steady = SteadyClock::new(Arc::new(Scripted(Mutex::new(seconds.to_vec()))));
    let told: Vec<_> =
        seconds.iter().map(|_| steady.now().ok().map(Timestamp::as_second)).collect();
    assert_eq!(told, expected, "{seconds:?}");
}

#[test]
fn never_goes_back() {
    check(&[100, 101, 105], &[Some(100), Some(101), Some(105)]);
    check(&[100, 99, 95, 101], &[Some(100), Some(100), Some(100), Some(101)]);
    check(&[100, 94, 100, 101], &[Some(100), None, Some(100), Some(101)]);
    check(&[100, 100_000, 101, 100_001], &[Some(100), Some(100_000), None, Some(100_001)]);
    check(&[0, -5, -6], &[Some(0), Some(0), None]);
}

#[test]
fn what_was_told_counts_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("latest-time.json");
    let open = |seconds: &[i64]| {
        SteadyClock::open(Arc::new(Scripted(Mutex::new(seconds.to_vec()))), &path)
    };
    let told = |clock: &SteadyClock| clock.now().ok().map(Timestamp::as_second);
    open(&[]).expect("opens").keep(&path).expect("nothing to keep");
    assert!(!path.exists());
    let first = open(&[100]).expect("opens");
    assert_eq!(told(&first), Some(100));
    first.keep(&path).expect("kept");
    let second = open(&[94, 95, 99, 101]).expect("opens");
    assert_eq!(told(&second), None);
    assert_eq!(second.latest().as_second(), 100);
    assert_eq!(told(&second), Some(100));
    assert_eq!(told(&second), Some(101));
    std::fs::write(&path, "soon").expect("written");
    let error = open(&[]).err().expect("refused").to_string();
    assert!(error.contains("latest-time.json holds no moment"), "{error}");
}
