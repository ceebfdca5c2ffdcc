use super::{LEFT_OPEN, Tree, check};

#[test]
fn what_is_left_open_is_found() {
    let check = |path: &str, text: &str, expected: usize| {
        assert_eq!(check(&Tree::of(&[(path, text)])).len(), expected, "{path}: {text}");
    };
    for (found, _) in LEFT_OPEN {
        check("a.rs", &format!("fn a() {{}}\n    // {found} later"), 1);
        check("crates/a/client.sh", &format!("# {found} later"), 1);
        check("a.md", &format!("{found} later"), 0);
    }
    check("a.rs", "fn todo_list() {}", 0);
    check("a.rs", concat!("#[ign", "ore = \"for some reason\"]\nfn test() {}\n"), 1);
}
