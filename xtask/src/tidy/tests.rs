use super::{Tree, check};

#[test]
fn the_project_is_tidy() {
    let tree = Tree::read(&crate::project_root()).unwrap();
    let findings = check(&tree);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
