use provender_domain::{BlobId, Purl, Timestamp};
use serde_json::json;

use super::{
    PREDICATE_RELEASE, Release, ResourceDescriptor, Statement, StatementError, Subject,
    VerificationResult, VerificationSummary,
};

const BLOB: BlobId = BlobId::from_bytes([0x5a; 32]);

#[test]
fn a_release_as_in_toto_writes_it() {
    let package = Purl::new("generic", "idna");
    assert!(matches!(Release::new(&package), Err(StatementError::NoVersion)));
    let release = Release::new(&package.with_version("3.10")).unwrap();
    let statement = release.statement(vec![Subject::file("idna-3.10.tar.gz", BLOB)]);
    let written: serde_json::Value = serde_json::from_slice(&statement.to_json()).unwrap();
    let expected = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "idna-3.10.tar.gz", "digest": {"sha256": "5a".repeat(32)}}],
        "predicateType": PREDICATE_RELEASE,
        "predicate": {"purl": "pkg:generic/idna@3.10"},
    });
    assert_eq!(written, expected);
    let read = Statement::parse(&statement.to_json()).unwrap();
    assert_eq!(read, statement);
    assert_eq!(Release::of(&read).unwrap(), release);
    assert!(read.is_about(&BLOB.digest()));
    assert!(!read.is_about(&BlobId::from_bytes([0; 32]).digest()));
    assert!(matches!(VerificationSummary::of(&read), Err(StatementError::OtherPredicate(_))));
}

#[test]
fn a_summary_as_slsa_writes_it() {
    let policy = ResourceDescriptor {
        uri: Some("https://packages.example/-/policy".to_owned()),
        digest: [("sha256".to_owned(), "ab".repeat(32))].into(),
    };
    let mut summary = VerificationSummary::new(
        "https://packages.example/main",
        Timestamp::from_microseconds(1_700_000_000_000_000),
        "https://packages.example/main/generic/files/idna/idna-3.10.tar.gz",
        policy,
        VerificationResult::Passed,
    );
    summary.verified_levels = vec!["PROVENDER_DIGEST_VERIFIED".to_owned()];
    let statement = summary.statement(vec![Subject::file("idna-3.10.tar.gz", BLOB)]);
    let expected = json!({
        "verifier": {"id": "https://packages.example/main"},
        "timeVerified": "2023-11-14T22:13:20.000000Z",
        "resourceUri": "https://packages.example/main/generic/files/idna/idna-3.10.tar.gz",
        "policy": {
            "uri": "https://packages.example/-/policy",
            "digest": {"sha256": "ab".repeat(32)},
        },
        "verificationResult": "PASSED",
        "verifiedLevels": ["PROVENDER_DIGEST_VERIFIED"],
        "slsaVersion": "1.0",
    });
    assert_eq!(statement.predicate, expected);
    assert_eq!(VerificationSummary::of(&statement).unwrap(), summary);
}

#[test]
fn what_is_no_statement() {
    let check = |json: serde_json::Value, expected: &str| {
        let refused = Statement::parse(json.to_string().as_bytes()).unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    };
    let subject = json!([{"digest": {"sha256": "00"}}]);
    let of = |kind: &str, subject: &serde_json::Value| json!({"_type": kind, "subject": subject, "predicateType": "x"});
    check(json!([]), "no in-toto statement");
    check(json!({"_type": super::STATEMENT_TYPE}), "no in-toto statement");
    check(of("https://in-toto.io/Statement/v2", &subject), "v2");
    check(of(super::STATEMENT_TYPE, &json!([])), "between 1 and");
    check(of(super::STATEMENT_TYPE, &json!([{"digest": {}}])), "between 1 and");
    let many = vec![json!({"digest": {"sha256": "00"}}); super::SUBJECTS_LIMIT + 1];
    check(of(super::STATEMENT_TYPE, &json!(many)), "between 1 and");
    assert!(
        Statement::parse(of(super::STATEMENT_TYPE_OLD, &subject).to_string().as_bytes()).is_ok()
    );

    let huge = vec![b' '; super::STATEMENT_LIMIT_BYTES + 1];
    assert!(matches!(Statement::parse(&huge), Err(StatementError::TooLarge { .. })));
}

#[test]
fn other_predicates_pass_through() {
    let json = json!({
        "_type": super::STATEMENT_TYPE,
        "subject": [{"name": "a", "digest": {"sha512": "00", "gitCommit": "11"}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": {"x": [1, 2.5, null, "é"]}},
    });
    let statement = Statement::parse(json.to_string().as_bytes()).unwrap();
    let again: serde_json::Value = serde_json::from_slice(&statement.to_json()).unwrap();
    assert_eq!(again, json);
}

#[test]
fn predicates_stay_as_they_were_written() {
    let written = |predicate: &str| {
        let subjects = vec![super::Subject::new("a", [("sha256".to_owned(), "00".to_owned())])];
        let bytes = Statement::with_written(subjects, "x:y".to_owned(), predicate.as_bytes())?;
        Ok::<_, StatementError>(String::from_utf8(bytes).unwrap())
    };
    let predicate = r#"{"big": 123456789012345678901234567890, "a": 1.10, "a": 2}"#;
    let text = written(predicate).unwrap();
    assert!(text.ends_with(&format!("\"predicate\":{predicate}}}")), "{text}");
    assert!(Statement::parse(text.as_bytes()).is_ok());
    assert!(written("").is_err());
    assert!(written("{} {}").is_err());
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    assert!(written(&deep).is_err());
    let huge = format!("\"{}\"", "a".repeat(super::STATEMENT_LIMIT_BYTES));
    assert!(written(&huge).is_err());
}
