use provender_domain::ProblemCode;
use provender_ecosystem::{Headers, Method, Operation, Path, RequestHead, Subject};

use super::route;
use crate::index::{HTML, JSON, VERSIONED_HTML};

struct Accept<'a>(Option<&'a str>);

impl Headers for Accept<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        self.0.filter(|_| name.eq_ignore_ascii_case("Accept"))
    }
}

fn ask(method: Method, target: &str, accept: Option<&str>) -> Result<Operation, ProblemCode> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = Path::parse(path).unwrap();
    let request = RequestHead {
        method,
        segments: &path.segments,
        trailing_slash: path.trailing_slash,
        query,
        headers: &Accept(accept),
    };
    route(&request).map_err(|problem| problem.code)
}

/// An operation in one line.
fn told(operation: Result<Operation, ProblemCode>) -> String {
    match operation {
        Ok(Operation::Index { subject: Subject::Catalogue, .. }) => "catalogue".to_owned(),
        Ok(Operation::Index { subject: Subject::Package(name), .. }) => format!("index of {name}"),
        Ok(Operation::File { package, file, companion }) => {
            format!("{} of {file} of {package}", companion.unwrap_or("bytes"))
        }
        Ok(Operation::Publish { .. }) => "publish".to_owned(),
        Ok(Operation::Redirect { location }) => format!("to {location}"),
        Ok(other) => format!("{other:?}"),
        Err(code) => code.as_str().to_owned(),
    }
}

#[test]
fn reads() {
    let check = |target: &str, expected: &str| {
        assert_eq!(told(ask(Method::Get, target, None)), expected, "{target}");
    };
    check("/", "to simple/");
    check("/simple/", "catalogue");
    check("/simple", "to simple/");
    check("/simple/demo/", "index of demo");
    check("/simple/demo", "to demo/");
    check("/simple/De_Mo/", "to ../de-mo/");
    check("/simple/De_Mo", "to de-mo/");
    check("/simple/De.Mo?format=json", "to de-mo/?format=json");
    check("/simple/De.Mo?format=text/html&x=y", "to de-mo/?format=html");
    check("/simple/demo/?format=nonsense", "invalid-request");
    check("/simple/-demo/", "not-found");
    check("/simple/d%C3%A4mo/", "not-found");
    check("/simple/demo/1.0/", "not-found");
    check("/Simple/demo/", "not-found");
    check("/files/demo/demo-1.0.tar.gz", "bytes of demo-1.0.tar.gz of demo");
    check("/files/demo/demo-1.0.tar.gz.metadata", "metadata of demo-1.0.tar.gz of demo");
    check("/files/demo/demo-1.0.tar.gz.provenance", "provenance of demo-1.0.tar.gz of demo");
    let provenance = "provenance of demo-1.0.tar.gz of demo";
    check("/integrity/demo/1.0/demo-1.0.tar.gz/provenance", provenance);
    check("/integrity/Demo/v1.0.0/demo-1.0.tar.gz/provenance", provenance);
    check("/integrity/demo/1.1/demo-1.0.tar.gz/provenance", "not-found");
    check("/integrity/demo/1.0/other-1.0.tar.gz/provenance", "not-found");
    check("/integrity/demo/1.0/demo-1.0.tar.gz/provenance/", "not-found");
    check("/integrity/demo/1.0/demo-1.0.tar.gz/publish", "not-found");
    check("/integrity/demo/1.0/demo-1.0.tar.gz", "not-found");
    check("/files/demo/demo-1.0%2Bx.tar.gz", "bytes of demo-1.0+x.tar.gz of demo");
    check("/files/demo/.metadata", "not-found");
    check("/files/demo/-rf", "not-found");
    check("/files/De_Mo/de_mo-1.0.tar.gz", "not-found");
    check("/files/demo/demo-1.0.tar.gz/", "not-found");
    check("/files/demo/", "not-found");
    check("/files/a/b/c", "not-found");
    check("/legacy/", "method-not-allowed");
    check("/json", "not-found");
}

#[test]
fn writes() {
    let check = |method: Method, target: &str, expected: &str| {
        assert_eq!(told(ask(method, target, None)), expected, "{method:?} {target}");
    };
    check(Method::Post, "/", "publish");
    check(Method::Post, "/legacy/", "publish");
    check(Method::Post, "/legacy", "publish");
    check(Method::Put, "/", "method-not-allowed");
    check(Method::Put, "/legacy/", "method-not-allowed");
    check(Method::Post, "/simple/", "method-not-allowed");
    check(Method::Delete, "/simple/demo/", "method-not-allowed");
    check(Method::Put, "/files/demo/demo-1.0.tar.gz", "method-not-allowed");
    let provenance = "/integrity/demo/1.0/demo-1.0.tar.gz/provenance";
    check(Method::Put, provenance, "method-not-allowed");
    check(Method::Post, "/elsewhere", "not-found");
}

#[test]
fn renditions() {
    let check = |target: &str, accept: Option<&str>, expected| {
        let Ok(Operation::Index { rendition, .. }) = ask(Method::Get, target, accept) else {
            panic!("{target} is an index");
        };
        assert_eq!(rendition, expected, "{target} {accept:?}");
    };
    let json = "application/vnd.pypi.simple.v1+json";
    let index = "/simple/demo/";
    check(index, None, HTML);
    check(index, Some(""), HTML);
    check(index, Some("*/*"), HTML);
    check(index, Some("text/*"), HTML);
    check(index, Some("text/html"), HTML);
    check(index, Some("image/png"), HTML);
    check(index, Some(json), JSON);
    check(index, Some("APPLICATION/vnd.PyPI.simple.v1+JSON"), JSON);
    check(index, Some("application/vnd.pypi.simple.latest+json"), JSON);
    check(index, Some("application/vnd.pypi.simple.v1+html"), VERSIONED_HTML);
    let pip = format!("{json}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01");
    check(index, Some(&pip), JSON);
    let uv = format!("{json}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01");
    check(index, Some(&uv), JSON);
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    check(index, Some(browser), HTML);
    check(index, Some(&format!("{json};q=0.5, text/html;q=0.6")), HTML);
    check(index, Some(&format!("{json};q=0.601, text/html;q=0.6")), JSON);
    check(index, Some(&format!("{json}, text/html")), JSON);
    check(index, Some(&format!("text/html, {json}")), JSON);
    check(index, Some(&format!("{json};q=0, */*")), HTML);
    check(index, Some(&format!("{json};q=0, application/*")), VERSIONED_HTML);
    check(index, Some(&format!("{json};q=nonsense")), JSON);
    check(index, Some(";;;,,,=;q=,"), HTML);
    check("/simple/", Some(json), JSON);
    check("/simple/demo/?format=application/vnd.pypi.simple.v1%2Bjson", None, JSON);
    check("/simple/demo/?format=application/vnd.pypi.simple.v1+json", Some("text/html"), JSON);
    check("/simple/demo/?x=y&format=html", Some(json), HTML);
    check("/simple/demo/?formats=html", Some(json), JSON);
}
