//! Pages with packages in them.

use crate::support::House;

#[test]
fn what_strangers_wrote_is_shown_as_text() {
    let house = House::start(&[]);
    let token = house.first_token().unwrap();
    assert_eq!(house.publish(token, "demo", "1.0"), 200);
    let hostile = "<script>alert('x')</script>\"><img src=x onerror=y>";
    house.run(&["package", "yank", "pypi", "demo", "1.0", "--reason", hostile]).ok();
    let (status, page) = house.visit("/-/ui/main/pypi/demo", None);
    assert_eq!(status, 200);
    assert!(page.contains("demo-1.0-py3-none-any.whl"), "{page}");
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
    assert!(!page.contains("<img src=x"), "{page}");
    let (_, page) = house.visit("/-/ui/main?q=%22%3E%3Cscript%3E", None);
    assert!(page.contains("No package has") && !page.contains("<script"), "{page}");
}

#[test]
fn pages_of_a_repository() {
    let house = House::start(&[]);
    let token = house.first_token().unwrap();
    for version in ["1.0", "2.0"] {
        assert_eq!(house.publish(token, "demo-package", version), 200);
    }
    house.run(&["repo", "create", "team"]).ok();
    let check = |path: &str, token: Option<&str>, expected: u16, part: &str| {
        let (status, page) = house.visit(path, token);
        assert_eq!(status, expected, "{path}");
        assert!(page.contains(part), "{path}: {page}");
    };
    check("/", None, 200, "pip install --index-url http://127.0.0.1:");
    check("/main", None, 303, "");
    check("/-/ui/main", None, 200, "href=\"/-/ui/main/pypi/demo-package\"");
    check("/-/ui/main?q=DEMO", None, 200, "demo-package</a>");
    // Of several ecosystems each has a field of its own.
    check("/-/ui/main", None, 200, "id=\"q-pypi\"");
    check("/-/ui/main/pypi/Demo_Package", None, 200, "published here");
    check("/-/ui/main/pypi/demo-package", Some(token), 200, "Published by");
    assert!(!house.visit("/-/ui/main/pypi/demo-package", None).1.contains("Published by"));
    check("/-/ui/main/pypi/nothing", None, 404, "Nothing here");
    check("/-/ui/main/cobol/nothing", None, 404, "Nothing here");
    check("/-/ui/team", None, 401, "A token is needed");
    check("/-/ui/team", Some(token), 200, "<h1>team</h1>");
    check("/-/nothing", None, 404, "Nothing here");
    check("/?sign-in", None, 401, "any user name");
    check("/", Some(token), 200, "Red flags");
}
