use serde_json::{Value, json};

use super::super::{Claims, Preset, TokenError};
use super::{ClaimMapping, Extension, San, is_email};

fn claims(value: &Value) -> Claims {
    Claims::from_json(value.to_string().as_bytes()).unwrap()
}

#[test]
fn a_workflow_becomes_its_reference_and_says_where_it_ran() {
    let mapping =
        ClaimMapping::preset(Preset::GithubActions, Some("https://git.example/")).unwrap();
    let claims = claims(&json!({
        "sub": "repo:acme/app:ref:refs/tags/v1",
        "job_workflow_ref": "acme/ci/.github/workflows/release.yml@refs/heads/main",
        "job_workflow_sha": "11", "workflow_ref": "acme/app/.github/workflows/w.yml@refs/tags/v1",
        "workflow_sha": "22", "workflow": "Release", "event_name": "push", "sha": "33",
        "repository": "acme/app", "repository_id": "44", "repository_owner": "acme",
        "repository_owner_id": "55", "repository_visibility": "private", "ref": "refs/tags/v1",
        "runner_environment": "self-hosted", "run_id": "66", "run_attempt": "2",
    }));
    let expected = "https://git.example/acme/ci/.github/workflows/release.yml@refs/heads/main";
    assert_eq!(mapping.san(&claims).unwrap(), San::Uri(expected.to_owned()));
    let found: Vec<(u32, String)> =
        mapping.extensions(&claims).into_iter().map(|(name, value)| (name.arc(), value)).collect();
    let expected = [
        (2, "push"),
        (3, "33"),
        (4, "Release"),
        (5, "acme/app"),
        (6, "refs/tags/v1"),
        (9, expected),
        (10, "11"),
        (11, "self-hosted"),
        (12, "https://git.example/acme/app"),
        (13, "33"),
        (14, "refs/tags/v1"),
        (15, "44"),
        (16, "https://git.example/acme"),
        (17, "55"),
        (18, "https://git.example/acme/app/.github/workflows/w.yml@refs/tags/v1"),
        (19, "22"),
        (20, "push"),
        (21, "https://git.example/acme/app/actions/runs/66/attempts/2"),
        (22, "private"),
        // No deployment environment (23): the token has none.
        (24, "repo:acme/app:ref:refs/tags/v1"),
    ];
    assert_eq!(found, expected.map(|(arc, value)| (arc, value.to_owned())));
}

