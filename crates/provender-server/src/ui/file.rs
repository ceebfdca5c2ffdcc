//! `/-/ui/<repository>/<ecosystem>/<package…>?file=<name>`: one file, where it came from, and what
//! each signature over it proves.

use maud::{Markup, html};
use provender_attest::{
    LogPlace, PREDICATE_RELEASE, PREDICATE_SIGNATURE, PREDICATE_VERIFICATION_SUMMARY, SignedBy,
    Statement, TimeSource, Verified, summarize,
};
use provender_domain::{FileState, KeptFile, Origin, Problem};
use provender_ecosystem::ClientSetup;
use provender_registry::{FileEvent, FileEvidence, FileNamed, Link};
use provender_store::AttestationSource;

use super::Visit;
use super::package::file_entry;
use super::page::{Step, layout, moment, package_path, repository_path, setup_list};
use super::tags::{details, shortened};

pub(super) async fn page(visit: &Visit<'_>, named: FileNamed<'_>) -> Result<Markup, Problem> {
    let (evidence, links) = visit.registry.chain_of(visit.caller, named).await?;
    let report = &evidence.report;
    let known = visit.registry.ecosystem(&report.ecosystem);
    let known = known.ok_or_else(|| Problem::not_found("there is no such ecosystem"))?;
    let (repository, package) = (report.repository.as_str(), report.package.as_str());
    let name = report.kept.file.name.as_str();
    let package_page = package_path(repository, &report.ecosystem, package);
    let steps = [
        Step { name: repository.to_owned(), path: repository_path(repository) },
        Step { name: package.to_owned(), path: package_page },
        Step { name: shortened(name), path: String::new() },
    ];
    let content = html! {
        section.title { h1 { (shortened(name)) } }
        p.lead { (whence(&evidence.report.kept)) }
        article.card {
            (file_entry(visit, report))
            (details(&**known, &report.kept))
            p.details { "Package URL: " code { (evidence.purl) } }
        }
        section {
            h2 { "Signed and attested " span.count { (links.len()) } }
            @if links.is_empty() { p.empty { "Nobody has signed it, or said anything about it." } }
            @for link in &links { (link_entry(link)) }
            (by_yourself(visit, &evidence))
        }
        (events(&evidence.events))
    };
    Ok(layout(visit, &steps, &content))
}

/// From where it came, in a sentence.
fn whence(kept: &KeptFile) -> Markup {
    html! {
        @match &kept.origin {
            Origin::Published => {
                "Published here, and kept since " (moment(kept.recorded_at)) "."
            }
            Origin::Mirrored { upstream } if kept.is_unseen() => {
                "Listed by " (upstream) ", and closed here at " (moment(kept.recorded_at))
                ", before anybody fetched it."
            }
            Origin::Mirrored { upstream } if kept.state == FileState::Quarantined => {
                "Came from " (upstream) ", and is known here since " (moment(kept.recorded_at)) "."
            }
            Origin::Mirrored { upstream } => {
                "Fetched from " (upstream) ", verified, and kept since "
                (moment(kept.recorded_at)) "."
            }
        }
    }
}

fn link_entry(link: &Link) -> Markup {
    html! {
        article.card.link {
            @match &link.outcome {
                Ok(verified) => {
                    header {
                        h3 { (title(verified.statement.as_ref())) }
                        span.badge.served { "verified just now" }
                    }
                    (proof(link, verified))
                }
                Err(reason) => {
                    header {
                        h3 { "Signature" }
                        span.badge.deleted { "not verified" }
                    }
                    p.reason { (reason) }
                    dl.facts { (made_by(link)) }
                }
            }
        }
    }
}

/// What was signed, in words where they are known.
fn title(statement: Option<&Statement>) -> &str {
    match statement.map(|statement| statement.predicate_type.as_str()) {
        None | Some(PREDICATE_SIGNATURE) => "Signature",
        Some(PREDICATE_RELEASE) => "Release",
        Some(PREDICATE_VERIFICATION_SUMMARY) => "Verification summary",
        Some(other) => other,
    }
}

