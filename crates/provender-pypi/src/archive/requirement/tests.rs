use proptest::prelude::{ProptestConfig, proptest};

use super::is_valid;

#[test]
fn requirements() {
    let check = |text: &str, expected: bool| assert_eq!(is_valid(text), expected, "{text:?}");
    check("demo", true);
    check("demo>=1.0", true);
    check("De.mo [one, two_2] >= 1.0, < 2, != 1.5.*", true);
    check("demo[]", true);
    check("demo (>=1.0,<2)", true);
    check("demo ===1.0+odd", true);
    check("demo ~=1.4.2; python_version < '3.9'", true);
    check("demo; extra == \"x\"", true);
    check("demo>1;(os_name=='nt' or sys_platform=='win32')and python_version not in '2.7'", true);
    check("demo; 'linux' in sys_platform", true);
    check("demo; os.name == 'nt'", true);
    check("demo @ https://files.example/demo.whl", true);
    check("demo[x]@https://files.example/demo.whl ; extra == 'x'", true);
    check("", false);
    check("-demo", false);
    check("demo 1.0", false);
    check("demo>=one", false);
    check("demo>=1.0 <2", false);
    check("demo[", false);
    check("demo[a b]", false);
    check("demo (>=1.0", false);
    check("demo @ not a url", false);
    check("demo @ https://files.example/demo.whl extra", false);
    check("demo;", false);
    check("demo; python_version", false);
    check("demo; python_version < 3.9", false);
    check("demo; nonsense == 'x'", false);
    check("demo; extra == 'x' andextra == 'y'", false);
    check("demo; extra == 'x' and", false);
    check("demo; extra == 'x')", false);
    check("demo; (extra == 'x'", false);
    check("demo; extra == 'x", false);
    check("demo; extra = 'x'", false);
}

#[test]
fn nesting_is_bounded() {
    let nested =
        |depth: usize| format!("demo; {}extra == 'x'{}", "(".repeat(depth), ")".repeat(depth));
    assert!(is_valid(&nested(32)));
    assert!(!is_valid(&nested(33)));
    assert!(!is_valid(&nested(1_000_000)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "demo[ \\[\\]();@<>=!~'\"a-z0-9.ä]{0,60}") {
        let _ = is_valid(&text);
    }
}
