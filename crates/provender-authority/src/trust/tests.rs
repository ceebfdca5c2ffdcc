use provender_tlog::note::NoteVerifier;
use url::Url;

use super::*;

fn origin(url: &str) -> Result<PublicOrigin, PublicOriginError> {
    PublicOrigin::try_from(&Url::parse(url).expect("a URL"))
}

#[test]
fn origins() {
    fn check(url: &str, expected: Result<(&str, &str), PublicOriginError>) {
        let found = origin(url);
        let found = found.as_ref().map(|origin| (origin.as_str(), origin.hostname()));
        assert_eq!(found, expected.as_ref().copied(), "{url}");
    }
    check("https://packages.example", Ok(("https://packages.example", "packages.example")));
    check("https://Packages.Example:443/", Ok(("https://packages.example", "packages.example")));
    check("http://localhost:8080", Ok(("http://localhost:8080", "localhost")));
    check("http://127.0.0.1:80", Ok(("http://127.0.0.1", "127.0.0.1")));
    check("http://[::1]:8080", Ok(("http://[::1]:8080", "::1")));
    check("https://packages.example/sub", Err(PublicOriginError::Extra));
    check("https://packages.example/?a", Err(PublicOriginError::Extra));
    check("https://ada:secret@packages.example", Err(PublicOriginError::Extra));
    check("ftp://packages.example", Err(PublicOriginError::Scheme));
    check("data:text/plain,x", Err(PublicOriginError::Scheme));
}

const DAY_S: i64 = 24 * 3600;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + day * DAY_S).expect("in range")
}

fn term(name: &str, port: u16, since: Timestamp) -> LogTerm {
    let verifier = NoteVerifier::new(name, [7; 32]).expect("a name");
    LogTerm::new(&verifier, b"key", format!("http://{name}:{port}/-/log"), since)
}

#[test]
fn logs_over_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("logs.json");
    // What is told after each start: name, port, the days of its beginning and end.
    let start = |day, name, port, expected: &[(&str, u16, i64, Option<i64>)]| {
        let told = record(&path, term(name, port, at(day)), at(day)).expect("recorded");
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, port, since, until)| LogTerm {
                until: until.map(at),
                ..term(name, *port, at(*since))
            })
            .collect();
        assert_eq!(told, expected, "on day {day}");
    };
    start(1, "localhost", 8080, &[("localhost", 8080, 1, None)]);
    start(2, "localhost", 8080, &[("localhost", 8080, 1, None)]);
    start(3, "localhost", 9090, &[("localhost", 9090, 1, None)]);
    let both = [("localhost", 9090, 1, Some(4)), ("packages.example", 443, 4, None)];
    start(4, "packages.example", 443, &both);
    start(5, "packages.example", 443, &both);
    let back = [("localhost", 8080, 1, None), ("packages.example", 443, 4, Some(6))];
    start(6, "localhost", 8080, &back);
    // A clock that was put back makes no term that ends before it begins.
    let third = [
        ("localhost", 8080, 1, Some(1)),
        ("packages.example", 443, 4, Some(6)),
        ("third.example", 443, 0, None),
    ];
    start(0, "third.example", 443, &third);
}

#[test]
fn a_damaged_list_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("logs.json");
    std::fs::write(&path, "[").expect("written");
    let error = record(&path, term("localhost", 80, at(1)), at(1)).expect_err("refused");
    assert!(matches!(error, TermsError::Malformed { .. }), "{error}");
    assert_eq!(std::fs::read(&path).expect("there"), b"[");
}
