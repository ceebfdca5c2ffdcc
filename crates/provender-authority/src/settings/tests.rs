use super::*;

#[test]
fn what_is_left_out_has_its_default() {
    let check = |text: &str| {
        assert_eq!(serde_json::from_str::<Settings>(text).expect("read"), Settings::default());
    };
    check("{}");
    check(r#"{"certificates": {}, "log": {"origin": null}}"#);
    check(
        r#"{"certificates": {"lifetime_minutes": 10, "key": "ecdsa-p256", "organization": "Provender"},
            "timestamps": {"accuracy_seconds": 1, "policy": "1.3.6.1.4.1.57264.2"},
            "trust": {"root_days": 730, "targets_days": 180, "snapshot_days": 30,
                      "timestamp_days": 7, "renew_after_percent": 50},
            "identity": {"audience": "sigstore", "token_minutes": 5},
            "log": {"checkpoint_interval_ms": 100}}"#,
    );
    let nowhere = tempfile::tempdir().expect("a folder");
    assert_eq!(Settings::read(nowhere.path()).expect("defaults"), Settings::default());
}

/// The least and the most of every number, and what is just outside.
#[test]
fn bounds() {
    fn check(section: &str, key: &str, least: u64, most: u64) {
        let read = |number: u64| {
            let text = format!("{{\"{section}\":\n{{\"{key}\": {number}}}}}");
            serde_json::from_str::<Settings>(&text).map_err(|error| error.to_string())
        };
        assert!(read(least).is_ok() && read(most).is_ok(), "{key}");
        for outside in [least - 1, most + 1, u64::MAX] {
            let error = read(outside).expect_err(key);
            let expected = format!("{outside} is not between {least} and {most} at line 2");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
    check("certificates", "lifetime_minutes", 1, 1440);
    check("timestamps", "accuracy_seconds", 1, 60);
    check("trust", "root_days", 30, 3650);
    check("trust", "targets_days", 2, 730);
    check("trust", "snapshot_days", 1, 365);
    check("trust", "timestamp_days", 1, 90);
    check("trust", "renew_after_percent", 10, 75);
    check("identity", "token_minutes", 1, 60);
    check("log", "checkpoint_interval_ms", 10, 1000);
}

#[test]
fn mistakes_are_told_with_their_line() {
    fn check(text: &str, expected: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(SETTINGS_FILE), text).expect("written");
        let error = Settings::read(folder.path()).expect_err(text);
        assert!(matches!(error, SettingsError::Malformed { .. }), "{error}");
        let source = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(source.contains(expected), "{source}");
    }
    check("{\n\"certificate\": {}}", "unknown field `certificate`");
    check("{\n\"certificate\": {}}", "at line 2");
    check("{\"certificates\":\n{\"life_minutes\": 5}}", "unknown field `life_minutes`");
    check(
        "{\"certificates\":\n{\"key\": \"rsa\"}}",
        "unknown variant `rsa`, expected `ecdsa-p256`",
    );
    check("{\"certificates\": {\"organization\": \"\"}}", "an organisation has a name of 1 to 64");
    check("{\"timestamps\": {\"policy\": \"mine\"}}", "a policy is an object identifier");
    check("{\"identity\":\n\n{\"audience\": \"a b\"}}", "an audience has 1 to 255");
    check("{\"log\": {\"origin\": \"https://log.example/x\"}}", "no path");
    check("{\"log\": {\"origin\": \"log\"}}", "relative URL");
    check("{\"certificates\": {\"lifetime_minutes\": 1.5}}", "line 1");
    check("{\"certificates\": {\"lifetime_minutes\": -1}}", "line 1");
    check("", "EOF");
}