#[test]
fn presets_name_what_the_system_runs() {
    let check = |preset, claims_json: Value, expected: Result<&str, &str>| {
        let mapping = ClaimMapping::preset(preset, Some("https://git.example")).unwrap();
        let found = mapping.san(&claims(&claims_json));
        match expected {
            Ok(name) => assert_eq!(found.unwrap().as_str(), name),
            Err(why) => assert!(found.unwrap_err().to_string().contains(why), "{claims_json}"),
        }
    };
    check(
        Preset::Gitlab,
        json!({"ci_config_ref_uri": "git.example/g/p//.gitlab-ci.yml@refs/heads/main"}),
        Ok("https://git.example/g/p//.gitlab-ci.yml@refs/heads/main"),
    );
    check(Preset::Gitlab, json!({}), Err("whom"));
    check(
        Preset::Kubernetes,
        json!({"kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "builder"}}}),
        Ok("https://kubernetes.io/namespaces/prod/serviceaccounts/builder"),
    );
    check(Preset::Kubernetes, json!({"kubernetes.io": {"namespace": "prod"}}), Err("whom"));
    check(
        Preset::Email,
        json!({"email": "a@b.example", "email_verified": true}),
        Ok("a@b.example"),
    );
    check(
        Preset::Email,
        json!({"email": "a@b.example", "email_verified": "true"}),
        Ok("a@b.example"),
    );
    check(Preset::Email, json!({"email": "a@b.example", "email_verified": false}), Err("verified"));
    check(Preset::Email, json!({"email": "a@b.example", "email_verified": 1}), Err("verified"));
    check(Preset::Email, json!({"email": "a@b.example"}), Err("verified"));
    check(Preset::Email, json!({"email": "a", "email_verified": true}), Err("plain"));
    check(Preset::GithubActions, json!({"job_workflow_ref": "a b"}), Err("plain"));
    check(Preset::GithubActions, json!({"job_workflow_ref": "a\u{0}b"}), Err("plain"));
    check(Preset::GithubActions, json!({"job_workflow_ref": "ü"}), Err("plain"));
    check(Preset::GithubActions, json!({"job_workflow_ref": ""}), Err("whom"));
    check(Preset::GithubActions, json!({"job_workflow_ref": "a".repeat(3000)}), Err("plain"));
}

#[test]
fn branches_and_tags_are_told_apart() {
    let mapping = ClaimMapping::preset(Preset::Gitlab, Some("https://git.example")).unwrap();
    let check = |kind: &str, expected: Option<&str>| {
        let extensions = mapping.extensions(&claims(&json!({"ref_type": kind, "ref": "x"})));
        let found = extensions.iter().find(|(name, _)| *name == Extension::SourceRepositoryRef);
        assert_eq!(found.map(|(_, value)| value.as_str()), expected, "{kind}");
    };
    check("branch", Some("refs/heads/x"));
    check("tag", Some("refs/tags/x"));
    check("merge", None);
}

#[test]
fn templates_of_ones_own_replace_those_of_the_preset() {
    let mapping: ClaimMapping = serde_json::from_value(json!({
        "preset": "kubernetes",
        "subject": {"uri": "https://cluster.example/{kubernetes.io/namespace}"},
        "extensions": {"runner-environment": "{pod}", "token-subject": "{none}"},
    }))
    .unwrap();
    let claims = claims(&json!({"sub": "s", "pod": "p", "kubernetes.io": {"namespace": "n"}}));
    assert_eq!(mapping.san(&claims).unwrap().as_str(), "https://cluster.example/n");
    assert_eq!(mapping.extensions(&claims), [(Extension::RunnerEnvironment, "p".to_owned())]);
}

#[test]
fn an_address_can_be_read_in_one_way_only() {
    let check =
        |address: &str, expected: bool| assert_eq!(is_email(address), expected, "{address}");
    check("me@corp.example", true);
    check("first.last+tag@corp.example", true);
    check("me@localhost", true);
    check("", false);
    check("me", false);
    check("@corp.example", false);
    check("me@", false);
    check("a@b@c.example", false);
    check("a b@c.example", false);
    check("a@c.example,b@c.example", false);
    check("<a@c.example>", false);
    check("a@c.example\n", false);
    check("a@c.example\0.evil.example", false);
    check("ü@c.example", false);
    check(&format!("{}@c.example", "x".repeat(250)), false);
}

#[test]
fn errors_of_subjects_are_distinct() {
    let mapping = ClaimMapping::preset(Preset::Email, None).unwrap();
    assert!(matches!(mapping.san(&Claims::default()), Err(TokenError::EmailNotVerified)));
    let nobody = claims(&json!({"email_verified": true}));
    assert!(matches!(mapping.san(&nobody), Err(TokenError::NoSubject)));
}

#[test]
fn an_address_is_the_one_that_the_issuer_vouches_for() {
    let check = |template: &str, expected: bool| {
        let mapping = json!({"subject": {"email": template}});
        let read = serde_json::from_value::<ClaimMapping>(mapping);
        let error = read.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert_eq!(read.is_ok(), expected, "{template}: {error}");
        assert_eq!(error.contains("taken as it is"), !expected, "{template}: {error}");
    };
    check("{email}", true);
    check("{upn}", false);
    check("{sub}@corp.example", false);
    check("{email}.example", false);
    check("ada@corp.example", false);
    check("{email|a@b.example=root@corp.example}", false);
}
