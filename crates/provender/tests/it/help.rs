//! What every command says of itself.

use crate::support::run;

#[test]
fn help() {
    let check = |name: &str, command: &[&str]| {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        insta::assert_snapshot!(name, run(&arguments).ok());
    };
    check("provender", &[]);
    check("serve", &["serve"]);
    check("tour", &["tour"]);
    check("sign", &["sign"]);
    check("verify", &["verify"]);
    check("attest", &["attest"]);
    check("timestamp", &["timestamp"]);
    check("why", &["why"]);
    check("login", &["login"]);
    check("trust_export", &["trust", "export"]);
    check("trust", &["trust"]);
    check("trust_root", &["trust", "root"]);
    check("trust_root_export", &["trust", "root", "export"]);
    check("trust_rotate", &["trust", "rotate"]);
    check("log", &["log"]);
    check("log_verify", &["log", "verify"]);
    check("log_search", &["log", "search"]);
    check("repo", &["repo"]);
    check("repo_create", &["repo", "create"]);
    check("repo_set_visibility", &["repo", "set-visibility"]);
    check("repo_require_signature", &["repo", "require-signature"]);
    check("repo_retain", &["repo", "retain"]);
    check("tag", &["tag"]);
    check("tag_history", &["tag", "history"]);
    check("retention_apply", &["retention", "apply"]);
    check("token", &["token"]);
    check("token_create", &["token", "create"]);
    check("own_add", &["own", "add"]);
    check("upstream", &["upstream"]);
    check("upstream_add", &["upstream", "add"]);
    check("upstream_discover", &["upstream", "discover"]);
    check("origin_set", &["origin", "set"]);
    check("package", &["package"]);
    check("package_yank", &["package", "yank"]);
    check("quarantine_list", &["quarantine", "list"]);
    check("quarantine_add", &["quarantine", "add"]);
    check("events", &["events"]);
    check("gc", &["gc"]);
}