fn proof(link: &Link, verified: &Verified) -> Markup {
    let statement = verified.statement.as_ref();
    let says = statement.and_then(|said| summarize(&said.predicate_type, &said.predicate));
    html! {
        dl.facts {
            (signed_by(&verified.signed_by))
            @if let Some(signed) = verified.signed_at() {
                div {
                    dt { "Signed at" }
                    dd {
                        (moment(signed.at)) ", says "
                        @match signed.source {
                            TimeSource::TimestampAuthority => "a timestamp authority",
                            TimeSource::TransparencyLog => "the log that took it",
                        }
                    }
                }
            }
            @for place in &verified.log { (logged(place)) }
            @if let Some(says) = says { div { dt { "It says" } dd { (says) } } }
            (made_by(link))
        }
        details {
            summary { "What this does not prove" }
            ul { @for open in &verified.unproved { li { (open.sentence()) } } }
        }
    }
}

fn signed_by(signed_by: &SignedBy) -> Markup {
    html! {
        @match signed_by {
            SignedBy::Certificate { identity, issuer, claims, .. } => {
                div { dt { "Signed by" } dd { strong { (identity) } } }
                @if let Some(issuer) = issuer { div { dt { "Vouched for by" } dd { (issuer) } } }
                @for (name, value) in claims { div { dt { (name) } dd { (value) } } }
            }
            SignedBy::Key { fingerprint } => {
                div { dt { "Signed by the key" } dd { code.digest { (fingerprint) } } }
            }
        }
    }
}

fn logged(place: &LogPlace) -> Markup {
    let log = if place.log.is_empty() { "a log" } else { place.log.as_str() };
    html! {
        div {
            dt { "Logged in" }
            dd {
                (log) ", entry " (place.index)
                @if place.is_proved { " of " (place.size) } @else { ", as the log promised" }
            }
        }
    }
}

fn made_by(link: &Link) -> Markup {
    html! {
        div {
            dt { "Made by" }
            dd {
                @match link.source {
                    Some(AttestationSource::Ours) => "this server",
                    Some(AttestationSource::Publisher) => "its publisher",
                    Some(AttestationSource::Upstream) => "somebody upstream",
                    None => "somebody, under a tag beside it",
                }
            }
        }
        @if let Some(at) = link.recorded_at { div { dt { "Recorded here" } dd { (moment(at)) } } }
    }
}

/// This page is the server's own word.
fn by_yourself(visit: &Visit<'_>, evidence: &FileEvidence) -> Markup {
    let digest = evidence.report.kept.blob.digest();
    let command = format!("provender why {digest} --server {}", visit.origin);
    setup_list(&[ClientSetup { client: "provender", purpose: "verify it yourself", command }])
}

fn events(events: &[FileEvent]) -> Markup {
    html! {
        @if !events.is_empty() {
            section {
                h2 { "What happened to it " span.count { (events.len()) } }
                table.tags {
                    thead {
                        tr {
                            th scope="col" { "At" }
                            th scope="col" { "What" }
                            @if events.iter().any(|event| event.actor.is_some()) {
                                th scope="col" { "By" }
                            }
                        }
                    }
                    tbody {
                        @for event in events.iter().rev() {
                            tr {
                                td data-label="At" { (moment(event.at)) }
                                td data-label="What" {
                                    (event.message)
                                    p.details { (event.kind.as_str()) }
                                }
                                @if let Some(actor) = &event.actor {
                                    td data-label="By" { (actor) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use provender_domain::KeptFile;
    use serde_json::json;

    use super::whence;

    #[test]
    fn a_file_is_said_to_be_verified_where_it_was() {
        let check = |origin: serde_json::Value, state: &str, is_unseen: bool, expected: &str| {
            let mut kept: KeptFile = serde_json::from_value(json!({
                "name": "demo-1.0.tar.gz", "version": "1.0", "url": null, "digests": [],
                "size_bytes": null, "uploaded_at": null, "yank": null, "attributes": {},
                "companions": [], "blob": "0".repeat(64), "origin": origin, "recorded_at": "2026-01-31T12:00:00Z",
                "publisher": null, "state": state, "state_reason": null,
            }))
            .unwrap();
            if is_unseen {
                kept.set_unseen();
            }
            let told = whence(&kept).into_string();
            assert!(told.starts_with(expected), "{told}");
        };
        let up = json!({ "kind": "mirrored", "upstream": "up" });
        check(json!({ "kind": "published" }), "present", false, "Published here");
        check(up.clone(), "present", false, "Fetched from up, verified");
        check(up.clone(), "quarantined", false, "Came from up");
        check(up, "quarantined", true, "Listed by up, and closed here");
    }
}
