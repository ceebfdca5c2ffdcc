use super::{normalize, pattern};

#[test]
fn names() {
    let check = |raw: &str, is_name: bool| {
        assert_eq!(normalize(raw).is_ok(), is_name, "{raw:?}");
    };
    check("app", true);
    check("0", true);
    check("team/app", true);
    check("a.b/c_d/e__f/g-h/i---j", true);
    check("blobs/uploads/manifests/tags/list", true);
    check(&"a".repeat(255), true);
    check(&"a".repeat(256), false);
    check("", false);
    check("App", false);
    check("/app", false);
    check("app/", false);
    check("a//b", false);
    check("a/../b", false);
    check(".a", false);
    check("a.", false);
    check("a..b", false);
    check("a___b", false);
    check("a._b", false);
    check("a-_b", false);
    check("a b", false);
    check("a:b", false);
    check("a@b", false);
    check("a%2fb", false);
    check("\u{e4}", false);
    check("\u{ff41}", false);
    check("a\n", false);
}

#[test]
fn patterns() {
    let check = |raw: &str, name: &str, matches: Option<bool>| {
        let pattern = pattern(raw).ok();
        let name = normalize(name).unwrap();
        assert_eq!(pattern.map(|pattern| pattern.matches(&name)), matches, "{raw:?} on {name}");
    };
    check("*", "app", Some(true));
    check("app", "app", Some(true));
    check("app", "app2", Some(false));
    check("team/*", "team/app", Some(true));
    check("team/*", "team2/app", Some(false));
    check("team/a-*", "team/a-b", Some(true));
    check("te*", "team/app", Some(true));
    check("**", "app", None);
    check("a*b", "app", None);
    check("/*", "app", None);
    check("a//*", "app", None);
    check("A*", "app", None);
}
