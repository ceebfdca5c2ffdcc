use super::{Password, checked_email, checked_name};

#[test]
fn names() {
    let check = |name: &str, expected: bool| {
        assert_eq!(checked_name(name).is_ok(), expected, "{name:?}");
    };
    check("ann", true);
    check("ann.b-c_1", true);
    check("0", true);
    check(&"a".repeat(64), true);
    check(&"a".repeat(65), false);
    for name in
        ["", ".", "-ann", "_ann", "Ann", "ann b", "ann/b", "ann@b", "\u{e4}nn", "ann\0", "a\n"]
    {
        check(name, false);
    }
}

#[test]
fn addresses() {
    let check = |email: &str, expected: bool| {
        assert_eq!(checked_email(email).is_ok(), expected, "{email:?}");
    };
    check("ann@people.example", true);
    check("ann+ci.x@people.example", true);
    check("ann@localhost", true);
    check(&format!("{}@people.example", "a".repeat(239)), true);
    check(&format!("{}@people.example", "a".repeat(240)), false);
    let hostile = [
        "",
        "@",
        "ann",
        "ann@",
        "@people.example",
        "a@b@c",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a@.b",
        "a@b.",
        "\"a b\"@c",
        "a b@c",
        "<a@b>",
        "a@b,c@d",
        "a@b\n",
        "a\0@b",
        "\u{e4}@b",
        "a@\u{e4}",
        "a@[::1]",
        "a(b)@c",
    ];
    for email in hostile {
        check(email, false);
    }
}

#[test]
fn a_password_shows_nowhere() {
    assert_eq!(format!("{:?}", Password::new("5ec4e7")), "***");
}
