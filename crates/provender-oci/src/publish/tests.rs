use provender_ecosystem::Form;

use super::read;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn form(fields: &[(&str, &str)]) -> Form {
    let fields = fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Form { fields: fields.collect(), file_name: None }
}

#[test]
fn publications() {
    let check = |fields: &[(&str, &str)], expected: Result<(&str, Option<&str>, usize), &str>| {
        let read = read(&form(fields));
        let found = match &read {
            Ok(found) => Ok((
                found.file.as_str(),
                found.tag.as_ref().map(AsRef::as_ref),
                found.digests.len(),
            )),
            Err(problem) => Err(problem.term.unwrap_or_default()),
        };
        assert_eq!(found, expected, "{fields:?}");
    };
    let (sha256, other) = ("a".repeat(64), "b".repeat(64));
    let file = format!("manifest@sha256:{sha256}");
    let digest = format!("sha256:{sha256}");
    let by_tag = [("package", "app"), ("reference", "1.0"), (Form::SHA256, &sha256)];
    check(&by_tag, Ok((&file, Some("1.0"), 0)));
    let by_digest = [("package", "app"), ("reference", &digest), (Form::SHA256, &other)];
    check(&by_digest, Ok((&file, None, 1)));
    let with_tag = [("package", "app"), ("reference", &digest), ("tag", "1.0")];
    check(&with_tag, Ok((&file, Some("1.0"), 1)));
    check(&[("package", "app"), ("reference", "1.0")], Err("MANIFEST_INVALID"));
    check(&[("package", "App"), ("reference", &digest)], Err("NAME_INVALID"));
    check(&[("package", "app"), ("reference", "sha256:bad")], Err("DIGEST_INVALID"));
    check(
        &[("package", "app"), ("reference", "-x"), (Form::SHA256, &sha256)],
        Err("MANIFEST_INVALID"),
    );
    check(&[("package", "app"), ("reference", "x"), (Form::SHA256, "bad")], Err("DIGEST_INVALID"));
    check(&[], Err("MANIFEST_INVALID"));
}

#[test]
fn types() {
    let check = |content_type: &str, is_taken: bool| {
        let digest = format!("sha256:{}", "a".repeat(64));
        let fields = [("package", "app"), ("reference", &*digest), ("content-type", content_type)];
        let read = read(&form(&fields));
        assert_eq!(read.is_ok(), is_taken, "{content_type:?}: {read:?}");
    };
    check(MANIFEST, true);
    check(&format!("{MANIFEST}; charset=utf-8"), true);
    check(&MANIFEST.to_uppercase(), true);
    check("application/vnd.oci.image.index.v1+json", true);
    check("application/vnd.docker.distribution.manifest.v2+json", true);
    check("application/vnd.docker.distribution.manifest.list.v2+json", true);
    check("application/vnd.docker.distribution.manifest.v1+json", false);
    check("application/vnd.docker.distribution.manifest.v1+prettyjws", false);
    check("application/json", false);
    check("text/html", false);
    check("image/svg+xml", false);
    check("text/javascript", false);
    check("", false);
    check("x\r\ny: z", false);
}
