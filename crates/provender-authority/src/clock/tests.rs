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
