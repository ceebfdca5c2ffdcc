//! Pages for different visitors. What packages look like is shown with real ones in the command
//! line's own tests.

use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, WWW_AUTHENTICATE};
use http_body_util::BodyExt as _;
use provender_domain::{Problem, ProblemCode, Visibility};
use provender_registry::{Caller, Options, Registry};

use super::page::{package_path, repository_path, size};
use super::{Visit, answer, problem};

struct House {
    registry: Registry,
    _data: tempfile::TempDir,
}

impl House {
    async fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let options = Options::new(data.path().join("data"), Vec::new());
        let registry = Registry::open(options).await.unwrap();
        let operator = registry.operator();
        registry.create_repository(&operator, "team", Visibility::Private).await.unwrap();
        Self { registry, _data: data }
    }

    fn visit<'a>(&'a self, caller: &'a Caller, query: &str) -> Visit<'a> {
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Visit { registry: &self.registry, caller, origin: "http://127.0.0.1:8080", query }
    }

    /// The status, and the page as text.
    async fn see(&self, caller: &Caller, path: &[&str]) -> Result<(StatusCode, String), Problem> {
        let response = answer(&self.visit(caller, ""), path).await?;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }
}

#[tokio::test]
async fn everybody_sees_what_they_may_read() {
    let house = House::open().await;
    let stranger = house.registry.identify(None, None).unwrap();
    let (_, home) = house.see(&stranger, &[]).await.unwrap();
    assert!(home.contains("/-/ui/main") && !home.contains("team"), "{home}");
    assert!(!home.contains("Red flags") && !home.contains("Packages"), "{home}");
    let (_, home) = house.see(&house.registry.operator(), &[]).await.unwrap();
    assert!(home.contains("/-/ui/main") && home.contains("/-/ui/team"), "{home}");
    assert!(home.contains("Red flags") && home.contains("Packages"), "{home}");
}

#[tokio::test]
async fn what_is_private_and_what_is_not_there_look_alike() {
    let house = House::open().await;
    let stranger = house.registry.identify(None, None).unwrap();
    let check = async |path: &[&str]| {
        let problem = house.see(&stranger, path).await.unwrap_err();
        (problem.code, problem.public)
    };
    let private = check(&["-", "ui", "team"]).await;
    assert_eq!(private.0, ProblemCode::AuthenticationRequired);
    assert_eq!(private, check(&["-", "ui", "nowhere"]).await);
    assert_eq!(private, check(&["team"]).await);
    assert_eq!(private, check(&["nowhere"]).await);
    assert_eq!(private, check(&["-", "ui", "team", "demo", "a"]).await);
}

#[tokio::test]
async fn a_repository_is_found_by_its_short_path() {
    let house = House::open().await;
    let stranger = house.registry.identify(None, None).unwrap();
    assert_eq!(house.see(&stranger, &["main"]).await.unwrap().0, StatusCode::SEE_OTHER);
    let (status, page) = house.see(&stranger, &["-", "ui", "main"]).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("<h1>main</h1>"), "{page}");
}

#[tokio::test]
async fn pages_run_nothing_and_load_nothing_from_elsewhere() {
    let house = House::open().await;
    let operator = house.registry.operator();
    let visit = house.visit(&operator, "");
    for path in [&[][..], &["-", "ui", "main"], &["-", "assets", "provender.css"]] {
        let response = answer(&visit, path).await.unwrap();
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        for forbidden in ["<script", "style=", "onload", "@import", "url(", "https://"] {
            assert!(!text.contains(forbidden), "{forbidden} in {text}");
        }
    }
}

#[tokio::test]
async fn problems_are_pages_with_their_status() {
    let house = House::open().await;
    let stranger = house.registry.identify(None, None).unwrap();
    let visit = house.visit(&stranger, "");
    let hostile = Problem::new(ProblemCode::AuthenticationRequired, "<script>alert(1)</script>");
    let response = problem::page(&visit, &hostile);
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.headers().contains_key(WWW_AUTHENTICATE));
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains("&lt;script&gt;") && !text.contains("<script"), "{text}");
}

#[tokio::test]
async fn signing_in_asks_whom_it_does_not_know() {
    let house = House::open().await;
    let stranger = house.registry.identify(None, None).unwrap();
    let asked = answer(&house.visit(&stranger, "sign-in"), &[]).await.err().unwrap();
    assert_eq!(asked.code, ProblemCode::AuthenticationRequired);
    let operator = house.registry.operator();
    assert!(answer(&house.visit(&operator, "sign-in"), &[]).await.is_ok());
}

#[test]
fn paths_and_sizes() {
    assert_eq!(repository_path("main"), "/-/ui/main");
    assert_eq!(package_path("main", "demo", "@scope/a b"), "/-/ui/main/demo/%40scope/a%20b");
    assert_eq!((size(5), size(1_500_000)), ("5 B".into(), "1.5 MB".into()));
}

#[tokio::test]
async fn many_repositories_are_shown_page_by_page() {
    let house = House::open().await;
    let operator = house.registry.operator();
    for number in 0..110 {
        let name = format!("r{number:03}");
        house.registry.create_repository(&operator, &name, Visibility::Public).await.unwrap();
    }
    let see = async |query: &str| {
        let response = answer(&house.visit(&operator, query), &[]).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    };
    let cards = |page: &str| page.matches("article class=\"card\"").count();
    // 112 with the first one and that of the team.
    let first = see("").await;
    assert_eq!(cards(&first), 50);
    assert!(first.contains("Page 1 of 3") && first.contains("href=\"?page=2\""), "{first}");
    let last = see("page=3").await;
    assert_eq!(cards(&last), 12);
    assert!(last.contains("/-/ui/team") && !last.contains("rel=\"next\""), "{last}");
    assert_eq!(see("page=9").await, last);
    let found = see("q=R10").await;
    assert_eq!(cards(&found), 10);
    assert!(found.contains("/-/ui/r109") && !found.contains("Pages"), "{found}");
    let none = see("q=%3Cx").await;
    assert!(none.contains("No repository has “&lt;x” in its name"), "{none}");
}
