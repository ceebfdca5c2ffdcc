use super::{EXPECTED, LIST, Tree, check};

/// The findings for an ecosystem that has every file but `missing`, in a list that says `listed`.
fn findings(missing: &str, listed: &str) -> Vec<String> {
    let names: Vec<String> = EXPECTED
        .iter()
        .filter(|name| **name != missing)
        .map(|name| format!("crates/provender-wasm/{name}"))
        .collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    files.push(("crates/provender-wasm/Cargo.toml", ""));
    files.push((LIST, listed));
    check(&Tree::of(&files)).iter().map(ToString::to_string).collect()
}

#[test]
fn each_expected_file_is_missed() {
    let listed = "Box::new(provender_wasm::Wasm)";
    assert_eq!(findings("", listed), Vec::<String>::new());
    for missing in EXPECTED {
        assert_eq!(
            findings(missing, listed),
            [format!("crates/provender-wasm: {missing} is missing: every ecosystem has it")]
        );
    }
}

#[test]
fn an_ecosystem_is_registered() {
    assert_eq!(findings("", ""), [format!("{LIST}: provender-wasm is not registered here")]);
}

#[test]
fn the_core_is_no_ecosystem() {
    let tree = Tree::of(&[("crates/provender-store/Cargo.toml", "")]);
    assert!(check(&tree).is_empty());
}
