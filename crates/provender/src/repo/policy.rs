//! Rules of a repository: for signatures and for retention.

use std::path::PathBuf;

use anyhow::Result;
use clap::{ArgGroup, Args};
use provender_attest::TRUST_ROOT_LIMIT_BYTES;
use provender_server::api::types::{Policy, RetentionRule, SignatureRule};

use super::change_policy;
use crate::api::{Api, Refusal};
use crate::input;
use crate::output::{Output, printable};

#[derive(Debug, Args)]
pub(crate) struct RequireSignature {
    /// The repository
    name: String,
    /// The ecosystem, such as oci
    ecosystem: String,
    /// Which packages: a name, or a prefix with `*` behind it (quote it for the shell)
    packages: String,
    /// Whose signature: an address or a URI, with `*` for any characters
    #[arg(long, value_name = "PATTERN", required_unless_present = "remove")]
    identity: Option<String>,
    /// Who vouches for whoever signs: an issuer, with `*` for any characters
    #[arg(long, value_name = "PATTERN", required_unless_present = "remove")]
    issuer: Option<String>,
    /// By which trust root it is verified: a `trusted_root.json`, or what `provender trust export`
    /// wrote elsewhere; without it, by this server's own
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    trust: Option<PathBuf>,
    /// Ask for it no more; without --identity and --issuer, for no signature of these packages
    #[arg(long)]
    remove: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["tags", "untagged"]))]
#[command(group = ArgGroup::new("then").required(true).multiple(true).args(["keep_last", "keep_days", "remove"]))]
pub(crate) struct Retain {
    /// The repository
    name: String,
    /// The ecosystem, such as oci
    ecosystem: String,
    /// Which packages: a name, or a prefix with `*` behind it (quote it for the shell)
    packages: String,
    /// Which tags, with `*` for any characters
    #[arg(long, value_name = "PATTERN")]
    tags: Option<String>,
    /// Files that no tag points to and no other file refers to
    #[arg(long)]
    untagged: bool,
    /// Keep so many of these tags of each package, the latest moved first
    #[arg(long, value_name = "COUNT", conflicts_with = "untagged")]
    keep_last: Option<u32>,
    /// Keep what was moved, or came, within so many days
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
    /// Take the rule back: these are kept for ever again
    #[arg(long, conflicts_with_all = ["keep_last", "keep_days"])]
    remove: bool,
}

pub(super) async fn require_signature(
    options: RequireSignature,
    api: &Api,
    output: Output,
) -> Result<()> {
    let RequireSignature { name, ecosystem, packages, identity, issuer, trust, remove } = options;
    let trust = trust.map(|path| input::read_text("--trust", &path, TRUST_ROOT_LIMIT_BYTES));
    let trust = trust.transpose()?;
    let is_meant = |rule: &SignatureRule| {
        rule.ecosystem == ecosystem
            && rule.packages == packages
            && identity.as_ref().is_none_or(|identity| *identity == rule.identity)
            && issuer.as_ref().is_none_or(|issuer| *issuer == rule.issuer)
    };
    let change = |policy: &mut Policy| {
        if remove {
            return remove_from(&mut policy.signatures, is_meant);
        }
        let rule = SignatureRule {
            ecosystem: ecosystem.clone(),
            packages: packages.clone(),
            identity: identity.clone().unwrap_or_default(),
            issuer: issuer.clone().unwrap_or_default(),
            trust: trust.clone(),
        };
        if !policy.signatures.contains(&rule) {
            policy.signatures.push(rule);
        }
        Ok(())
    };
    let changed = change_policy(&name, api, change).await?;
    let done = if remove { "is asked for no more" } else { "is asked for now" };
    output.done(&changed, |_| format!("A signature of {ecosystem} {packages} {done} in {name}."))
}

