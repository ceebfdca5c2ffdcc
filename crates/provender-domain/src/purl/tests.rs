use super::{PURL_LIMIT_BYTES, Purl, PurlError};

#[test]
fn written() {
    let check = |purl: Purl, expected: &str| {
        assert_eq!(purl.to_string(), expected);
        assert_eq!(expected.parse(), Ok(purl));
    };
    check(Purl::new("generic", "demo"), "pkg:generic/demo");
    check(Purl::new("Generic", "demo").with_version("1.0"), "pkg:generic/demo@1.0");
    let local = Purl::new("generic", "demo").with_version("1!2.0+cpu.1~x:y");
    check(local.clone(), "pkg:generic/demo@1%212.0%2Bcpu.1~x:y");
    check(
        local.with_file_name("demo 1&2=3.whl"),
        "pkg:generic/demo@1%212.0%2Bcpu.1~x:y?file_name=demo%201%262%3D3.whl",
    );
    check(Purl::new("generic", "@scope/na me").with_version("1"), "pkg:generic/%40scope/na%20me@1");
    check(Purl::new("generic", "a.example/b/c"), "pkg:generic/a.example/b/c");
    check(Purl::new("generic", "d\u{e4}mo"), "pkg:generic/d%C3%A4mo");
}

#[test]
fn read() {
    let check = |text: &str, expected: Result<&str, PurlError>| {
        let read = text.parse::<Purl>().map(|purl| purl.to_string());
        assert_eq!(read.as_deref().map_err(|error| *error), expected, "{text:?}");
    };
    check("PKG:Generic/demo", Ok("pkg:generic/demo"));
    check("pkg://generic//demo/", Ok("pkg:generic/demo"));
    check("pkg:generic/@scope/demo@1", Ok("pkg:generic/%40scope/demo@1"));
    check("pkg:generic/@scope/demo", Ok("pkg:generic/%40scope/demo"));
    check("pkg:generic/demo?b=2&A=1&empty=", Ok("pkg:generic/demo?a=1&b=2"));
    check("", Err(PurlError::WrongScheme));
    check("demo", Err(PurlError::WrongScheme));
    check("http://generic/demo", Err(PurlError::WrongScheme));
    check("pkg:generic", Err(PurlError::NoName));
    check("pkg:generic/", Err(PurlError::NoName));
    check("pkg:/", Err(PurlError::NoName));
    check("pkg:gen_eric/demo", Err(PurlError::WrongType));
    check("pkg:7/demo", Err(PurlError::WrongType));
    check("pkg:generic/demo@", Err(PurlError::BadPart));
    check("pkg:generic/a%2Fb", Err(PurlError::BadPart));
    check("pkg:generic/a%00", Err(PurlError::BadPart));
    check("pkg:generic/a%ff", Err(PurlError::BadPart));
    check("pkg:generic/demo?a%20b=1", Err(PurlError::BadPart));
    check("pkg:generic/demo#src", Err(PurlError::Subpath));
    let long = format!("pkg:generic/{}", "a".repeat(PURL_LIMIT_BYTES));
    check(&long, Err(PurlError::TooLong));
}

#[test]
fn parts() {
    let purl = Purl::new("generic", "group/demo").with_file_name("demo.zip");
    assert_eq!(purl.full_name(), "group/demo");
    assert_eq!(purl.file_name(), Some("demo.zip"));
    assert_eq!(Purl::new("generic", "demo").full_name(), "demo");
}
