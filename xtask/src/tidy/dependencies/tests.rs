use super::{Tree, check, dependencies};

#[test]
fn a_manifest_is_read() {
    let check = |manifest: &str, expected: &[&str]| {
        assert_eq!(dependencies(manifest).collect::<Vec<_>>(), expected, "{manifest}");
    };
    check("[dependencies]\nserde.workspace = true\nurl = \"2\"", &["serde", "url"]);
    check("[dependencies]\nx = { package = \"reqwest\" }", &["reqwest"]);
    check("[dependencies.tokio]\nversion = \"1\"", &["tokio"]);
    check("[dependencies.t]\npackage = \"tokio\"", &["t", "tokio"]);
    check("[target.'cfg(unix)'.dependencies]\nrustix = \"1\"", &["rustix"]);
    check("[build-dependencies]\ncc = \"1\"", &["cc"]);
    check("[dev-dependencies]\ntokio = \"1\"\n[lints]\nworkspace = true", &[]);
    check("[dependencies]\n# tokio = \"1\"\n", &[]);
}

#[test]
fn nobody_depends_on_what_is_not_theirs() {
    let check = |crate_name: &str, dependency: &str, expected: Option<&str>| {
        let path = format!("crates/{crate_name}/Cargo.toml");
        let manifest =
            format!("[lints]\nworkspace = true\n[dependencies]\n{dependency}.workspace = true");
        let found = check(&Tree::of(&[(&path, &manifest)]));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        match expected {
            None => assert!(found.is_empty(), "{found:?}"),
            Some(part) => assert!(
                found.len() == 1 && found[0].contains(part),
                "{crate_name} on {dependency}: {found:?}"
            ),
        }
    };
    check("provender-upstream", "reqwest", None);
    check("provender-server", "reqwest", Some("only provender-upstream depends on reqwest"));
    check("provender", "sqlx", Some("only provender-store depends on sqlx"));
    check("provender-store", "object_store", None);
    check("provender-domain", "tokio", Some("no input or output"));
    check("provender-domain", "provender-store", Some("it may on: "));
    check("provender-registry", "provender-server", Some("must not depend on provender-server"));
    check("provender-registry", "provender-store", None);
    // Any crate that the core does not list is an ecosystem.
    check("provender-wasm", "hyper", Some("no input or output"));
    check("provender-wasm", "provender-registry", Some("it may on: provender-archive"));
    check("provender-wasm", "provender-archive", None);
    check("provender", "provender-wasm", None);
}

#[test]
fn every_crate_takes_the_lints() {
    let tree = Tree::of(&[("crates/provender-domain/Cargo.toml", "[package]")]);
    assert!(check(&tree)[0].to_string().contains("the workspace's lints"));
}
