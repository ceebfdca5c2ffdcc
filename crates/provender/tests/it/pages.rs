//! Pages with packages in them.

use crate::support::{House, Upload};

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
fn a_file_and_who_signed_it() {
    let house = House::start(&[]);
    let token = house.first_token().unwrap();
    assert_eq!(house.publish(token, "demo", "1.0"), 200);
    let path = "/-/ui/main/pypi/demo?file=demo-1.0-py3-none-any.whl";
    let (_, package) = house.visit("/-/ui/main/pypi/demo", None);
    assert!(package.contains(&format!("href=\"{path}\"")), "{package}");
    assert!(package.contains("/main/pypi/simple/ demo</code>"), "{package}");
    let (status, page) = house.visit(path, None);
    assert_eq!(status, 200);
    for part in [
        "Published here, and kept since",
        "pkg:pypi/demo@1.0?file_name=demo-1.0-py3-none-any.whl",
        "Signed and attested <span class=\"count\">1<",
        "<h3>Release</h3><span class=\"badge served\">verified just now<",
        "/main</strong>",
        "says a timestamp authority",
        ", entry 0 of 1<",
        "part of pkg:pypi/demo@1.0<",
        "no witness was asked",
        "provender why sha256:",
        "What happened to it <span class=\"count\">1<",
        "demo-1.0-py3-none-any.whl was published",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("first administrator"), "{page}");
    let (_, page) = house.visit(path, Some(token));
    assert!(page.contains("token first administrator"), "{page}");
    let missing = house.visit("/-/ui/main/pypi/demo?file=demo-2.0-py3-none-any.whl", None);
    assert!(missing.0 == 404 && missing.1.contains("nothing is kept of demo-2.0"), "{missing:?}");
    let hostile = house.visit("/-/ui/main/pypi/demo?file=%3Cscript%3E", None);
    assert!(hostile.0 == 404 && !hostile.1.contains("<script"), "{hostile:?}");
}

#[test]
fn what_clients_call_a_package_leads_to_its_page() {
    let house = House::start(&[]);
    let token = house.first_token().unwrap();
    assert_eq!(house.publish(token, "demo", "1.0"), 200);
    house.run(&["repo", "create", "team"]).ok();
    let leads_to = |path: &str| {
        let (head, _) =
            house.whole_answer(&format!("GET {path} HTTP/1.1\r\nAccept: text/html\r\n"));
        let status = head.split(' ').nth(1).unwrap().to_owned();
        let location = head.lines().find_map(|line| line.strip_prefix("location: "));
        (status, location.unwrap_or_default().to_owned())
    };
    let page = |path: &str| ("303".to_owned(), path.to_owned());
    assert_eq!(leads_to("/main/demo"), page("/-/ui/main/pypi/demo"));
    assert_eq!(leads_to("/main/Demo:1.0"), page("/-/ui/main/pypi/demo"));
    assert_eq!(leads_to("/main/nothing").0, "404");
    assert_eq!(leads_to("/team/demo").0, "401");
    assert!(house.visit("/main/%3Cscript%3E/x", None).1.contains("&lt;script&gt;"));
    // A program is told so, and no page.
    let (head, body) = house.whole_answer("GET /main/demo HTTP/1.1\r\nAccept: */*\r\n");
    assert!(
        head.starts_with("HTTP/1.1 404") && body.contains("knows no ecosystem"),
        "{head} {body}"
    );
    let (head, _) = house
        .whole_answer("POST /main/demo HTTP/1.1\r\nAccept: text/html\r\nContent-Length: 0\r\n");
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
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

#[test]
fn a_token_for_some_names_sees_their_repository_and_them() {
    let house = House::start(&[]);
    let token = house.first_token().unwrap();
    house.run(&["repo", "create", "team"]).ok();
    for name in ["acme-web", "other"] {
        let upload = Upload::new(token, name, "1.0");
        let head = upload.head.replace("/main/", "/team/");
        assert_eq!(house.exchange(&head, &upload.body).0, 200);
    }
    let narrow = ["token", "create", "--repo", "team", "--packages", "acme-*", "--quiet"];
    let narrow = house.run(&narrow).ok();
    let see = |path: &str| house.visit(path, Some(narrow.trim()));
    assert_eq!(see("/team").0, 303);
    let (status, page) = see("/-/ui/team");
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("acme-web</a>") && !page.contains("other</a>"), "{page}");
    assert!(see("/").1.contains("/-/ui/team"));
    assert_eq!(see("/-/ui/team/pypi/acme-web").0, 200);
    assert_eq!(see("/-/ui/team/pypi/other").0, 404);
}

#[test]
fn many_versions_are_shown_page_by_page() {
    let house = House::start(&[]);
    let token = house.first_token().unwrap();
    for number in 0..60 {
        assert_eq!(house.publish(token, "demo", &format!("1.{number}")), 200);
    }
    let versions = |page: &str| page.matches("class=\"card version\"").count();
    let (_, first) = house.visit("/-/ui/main/pypi/demo", None);
    assert_eq!(versions(&first), 50);
    assert!(first.contains("<h3>1.59</h3>") && !first.contains("<h3>1.9</h3>"), "{first}");
    assert!(first.contains("Files <span class=\"count\">60<"), "{first}");
    assert!(first.contains("href=\"?page=2\""), "{first}");
    let (_, last) = house.visit("/-/ui/main/pypi/demo?page=2", None);
    assert_eq!(versions(&last), 10);
    assert!(last.contains("<h3>1.9</h3>") && last.contains("<h3>1.0</h3>"), "{last}");
}
