use provender_ecosystem::{Headers, Method, Operation, Path, RequestHead, Subject, UploadStep};

use super::{route, wanted_host};

struct Fields<'a>(&'a [(&'a str, &'a str)]);

impl Headers for Fields<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// What a request is, in a line; of a refusal, its term.
fn shown(method: Method, target: &str, fields: &[(&str, &str)]) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
    let path = Path::parse(path).unwrap();
    let request = RequestHead {
        method,
        segments: &path.segments,
        trailing_slash: path.trailing_slash,
        query,
        headers: &Fields(fields),
    };
    match route(&request) {
        Ok(operation) => line(&operation),
        Err(problem) => problem.term.unwrap_or(problem.code.as_str()).to_owned(),
    }
}

fn line(operation: &Operation) -> String {
    let short = |file: &provender_domain::FileName| file.as_str().replace(&"a".repeat(64), "A");
    match operation {
        Operation::Index { subject, .. } => match subject {
            Subject::Tags { package, page } => {
                format!("tags {package} {:?} {:?}", page.after, page.limit)
            }
            Subject::Referrers { package, of, kind, after } => {
                let after = after.as_ref().map(|after| format!(" after {}", short(after)));
                let after = after.unwrap_or_default();
                format!("referrers {package} {} {kind:?}{after}", short(of))
            }
            other => format!("{other:?}"),
        },
        Operation::File { package, file, .. } => format!("file {package} {}", short(file)),
        Operation::Tagged { package, tag } => format!("tagged {package} {tag}"),
        Operation::Change { package, selection, change } => {
            format!("{change:?} {package} {selection:?}").replace(&"a".repeat(64), "A")
        }
        Operation::Publish { form, .. } => {
            let fields = form.fields.iter().map(|(key, value)| format!("{key}={value}"));
            format!("publish {}", fields.collect::<Vec<_>>().join(" "))
                .replace(&"a".repeat(64), "A")
        }
        Operation::Upload { package, step } => match step {
            UploadStep::Begin => format!("begin {package}"),
            UploadStep::Whole { file } => format!("whole {package} {}", short(file)),
            UploadStep::Append { offset_bytes, .. } => format!("append {package} {offset_bytes:?}"),
            UploadStep::Finish { offset_bytes, file, .. } => {
                format!("finish {package} {offset_bytes:?} {}", short(file))
            }
            UploadStep::Status { .. } => format!("status {package}"),
            UploadStep::Cancel { .. } => format!("cancel {package}"),
            UploadStep::Mount { file, from } => {
                let from =
                    from.as_ref().map(|from| format!("{}:{}", from.repository, from.package));
                format!("mount {package} {} {from:?}", short(file))
            }
        },
        Operation::Redirect { location } => format!("redirect {location}"),
    }
}

fn digest() -> String {
    format!("sha256:{}", "a".repeat(64))
}

#[test]
fn reading() {
    let check = |target: &str, expected: &str| {
        let target = target.replace("DIGEST", &digest());
        assert_eq!(shown(Method::Get, &target, &[]), expected, "GET {target}");
    };
    check("/app/manifests/1.0", "tagged app 1.0");
    check("/team/app/manifests/DIGEST", "file team/app manifest@sha256:A");
    check("/app/blobs/DIGEST", "file app blob@sha256:A");
    check("/app/tags/list", "tags app None None");
    check("/app/tags/list?n=10&last=b", "tags app Some(\"b\") Some(10)");
    check("/app/tags/list?n=x", "UNSUPPORTED");
    check("/app/referrers/DIGEST", "referrers app manifest@sha256:A None");
    check(
        "/app/referrers/DIGEST?artifactType=application%2Fvnd.x%2Bjson",
        "referrers app manifest@sha256:A Some(\"application/vnd.x+json\")",
    );
    check(
        "/app/referrers/DIGEST?artifactType=application/vnd.x+json",
        "referrers app manifest@sha256:A Some(\"application/vnd.x+json\")",
    );
    check("/app/manifests/sha256:baddigeststring", "DIGEST_INVALID");
    check("/app/blobs/sha256:baddigeststring", "DIGEST_INVALID");
    check("/app/blobs/md5:00000000000000000000000000000000", "DIGEST_INVALID");
    check("/app/blobs/latest", "DIGEST_INVALID");
    check(
        "/app/referrers/DIGEST?last=DIGEST",
        "referrers app manifest@sha256:A None after manifest@sha256:A",
    );
    check("/app/referrers/DIGEST?last=", "referrers app manifest@sha256:A None");
    check("/app/referrers/DIGEST?last=1.0", "DIGEST_INVALID");
    check("/app/referrers/latest", "DIGEST_INVALID");
    check("/App/manifests/1.0", "NAME_INVALID");
    check("/a..b/manifests/1.0", "NAME_INVALID");
    check("/app/manifests/.hidden", "MANIFEST_INVALID");
    check("/app/manifests/1.0/", "not-found");
    check("/app/tags/list/", "not-found");
    check("/app/tags", "not-found");
    check("/manifests/1.0", "not-found");
    check("/tags/list", "not-found");
    check("/app", "not-found");
    check("/", "not-found");
    check("/app/blobs/uploads/", "UNSUPPORTED");
}

