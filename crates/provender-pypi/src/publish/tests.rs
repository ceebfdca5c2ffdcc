use provender_domain::ProblemCode;
use provender_ecosystem::Form;

use super::read;

/// A form that is right, with these fields changed; an empty value removes the field.
fn form(file_name: &str, changes: &[(&str, &str)]) -> Form {
    let sha256 = "ab".repeat(32);
    let filetype = if file_name.contains(".whl") { "bdist_wheel" } else { "sdist" };
    let right = [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("name", "De.Mo"),
        ("version", "1.0"),
        ("filetype", filetype),
        ("sha256_digest", &sha256),
    ];
    let is_set = |key: &str| changes.iter().any(|(other, _)| *other == key);
    let fields = right.iter().filter(|(key, _)| !is_set(key)).chain(changes);
    Form {
        fields: fields
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        file_name: Some(file_name.to_owned()),
    }
}

#[test]
fn publications() {
    let check = |file_name: &str, changes: &[(&str, &str)], expected: Result<&str, &str>| {
        let found = read(&form(file_name, changes));
        match (&found, expected) {
            (Ok(publication), Ok(version)) => {
                assert_eq!(publication.package.as_str(), "de-mo");
                assert_eq!(publication.version.as_ref().unwrap().as_str(), version);
                assert_eq!(publication.file.as_str(), file_name);
            }
            (Err(problem), Err(part)) if problem.public.contains(part) => {
                assert_eq!(problem.code, ProblemCode::InvalidRequest);
            }
            _ => panic!("{file_name} {changes:?}: {found:?} instead of {expected:?}"),
        }
    };
    let (sdist, wheel) = ("de_mo-1.0.tar.gz", "de_mo-1.0-py3-none-any.whl");
    check(sdist, &[], Ok("1.0"));
    check(wheel, &[], Ok("1.0"));
    check("de_mo-1.0-7-cp312-abi3-win_amd64.whl", &[], Ok("1.0"));
    check("de_mo-1.0+local.1.tar.gz", &[("version", "1.0+local.1")], Ok("1.0+local.1"));
    check("de_mo-1.0rc1.tar.gz", &[("version", "1.0-RC.1")], Ok("1.0rc1"));
    check(sdist, &[("protocol_version", ""), ("requires_python", ">=3")], Ok("1.0"));
    check(sdist, &[("attestations", "  ")], Ok("1.0"));

    check(sdist, &[(":action", "submit")], Err("field :action is `submit`; this index takes"));
    check(sdist, &[(":action", "")], Err("field :action is missing"));
    check(sdist, &[("protocol_version", "2")], Err("field protocol_version is `2`"));
    check(sdist, &[("attestations", "[]")], Ok("1.0"));
    check(sdist, &[("attestations", "[{}]")], Err("field attestations: it is no list"));
    check(
        sdist,
        &[("attestations", "[]"), ("attestations", "[]")],
        Err("field attestations is there more than once"),
    );
    check(sdist, &[("gpg_signature", "x")], Err("PGP signatures are not kept"));
    check(sdist, &[("name", "de mo")], Err("field name: not a valid package name"));
    check(sdist, &[("name", "")], Err("field name is missing or empty"));
    check(
        sdist,
        &[("name", "de-mo"), ("name", "other")],
        Err("field name is there more than once"),
    );
    check(sdist, &[("version", "one")], Err("field version: not a valid version"));
    check(sdist, &[("version", "2.0")], Err("says version 1.0, the form says 2.0"));
    check(
        sdist,
        &[("name", "other")],
        Err("`de_mo-1.0.tar.gz` is no file name for other 1.0: other-1.0.tar.gz is"),
    );
    check("de-mo-1.0.tar.gz", &[], Err("must be de_mo-1.0.tar.gz (PEP 427, PEP 625): rename it"));
    check("de_mo-1.0.0.tar.gz", &[], Err("must be de_mo-1.0.tar.gz"));
    check("De.Mo-1.0-py3-none-any.whl", &[], Err("must be de_mo-1.0-py3-none-any.whl"));
    check(
        "de_mo-1.0.zip",
        &[],
        Err("must be de_mo-1.0.tar.gz (PEP 427, PEP 625): build a .tar.gz"),
    );
    check("de_mo-1.0.exe", &[], Err("is no file name for de-mo 1.0"));
    check("../de_mo-1.0.tar.gz", &[], Err("field content: not a valid file name"));
    check("", &[], Err("field content has no file name"));
    check(sdist, &[("filetype", "bdist_wheel")], Err("filetype is `bdist_wheel`, but by its name"));
    check(wheel, &[("filetype", "sdist")], Err("the file is of type bdist_wheel"));
    check(wheel, &[("filetype", "")], Err("field filetype is missing"));
    check(sdist, &[("sha256_digest", "")], Err("field sha256_digest is missing"));
    check(sdist, &[("sha256_digest", "abc")], Err("field sha256_digest: a sha256 digest has 64"));
    let md5 = "cd".repeat(16);
    check(sdist, &[("sha256_digest", ""), ("md5_digest", &md5)], Err("sha256_digest is missing"));
    let blake = "ef".repeat(32);
    check(sdist, &[("sha256_digest", ""), ("blake2_256_digest", &blake)], Ok("1.0"));
}

#[test]
fn every_digest_is_a_claim() {
    let (md5, blake) = ("CD".repeat(16), "ef".repeat(32));
    let changes = [("md5_digest", md5.as_str()), ("blake2_256_digest", &blake)];
    let publication = read(&form("de_mo-1.0.tar.gz", &changes)).unwrap();
    let digests: Vec<String> = publication.digests.iter().map(ToString::to_string).collect();
    let expected = [
        format!("sha256:{}", "ab".repeat(32)),
        format!("blake2b_256:{blake}"),
        format!("md5:{}", md5.to_lowercase()),
    ];
    assert_eq!(digests, expected);
}
