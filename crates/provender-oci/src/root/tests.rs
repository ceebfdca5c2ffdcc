use provender_domain::{ProblemCode, Scope};
use provender_ecosystem::{
    Endpoint, Headers, Method, Operation, Page, Path, RequestHead, RootOperation, UploadStep,
};

use super::{SCOPES_LIMIT, challenge, read_token_form, route};
use crate::route as below;

struct NoFields;

impl Headers for NoFields {
    fn field(&self, _: &str) -> Option<&str> {
        None
    }
}

fn with_request<T>(method: Method, target: &str, read: impl Fn(&RequestHead<'_>) -> T) -> T {
    let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
    let path = Path::parse(path).unwrap();
    read(&RequestHead {
        method,
        segments: &path.segments,
        trailing_slash: path.trailing_slash,
        query,
        headers: &NoFields,
    })
}

fn routed(method: Method, target: &str) -> Option<Result<RootOperation, ProblemCode>> {
    with_request(method, target, |request| {
        route(request).map(|result| result.map_err(|problem| problem.code))
    })
}

#[test]
fn requests() {
    let check = |method, target: &str, expected: Option<Result<RootOperation, ProblemCode>>| {
        assert_eq!(routed(method, target), expected, "{method:?} {target}");
    };
    let page = |after: Option<&str>, limit| RootOperation::AllPackages {
        page: Page { after: after.map(str::to_owned), limit },
    };
    check(Method::Get, "/", Some(Ok(RootOperation::Ping)));
    check(Method::Post, "/", Some(Err(ProblemCode::MethodNotAllowed)));
    check(Method::Get, "/_catalog", Some(Ok(page(None, None))));
    check(Method::Get, "/_catalog?n=2&last=main/app", Some(Ok(page(Some("main/app"), Some(2)))));
    check(Method::Get, "/_catalog?n=0", Some(Ok(page(None, Some(0)))));
    check(Method::Get, "/_catalog?n=99999999999999", Some(Ok(page(None, Some(u32::MAX)))));
    check(Method::Get, "/_catalog?n=-1", Some(Err(ProblemCode::InvalidRequest)));
    check(Method::Get, "/_catalog?n=", Some(Err(ProblemCode::InvalidRequest)));
    check(Method::Delete, "/_catalog", Some(Err(ProblemCode::MethodNotAllowed)));
    check(Method::Post, "/-/token", Some(Ok(RootOperation::TokenByForm)));
    check(Method::Put, "/-/token", Some(Err(ProblemCode::MethodNotAllowed)));
    check(Method::Get, "/main/app/tags/list", None);
    check(Method::Get, "/-/tokens", None);
    check(Method::Get, "/_catalog/x", None);
}

#[test]
fn scopes() {
    let check = |query: &str, expected: &[&str]| {
        let Some(Ok(RootOperation::Token(request))) =
            routed(Method::Get, &format!("/-/token?{query}"))
        else {
            panic!("{query}");
        };
        let shown = request.scopes.iter().map(|scope| {
            let actions = [(scope.pull, "r"), (scope.push, "w"), (scope.delete, "d")];
            let actions = actions.iter().filter(|(is_asked, _)| *is_asked).map(|(_, c)| *c);
            format!("{} {} {}", scope.repository, scope.package, actions.collect::<String>())
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{query}");
    };
    check("", &[]);
    check("service=x&account=me&client_id=docker&offline_token=true", &[]);
    check("scope=repository:main/app:pull", &["main app r"]);
    check("scope=repository%3Amain%2Fteam%2Fapp%3Apull%2Cpush", &["main team/app rw"]);
    check("scope=repository:main/app:*", &["main app rwd"]);
    check("scope=repository:main/app:delete", &["main app d"]);
    check("scope=repository:main/a:pull&scope=repository:main/b:push", &["main a r", "main b w"]);
    check("scope=repository:main/a:pull+repository:main/b:pull", &["main a r", "main b r"]);
    check("scope=repository:main/a:pull%20%20repository:main/b:pull", &["main a r", "main b r"]);
    check("scope=registry:catalog:*", &[]);
    check("scope=repository(plugin):main/app:pull", &[]);
    check("scope=repository:app:pull", &[]);
    check("scope=repository:main/App:pull", &[]);
    check("scope=repository:main/app:", &[]);
    check("scope=repository:main/app:fly", &[]);
    check("scope=repository:", &[]);
    check("scope=::::", &[]);
    let many = vec!["scope=repository:main/a:pull"; SCOPES_LIMIT + 1].join("&");
    let refused = routed(Method::Get, &format!("/-/token?{many}"));
    assert_eq!(refused, Some(Err(ProblemCode::InvalidRequest)));
}

#[test]
fn forms() {
    let read = |text: &str| {
        let fields: Vec<_> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        read_token_form(&fields)
    };
    let check = |text: &str, expected: Result<(&str, usize), &str>| {
        let form = read(text).map(|form| (form.credential, form.request.scopes.len()));
        let form = form.as_ref().map(|(text, count)| (text.as_str(), *count));
        match (form, expected) {
            (Err(problem), Err(message)) => {
                assert_eq!(problem.code, ProblemCode::InvalidRequest, "{text}");
                assert!(problem.public.contains(message), "{text}: {}", problem.public);
            }
            (form, expected) => {
                assert_eq!(form.map_err(|problem| problem.public.as_str()), expected, "{text}");
            }
        }
    };
    let docker = "grant_type=password&service=packages.example&client_id=docker\
                  &access_type=offline&username=me&password=pvd_a%2Bb";
    check(docker, Ok(("pvd_a+b", 0)));
    let scope = "scope=repository%3Amain%2Fa%3Apull+repository%3Amain%2Fb%3Apull%2Cpush";
    check(&format!("{docker}&{scope}"), Ok(("pvd_a+b", 2)));
    check(&format!("{docker}&scope="), Ok(("pvd_a+b", 0)));
    check("", Err("no grant_type"));
    check("password=x", Err("no grant_type"));
    check("grant_type=password", Err("no password"));
    check("grant_type=password&password=", Err("no password"));
    check("grant_type=password&password=a&password=b", Err("password twice"));
    check("grant_type=refresh_token&refresh_token=x", Err("no refresh tokens"));
    check("grant_type=authorization_code&code=x", Err("grant_type is password here"));
}

#[test]
fn challenges() {
    let endpoint = Endpoint { origin: "https://packages.example:8443", repository: "main" };
    let check_needing = |needs, method, target: &str, scope: Option<&str>| {
        let operation = with_request(method, target, |request| below::route(request).ok());
        let scope = scope.map(|scope| format!(",scope=\"{scope}\"")).unwrap_or_default();
        let expected = format!(
            "Bearer realm=\"https://packages.example:8443/v2/-/token\",\
             service=\"packages.example:8443\"{scope}"
        );
        let found = challenge(&endpoint, operation.as_ref(), needs);
        assert_eq!(found, expected, "{method:?} {target}");
    };
    let check = |method, target: &str, scope| check_needing(None, method, target, scope);
    let digest = format!("sha256:{}", "a".repeat(64));
    check(Method::Get, "/app/tags/list", Some("repository:main/app:pull"));
    check(Method::Get, "/team/app/manifests/1.0", Some("repository:main/team/app:pull"));
    check(Method::Put, "/app/manifests/1.0", Some("repository:main/app:pull,push"));
    check(Method::Post, "/app/blobs/uploads/", Some("repository:main/app:pull,push"));
    check(Method::Delete, "/app/manifests/1.0", Some("repository:main/app:delete"));
    let mount = format!("/app/blobs/uploads/?mount={digest}&from=other/base");
    let both = "repository:main/app:pull,push repository:other/base:pull";
    check(Method::Post, &mount, Some(both));
    let hostile = format!("/app/blobs/uploads/?mount={digest}&from=x%22%0d%0a/base");
    check(Method::Post, &hostile, Some("repository:main/app:pull,push"));
    check(Method::Get, "/", None);
    // What is not to be had yet is told of to who publishes it.
    let manifest = "/team/app/manifests/1.0";
    let push = Some("repository:main/team/app:pull,push");
    check_needing(Some(Scope::Publish), Method::Get, manifest, push);
}

#[test]
fn mounts_are_read_from_repositories() {
    let target = format!("/app/blobs/uploads/?mount=sha256:{}&from=other/a/b", "a".repeat(64));
    let operation = with_request(Method::Post, &target, |request| below::route(request).unwrap());
    let Operation::Upload { step: UploadStep::Mount { from: Some(from), .. }, .. } = operation
    else {
        panic!("{operation:?}");
    };
    assert_eq!((from.repository.as_str(), from.package.as_str()), ("other", "a/b"));
}
