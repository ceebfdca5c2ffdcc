use super::*;

const OPTIONS: BreakerOptions = BreakerOptions {
    failures_max: 3,
    pause_min: Duration::from_secs(2),
    pause_max: Duration::from_secs(10),
};

fn fail(breaker: &Arc<Breaker>) {
    breaker.enter().expect("a pass").fail(None);
}

fn opened() -> Arc<Breaker> {
    let breaker = Breaker::new(OPTIONS);
    (0..3).for_each(|_| fail(&breaker));
    breaker
}

/// Lets the pause pass and returns how long it was.
async fn sit_out(breaker: &Arc<Breaker>) -> Duration {
    let BreakerState::Open { retry_after } = breaker.state() else { panic!("it is not open") };
    tokio::time::advance(retry_after).await;
    retry_after
}

#[tokio::test(start_paused = true)]
async fn opens_after_failures_in_a_row() {
    let breaker = Breaker::new(OPTIONS);
    fail(&breaker);
    fail(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed { failures: 2 });
    breaker.enter().expect("a pass").succeed();
    assert_eq!(breaker.state(), BreakerState::Closed { failures: 0 });
    (0..3).for_each(|_| fail(&breaker));
    let wait = breaker.enter().expect_err("it is open");
    assert!(wait >= OPTIONS.pause_min / 2 && wait <= OPTIONS.pause_min, "{wait:?}");
    assert_eq!(breaker.openings_total(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_probe_decides() {
    let breaker = opened();
    sit_out(&breaker).await;
    assert_eq!(breaker.state(), BreakerState::Probing);
    let probe = breaker.enter().expect("the probe");
    breaker.enter().expect_err("only one probe at a time");
    probe.succeed();
    assert_eq!(breaker.state(), BreakerState::Closed { failures: 0 });
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_and_are_bounded() {
    let breaker = opened();
    let mut pauses = vec![sit_out(&breaker).await];
    for _ in 0..40 {
        fail(&breaker);
        pauses.push(sit_out(&breaker).await);
    }
    for (pause, expected_secs) in
        pauses.into_iter().zip([2, 4, 8].into_iter().chain([10].repeat(38)))
    {
        let expected = Duration::from_secs(expected_secs);
        assert!(pause >= expected / 2 && pause <= expected, "{pause:?}, not {expected:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_probe_leaves_room_for_another() {
    let breaker = opened();
    sit_out(&breaker).await;
    drop(breaker.enter().expect("the probe"));
    assert_eq!(breaker.state(), BreakerState::Probing);
    breaker.enter().expect("another probe").succeed();
    assert_eq!(breaker.state(), BreakerState::Closed { failures: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_begins_well_lets_others_in() {
    let breaker = opened();
    sit_out(&breaker).await;
    let mut probe = breaker.enter().expect("the probe");
    probe.begin();
    drop(breaker.enter().expect("others pass"));
    probe.fail(None);
    assert_eq!(breaker.state(), BreakerState::Closed { failures: 1 });
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_and_bounded() {
    let check = |asked, expected| {
        let breaker = Breaker::new(OPTIONS);
        breaker.enter().expect("a pass").fail(Some(Duration::from_secs(asked)));
        let retry_after = Duration::from_secs(expected);
        assert_eq!(breaker.state(), BreakerState::Open { retry_after });
    };
    check(7, 7);
    check(86_400, 10);
}

#[tokio::test(start_paused = true)]
async fn late_news_change_nothing() {
    let breaker = Breaker::new(OPTIONS);
    let (late_success, late_failure) =
        (breaker.enter().expect("one"), breaker.enter().expect("two"));
    (0..3).for_each(|_| fail(&breaker));
    let open = breaker.state();
    late_success.succeed();
    late_failure.fail(Some(Duration::from_secs(9)));
    assert_eq!((breaker.state(), breaker.openings_total()), (open, 1));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_breaks_off_counts_once() {
    let file = |number: usize| -> Url {
        format!("https://upstream.example/{number}").parse().expect("a URL")
    };
    let check = |broken: &[usize], expected| {
        let breaker = Breaker::new(OPTIONS);
        for number in broken {
            breaker.enter().expect("a pass").break_off(&file(*number));
        }
        let failures = match breaker.state() {
            BreakerState::Closed { failures } => Some(failures),
            _ => None,
        };
        assert_eq!(failures, expected, "{broken:?}");
    };
    check(&[1, 1, 1, 1, 1, 1], Some(1));
    check(&[1, 2, 1, 2, 1, 2], Some(2));
    check(&[1, 1, 2, 2, 3], None);

    let breaker = Breaker::new(OPTIONS);
    for _ in 0..10 {
        breaker.enter().expect("a pass").break_off(&file(1));
        breaker.enter().expect("a pass").break_off(&file(2));
        breaker.enter().expect("a pass").succeed();
    }
    breaker.enter().expect("a pass").break_off(&file(1));
    breaker.enter().expect("a pass").break_off(&file(2));
    assert_eq!(breaker.state(), BreakerState::Closed { failures: 2 });
    fail(&breaker);
    assert!(matches!(breaker.state(), BreakerState::Open { .. }), "with other failures it adds up");
}