#[test]
fn names_may_be_made_of_the_protocols_own_words() {
    let check = |method, target: &str, expected: &str| {
        let target = target.replace("DIGEST", &digest()).replace("SESSION", &"7".repeat(32));
        assert_eq!(shown(method, &target, &[]), expected, "{method:?} {target}");
    };
    check(Method::Get, "/manifests/manifests/manifests", "tagged manifests manifests");
    check(Method::Get, "/blobs/uploads/manifests/1.0", "tagged blobs/uploads 1.0");
    check(Method::Get, "/blobs/blobs/DIGEST", "file blobs blob@sha256:A");
    check(Method::Get, "/a/blobs/uploads/blobs/DIGEST", "file a/blobs/uploads blob@sha256:A");
    check(Method::Get, "/tags/list/tags/list", "tags tags/list None None");
    check(Method::Get, "/tags/manifests/list", "tagged tags list");
    check(Method::Post, "/blobs/uploads/blobs/uploads/", "begin blobs/uploads");
    check(Method::Post, "/a/manifests/blobs/uploads", "begin a/manifests");
    check(Method::Get, "/blobs/uploads/blobs/uploads/SESSION", "status blobs/uploads");
    check(Method::Get, "/referrers/referrers/DIGEST", "referrers referrers manifest@sha256:A None");
}

#[test]
fn publishing_and_removing() {
    let check = |method, target: &str, fields: &[(&str, &str)], expected: &str| {
        let target = target.replace("DIGEST", &digest());
        assert_eq!(shown(method, &target, fields), expected, "{method:?} {target}");
    };
    check(
        Method::Put,
        "/team/app/manifests/1.0",
        &[("content-type", "a/b")],
        "publish package=team/app reference=1.0 content-type=a/b",
    );
    check(
        Method::Put,
        "/app/manifests/DIGEST?tag=x",
        &[],
        "publish package=app reference=sha256:A tag=x",
    );
    check(Method::Put, "/app/manifests/DIGEST?tag=-x", &[], "MANIFEST_INVALID");
    check(Method::Put, "/app/manifests/sha256:bad", &[], "DIGEST_INVALID");
    check(Method::Put, "/app/blobs/DIGEST", &[], "UNSUPPORTED");
    check(Method::Delete, "/app/manifests/1.0", &[], "Remove app Tag(\"1.0\")");
    check(Method::Delete, "/app/manifests/DIGEST", &[], "Remove app File(\"manifest@sha256:A\")");
    check(Method::Delete, "/app/blobs/DIGEST", &[], "Remove app File(\"blob@sha256:A\")");
    check(Method::Delete, "/app/tags/list", &[], "UNSUPPORTED");
    check(Method::Post, "/app/manifests/1.0", &[], "UNSUPPORTED");
}

