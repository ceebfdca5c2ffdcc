use super::{Tree, check};

#[test]
fn documents_are_in_their_form() {
    let check = |path: &str, text: &str, expected: Option<&str>| {
        let tree = Tree::of(&[("crates/a/Cargo.toml", ""), (path, text)]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        match expected {
            None => assert!(found.is_empty(), "{path}: {found:?}"),
            Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{path}: {found:?}"),
        }
    };
    check("crates/a/src/lib.rs", "//! What it is.\n", None);
    check("crates/a/src/lib.rs", "mod a;\n", Some("must open with"));
    check("crates/a/README.md", "# a", Some("belongs at the top"));
    check("docs/decisions/0001-one-path.md", "", None);
    check("docs/decisions/README.md", "", None);
    check("docs/decisions/1-one-path.md", "", Some("NNNN-title"));
    check("docs/decisions/0001-One-Path.md", "", Some("NNNN-title"));
    check("docs/decisions/0001_one.md", "", Some("NNNN-title"));
    check("docs/guides/Any.md", "", None);
    check("ARCHITECTURE.md", &"line\n".repeat(300), None);
    check("ARCHITECTURE.md", &"line\n".repeat(301), Some("301 lines, at most 300"));
}
