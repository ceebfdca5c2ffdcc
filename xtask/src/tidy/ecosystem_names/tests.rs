use super::{Tree, check, names};

#[test]
fn a_name_is_a_whole_word() {
    let check = |line: &str, expected: bool| assert_eq!(names(line, "wasm"), expected, "{line}");
    check("if ecosystem == \"wasm\" {", true);
    check("use provender_wasm::Wasm;", true);
    check("struct WasmIndex;", true);
    check("fn wasm_index() {}", true);
    check("const WASM: u8 = 1;", true);
    check("wasmtime::new()", false);
    check("swasm", false);
}

#[test]
fn a_name_stays_where_it_belongs() {
    let check = |path: &str, text: &str, expected: usize| {
        let tree = Tree::of(&[("crates/provender-wasm/Cargo.toml", ""), (path, text)]);
        assert_eq!(check(&tree).len(), expected, "{path}");
    };
    let code = "match name { \"wasm\" => 1 }";
    check("crates/provender-registry/src/resolve.rs", code, 1);
    check("crates/provender-store/migrations/1.sql", code, 1);
    check("xtask/src/bench.rs", code, 1);
    check("crates/provender-wasm/src/index.rs", code, 0);
    check("crates/provender-testing/src/wasm.rs", code, 0);
    check("crates/provender-server/src/wasm.rs", code, 1);
    check("crates/provender/src/ecosystems.rs", code, 0);
    check("crates/provender/Cargo.toml", code, 0);
    check("crates/provender/tests/serve.rs", code, 0);
    check("crates/provender-server/src/ui/tests.rs", code, 0);
    check("docs/guides/wasm.md", code, 0);
    check("bench/src/main.rs", code, 0);
    check("crates/provender-registry/src/a.rs", "/// As in `pkg:wasm/x`.\nfn a() {}", 0);
    check("crates/provender-registry/src/a.rs", "#[cfg(test)]\nmod tests { \"wasm\" }", 0);
}