#[test]
fn uploading() {
    let check = |method, target: &str, range: Option<&str>, expected: &str| {
        let session = "0123456789abcdef".repeat(2);
        let target = target.replace("DIGEST", &digest()).replace("SESSION", &session);
        let field = range.map(|range| ("content-range", range));
        let fields: Vec<_> = field.into_iter().collect();
        assert_eq!(shown(method, &target, &fields), expected, "{method:?} {target} {range:?}");
    };
    check(Method::Post, "/app/blobs/uploads/", None, "begin app");
    check(Method::Post, "/app/blobs/uploads", None, "begin app");
    check(Method::Post, "/app/blobs/uploads/?digest=DIGEST", None, "whole app blob@sha256:A");
    check(Method::Post, "/app/blobs/uploads/?digest=sha256%3Abad", None, "DIGEST_INVALID");
    check(Method::Post, "/app/blobs/uploads/?mount=DIGEST", None, "mount app blob@sha256:A None");
    check(
        Method::Post,
        "/app/blobs/uploads/?mount=DIGEST&from=main%2Fteam%2Fbase",
        None,
        "mount app blob@sha256:A Some(\"main:team/base\")",
    );
    check(
        Method::Post,
        "/app/blobs/uploads/?mount=DIGEST&from=nonsense",
        None,
        "mount app blob@sha256:A None",
    );
    check(Method::Post, "/app/blobs/uploads/?mount=latest", None, "DIGEST_INVALID");
    let session = "/app/blobs/uploads/SESSION";
    check(Method::Get, session, None, "status app");
    check(Method::Delete, session, None, "cancel app");
    check(Method::Patch, session, None, "append app None");
    check(Method::Patch, session, Some("0-9"), "append app Some(0)");
    check(Method::Patch, session, Some("10-10"), "append app Some(10)");
    check(Method::Patch, session, Some("bytes 10-19/20"), "append app Some(10)");
    check(Method::Patch, session, Some("9-0"), "BLOB_UPLOAD_INVALID");
    check(Method::Patch, session, Some("-9"), "BLOB_UPLOAD_INVALID");
    check(Method::Patch, session, Some("+1-9"), "BLOB_UPLOAD_INVALID");
    check(Method::Patch, session, Some("1"), "BLOB_UPLOAD_INVALID");
    check(Method::Patch, session, Some(""), "BLOB_UPLOAD_INVALID");
    check(Method::Patch, session, Some("0-99999999999999999999"), "BLOB_UPLOAD_INVALID");
    let of_length = |range, length| {
        let session = session.replace("SESSION", &"0123456789abcdef".repeat(2));
        let fields = [("content-range", range), ("content-length", length)];
        shown(Method::Patch, &session, &fields)
    };
    assert_eq!(of_length("10-19", "10"), "append app Some(10)");
    assert_eq!(of_length("10-19", "9"), "SIZE_INVALID");
    assert_eq!(of_length("10-19", "11"), "SIZE_INVALID");
    assert_eq!(of_length("10-18446744073709551615", "11"), "SIZE_INVALID");
    assert_eq!(of_length("10-19", "0"), "append app Some(10)");
    let finish = "/app/blobs/uploads/SESSION?digest=DIGEST";
    check(Method::Put, finish, None, "finish app None blob@sha256:A");
    check(Method::Put, finish, Some("5-9"), "finish app Some(5) blob@sha256:A");
    check(Method::Put, session, None, "DIGEST_INVALID");
    check(Method::Post, session, None, "UNSUPPORTED");
    check(Method::Get, "/app/blobs/uploads/nonsense", None, "BLOB_UPLOAD_UNKNOWN");
    check(Method::Patch, "/app/blobs/uploads/SESSIONa", None, "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn wanted_hosts() {
    let check = |query: &str, expected: Option<&str>| {
        let head = RequestHead {
            method: Method::Get,
            segments: &[],
            trailing_slash: true,
            query: Some(query),
            headers: &Fields(&[]),
        };
        assert_eq!(wanted_host(&head).as_deref(), expected, "{query}");
    };
    check("ns=Upstream.example", Some("upstream.example"));
    check("x=1&ns=upstream.example%3A5000", Some("upstream.example:5000"));
    check("ns=[::1]:5000", Some("[::1]:5000"));
    check("ns=", None);
    check("", None);
    check("ns=a/b", None);
    check("ns=u@a", None);
    check("ns=a%0d%0ab", None);
    check(&format!("ns={}", "a".repeat(256)), None);
}
