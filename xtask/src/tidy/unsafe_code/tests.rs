use super::{Tree, check};

#[test]
fn only_listed_files_lift_the_lint() {
    let check = |line: &str, expected: usize| {
        let tree = Tree::of(&[("Cargo.toml", "unsafe_code = \"deny\""), ("a.rs", line)]);
        assert_eq!(check(&tree).len(), expected, "{line}");
    };
    check(concat!("#![allow(unsafe_", "code)]"), 1);
    check(concat!("    #[expect(clippy::all, unsafe_", "code)]"), 1);
    check(concat!("#[deny(unsafe_", "code)]"), 0);
    check("let unsafe_code = 1;", 0);
}

#[test]
fn the_workspace_denies_it() {
    assert_eq!(check(&Tree::of(&[("Cargo.toml", "[workspace]")])).len(), 1);
}