pub(super) async fn retain(options: Retain, api: &Api, output: Output) -> Result<()> {
    let Retain { name, ecosystem, packages, tags, keep_last, keep_days, remove, .. } = options;
    let is_meant = |rule: &RetentionRule| {
        rule.ecosystem == ecosystem && rule.packages == packages && rule.tags == tags
    };
    let change = |policy: &mut Policy| {
        if remove {
            return remove_from(&mut policy.retention, is_meant);
        }
        policy.retention.retain(|rule| !is_meant(rule));
        policy.retention.push(RetentionRule {
            ecosystem: ecosystem.clone(),
            packages: packages.clone(),
            tags: tags.clone(),
            keep_last,
            keep_days,
        });
        Ok(())
    };
    let changed = change_policy(&name, api, change).await?;
    output.done(&changed, |changed| {
        let policy = changed.policy.clone().unwrap_or_default();
        match policy.retention.iter().find(|rule| is_meant(rule)) {
            Some(rule) => format!("In {name}: {}.", describe_retention(rule)),
            None if remove => format!("In {name} these are kept for ever again."),
            // Spelled otherwise than the ecosystem does.
            None => describe(&policy),
        }
    })
}

fn remove_from<T>(rules: &mut Vec<T>, is_meant: impl Fn(&T) -> bool) -> Result<()> {
    let before = rules.len();
    rules.retain(|rule| !is_meant(rule));
    if rules.len() < before {
        return Ok(());
    }
    let message = "there is no such rule; `provender repo policy` shows those that there are";
    Err(Refusal { code: "not-found".to_owned(), message: message.to_owned() }.into())
}

/// What a repository asks for, a rule on each line.
pub(super) fn describe(policy: &Policy) -> String {
    let mut lines = vec![format!("tags are {}", policy.tags.as_str())];
    lines.extend(policy.signatures.iter().map(|rule| {
        let root = if rule.trust.is_some() { ", by a trust root of its own" } else { "" };
        format!(
            "{} {} is served only if signed by {}, vouched for by {}{root}",
            rule.ecosystem, rule.packages, rule.identity, rule.issuer
        )
    }));
    lines.extend(policy.retention.iter().map(describe_retention));
    let lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
    lines.join("\n")
}

fn describe_retention(rule: &RetentionRule) -> String {
    let what = match &rule.tags {
        Some(tags) => format!("tags {tags}"),
        None => "files without tags".to_owned(),
    };
    let last = rule.keep_last.filter(|count| *count > 0).map(|count| format!("the last {count}"));
    let days = rule.keep_days.filter(|days| *days > 0).map(|days| match days {
        1 => "those of the last day".to_owned(),
        days => format!("those of the last {days} days"),
    });
    let kept = match (last, days) {
        (Some(last), Some(days)) => format!("{last} are kept, and {days}"),
        (Some(kept), None) | (None, Some(kept)) => format!("{kept} are kept"),
        (None, None) => "none are kept".to_owned(),
    };
    format!("{} {}: of {what} {kept}", rule.ecosystem, rule.packages)
}

#[cfg(test)]
mod tests {
    use provender_domain::TagRule;
    use provender_server::api::types::{Policy, RetentionRule, SignatureRule};

    use super::describe;

    #[test]
    fn rules_in_words() {
        let retention = |tags: Option<&str>, keep_last, keep_days| RetentionRule {
            ecosystem: "demo".to_owned(),
            packages: "team/*".to_owned(),
            tags: tags.map(str::to_owned),
            keep_last,
            keep_days,
        };
        let policy = Policy {
            tags: TagRule::Immutable,
            signatures: vec![SignatureRule {
                ecosystem: "demo".to_owned(),
                packages: "*".to_owned(),
                identity: "*@people.example".to_owned(),
                issuer: "https://sso.example".to_owned(),
                trust: None,
            }],
            retention: vec![
                retention(Some("pr-*"), Some(5), Some(7)),
                retention(Some("v*"), Some(10), None),
                retention(None, None, Some(30)),
                retention(Some("pr-*"), Some(5), Some(0)),
                retention(None, None, Some(1)),
                retention(None, None, Some(0)),
            ],
        };
        let expected = "\
tags are immutable
demo * is served only if signed by *@people.example, vouched for by https://sso.example
demo team/*: of tags pr-* the last 5 are kept, and those of the last 7 days
demo team/*: of tags v* the last 10 are kept
demo team/*: of files without tags those of the last 30 days are kept
demo team/*: of tags pr-* the last 5 are kept
demo team/*: of files without tags those of the last day are kept
demo team/*: of files without tags none are kept";
        assert_eq!(describe(&policy), expected);
        assert_eq!(describe(&Policy::default()), "tags are movable");
    }
}
