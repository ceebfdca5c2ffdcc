use std::net::IpAddr;
use std::time::Duration;

use provender_domain::Timestamp;

use super::{Attempts, COUNTS_LIMIT, FORGET_ONE, PER_ADDRESS, PER_NAME, PER_NAME_AND_ADDRESS};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microseconds(1_750_000_000_000_000 + seconds * 1_000_000)
}

fn address(number: u32) -> IpAddr {
    std::net::Ipv4Addr::from(0x0a00_0000 + number).into()
}

/// How many attempts in a row are taken at this moment.
fn taken(mut attempt: impl FnMut(u32) -> Result<(), Duration>) -> u32 {
    (0..10_000).take_while(|number| attempt(*number).is_ok()).count().try_into().unwrap()
}

#[test]
fn each_count_has_its_own_limit() {
    let now = at(0);
    let attempts = Attempts::default();
    assert_eq!(taken(|_| attempts.begin("ann", Some(address(1)), now)), PER_NAME_AND_ADDRESS);
    let attempts = Attempts::default();
    assert_eq!(taken(|n| attempts.begin(&format!("n{n}"), Some(address(1)), now)), PER_ADDRESS);
    let attempts = Attempts::default();
    assert_eq!(taken(|n| attempts.begin("ann", Some(address(n)), now)), PER_NAME);
    // Behind a proxy on this machine all have one address, which tells nothing.
    let attempts = Attempts::default();
    let proxy: IpAddr = std::net::Ipv4Addr::LOCALHOST.into();
    assert_eq!(taken(|_| attempts.begin("ann", Some(proxy), now)), PER_NAME);
    assert_eq!(attempts.begin("bob", Some(proxy), now), Ok(()));
    let attempts = Attempts::default();
    assert_eq!(taken(|n| attempts.begin("ann", Some(address(n)), now)), PER_NAME);
    // Others are not concerned.
    assert_eq!(attempts.begin("bob", Some(address(70_000)), now), Ok(()));
    // Nobody's names count together, however long they are.
    let attempts = Attempts::default();
    let long = |n: u32| format!("{n}{}", "x".repeat(100));
    assert_eq!(taken(|n| attempts.begin(&long(n), Some(address(n)), now)), PER_NAME);
}

#[test]
fn time_forgets_one_after_the_other() {
    let attempts = Attempts::default();
    let begin = |seconds| attempts.begin("ann", Some(address(1)), at(seconds));
    for _ in 0..PER_NAME_AND_ADDRESS {
        assert_eq!(begin(0), Ok(()));
    }
    assert_eq!(begin(0), Err(FORGET_ONE));
    assert_eq!(begin(29), Err(Duration::from_secs(1)));
    // What was refused was not counted.
    assert_eq!(begin(30), Ok(()));
    assert_eq!(begin(30), Err(FORGET_ONE));
    assert_eq!(taken(|_| begin(3600)), PER_NAME_AND_ADDRESS);
    // A clock that goes back opens nothing.
    assert!(begin(0).is_err());
}

#[test]
fn who_succeeds_begins_afresh() {
    let attempts = Attempts::default();
    let now = at(0);
    for _ in 0..1000 {
        attempts.begin("ann", Some(address(1)), now).unwrap();
        attempts.succeeded("ann", Some(address(1)), now);
    }
    assert_eq!(taken(|_| attempts.begin("ann", Some(address(1)), now)), PER_NAME_AND_ADDRESS);
}

#[test]
fn neighbours_of_one_network_count_together() {
    let check = |one: &str, other: &str, together: bool| {
        let attempts = Attempts::default();
        let client = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        taken(|_| attempts.begin("ann", client(one), at(0)));
        assert_eq!(attempts.begin("ann", client(other), at(0)).is_err(), together, "{one} {other}");
    };
    check("2001:db8::1", "2001:db8::ffff:1", true);
    check("2001:db8::1", "2001:db8:0:1::1", false);
    check("192.0.2.1", "::ffff:192.0.2.1", true);
    check("192.0.2.1", "192.0.2.2", false);
}

#[test]
fn strangers_neither_fill_memory_nor_free_whoever_is_held() {
    let attempts = Attempts::default();
    taken(|_| attempts.begin("ann", Some(address(1)), at(0)));
    for number in 0..3 * u32::try_from(COUNTS_LIMIT).unwrap() {
        let _ = attempts.begin(&format!("n{number}"), Some(address(number + 2)), at(0));
    }
    assert!(attempts.counts().failures.len() <= COUNTS_LIMIT);
    assert!(attempts.begin("ann", Some(address(1)), at(0)).is_err());
}

#[test]
fn it_is_told_once_a_minute() {
    let attempts = Attempts::default();
    assert!(!attempts.is_news("ann", Some(address(1)), at(0)));
    taken(|_| attempts.begin("ann", Some(address(1)), at(0)));
    assert!(attempts.is_news("ann", Some(address(1)), at(1)));
    assert!(!attempts.is_news("ann", Some(address(1)), at(2)));
    taken(|_| attempts.begin("ann", Some(address(1)), at(62)));
    assert!(attempts.is_news("ann", Some(address(1)), at(62)));
}
