use super::{Claims, ClaimsError, Date};

fn claims(json: &str) -> Claims {
    Claims::from_json(json.as_bytes()).unwrap()
}

#[test]
fn nothing_is_said_twice() {
    let check = |json: &str, expected: &str| {
        let found = match Claims::from_json(json.as_bytes()) {
            Ok(_) => "read",
            Err(ClaimsError::Duplicate(_)) => "twice",
            Err(ClaimsError::Json(_)) => "no object",
        };
        assert_eq!(found, expected, "{json}");
    };
    check(r#"{"a":1,"b":[{"a":1},{"a":2}]}"#, "read");
    check(r#"{"a":1,"a":1}"#, "twice");
    check(r#"{"a":1,"\u0061":2}"#, "twice");
    check(r#"{"x":{"a":1,"b":null,"a":2}}"#, "twice");
    check(r#"{"x":[[{"a":1,"a":2}]]}"#, "twice");
    check(r#"["a"]"#, "no object");
    check(r#""member given twice""#, "no object");
    check(r#"{"a":1} x"#, "no object");
    check("", "no object");
    check(&"[".repeat(100_000), "no object");
}

#[test]
fn a_member_is_found_by_name_or_by_path() {
    let claims = claims(
        r#"{"sub":"x","n":7,"t":true,"kubernetes.io":{"namespace":"prod","pod":{"name":"p"}},
            "ci.example/job":"42","list":["a",2,{}],"nothing":null}"#,
    );
    let check = |path: &str, expected: Option<&str>| {
        assert_eq!(claims.text(path).as_deref(), expected, "{path}");
    };
    check("sub", Some("x"));
    check("n", Some("7"));
    check("t", Some("true"));
    check("kubernetes.io/namespace", Some("prod"));
    check("kubernetes.io/pod/name", Some("p"));
    check("ci.example/job", Some("42"));
    check("kubernetes.io", None);
    check("kubernetes.io/none", None);
    check("list", None);
    check("nothing", None);
    check("sub/x", None);
    check("", None);
    assert_eq!(claims.texts("list"), ["a", "2"]);
    assert_eq!(claims.texts("sub"), ["x"]);
    assert!(claims.texts("none").is_empty());
}

#[test]
fn dates_are_whole_seconds_within_reason() {
    let claims = claims(
        r#"{"a":1700000000,"b":1700000000.9,"c":-1,"d":1e300,"e":"1700000000","f":253402300800}"#,
    );
    let check = |name: &str, expected| assert_eq!(claims.date(name), expected, "{name}");
    check("a", Date::Seconds(1_700_000_000));
    check("b", Date::Seconds(1_700_000_000));
    check("c", Date::Nonsense);
    check("d", Date::Nonsense);
    check("e", Date::Nonsense);
    check("f", Date::Nonsense);
    check("none", Date::Absent);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let read = Claims::from_json(&bytes).is_ok();
        // Whatever we read, a plain reader reads too.
        proptest::prop_assert!(!read || serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
    }

    #[test]
    fn what_is_written_is_read(names in proptest::collection::btree_map("[a-z\"\\\\]{1,8}", "\\PC{0,20}", 0..8)) {
        let json = serde_json::to_vec(&names).unwrap();
        let claims = Claims::from_json(&json).unwrap();
        for (name, text) in &names {
            proptest::prop_assert_eq!(claims.text(name), Some(text.clone()));
        }
    }
}
