use super::{Tree, check, judge};

#[test]
fn empty_words_are_found() {
    let check = |line: &str, expected: Option<&str>| {
        let found = judge(line);
        match expected {
            None => assert_eq!(found, None, "{line}"),
            Some(part) => {
                assert!(found.as_ref().is_some_and(|f| f.contains(part)), "{line}: {found:?}");
            }
        }
    };
    check("pub struct TokenManager {", Some("`manager` in `TokenManager`"));
    check("mod test_helpers;", Some("`helpers`"));
    check("pub(crate) mod utils {", Some("`utils`"));
    check("    trait ServiceLayer {}", Some("`servicelayer`"));
    check("struct Managed;", None);
    check("struct Utility;", None);
    check("pub const fn get_name(&self) -> &str {", Some("say `name`"));
    check("fn gettext() {}", None);
    check(
        "pub type Result<T> = std::result::Result<T, Error>;",
        Some("`Result` is an alias for others"),
    );
    check("    type Item = u8;", None);
    check("type Parts = Vec<(String, Vec<u8>)>;", None);
    check("let manager = 1;", None);
}

#[test]
fn file_names_are_looked_at() {
    let check = |path: &str, expected: usize| {
        assert_eq!(check(&Tree::of(&[(path, "")])).len(), expected, "{path}");
    };
    check("crates/a/src/utils.rs", 1);
    check("crates/a/src/token_manager/parse.rs", 1);
    check("crates/a/src/route.rs", 0);
}
