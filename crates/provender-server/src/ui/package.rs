//! `/-/ui/<repository>/<ecosystem>/<package…>`: every file that is kept, and what is known of it.

use std::collections::HashMap;

use maud::{Markup, html};
use provender_domain::{FileState, Origin, Problem, Version};
use provender_ecosystem::{Ecosystem, Endpoint};
use provender_registry::{FileReport, PackageReport};

use super::page::{
    Pages, Step, file_path, layout, moment, origin_badge, package_path, pager, repository_path,
    setup_list, size,
};
use super::{Visit, contents, tags};

/// Versions on one page.
const PAGE_VERSIONS: usize = 50;

pub(super) async fn page(
    visit: &Visit<'_>,
    repository: &str,
    ecosystem: &str,
    package: &str,
) -> Result<Markup, Problem> {
    visit.registry.may_read(visit.caller, repository)?;
    let report = visit.registry.package(visit.caller, repository, ecosystem, package).await?;
    let known = visit.registry.ecosystem(&report.ecosystem);
    let known = known.ok_or_else(|| Problem::not_found("there is no such ecosystem"))?;
    let tags = tags::section(visit, &**known, &report).await?;
    let name = report.package.as_str();
    let steps = [
        Step { name: repository.to_owned(), path: repository_path(repository) },
        Step { name: name.to_owned(), path: package_path(repository, ecosystem, name) },
    ];
    let content = html! {
        section.title {
            h1 { (name) }
            (origin_badge(report.origin.as_ref()))
            @if report.is_owned {
                " " span.badge.owned title="Never asked for upstream" { "owned" }
            }
        }
        p.lead { (standing(report.origin.as_ref(), report.is_owned)) }
        (tags)
        @if contents::is_by_digest(&**known, &report.files) {
            (contents::sections(visit, &**known, &report.files))
        } @else {
            (commands(visit, &**known, &report))
            (by_version(visit, &**known, &report.files))
        }
    };
    Ok(layout(visit, &steps, &content))
}

/// What the name's origin means for who installs it.
fn standing(origin: Option<&Origin>, is_owned: bool) -> Markup {
    html! {
        @match (origin, is_owned) {
            (_, true) => {
                "This name belongs to this repository. It is never asked for upstream, and no \
                 package of this name from elsewhere is served here."
            }
            (Some(Origin::Published), _) => {
                "This package is published here. It is never asked for upstream, and no package of \
                 this name from elsewhere is served here."
            }
            (Some(Origin::Mirrored { upstream }), _) => {
                "This package comes from " (upstream) ", and from no other upstream. What is listed \
                 here is kept, whatever becomes of it there."
            }
            (None, _) => "This name is not bound to any origin yet.",
        }
    }
}

/// How to get it.
fn commands(visit: &Visit<'_>, ecosystem: &dyn Ecosystem, report: &PackageReport) -> Markup {
    let is_served = |file: &FileReport| file.kept.state == FileState::Present;
    if !report.files.iter().any(is_served) {
        return html! {};
    }
    let endpoint = Endpoint { origin: visit.origin, repository: report.repository.as_str() };
    setup_list(&ecosystem.client_fetch(&endpoint, &report.package, None))
}

fn by_version(visit: &Visit<'_>, ecosystem: &dyn Ecosystem, files: &[FileReport]) -> Markup {
    let versions = versions(files);
    let pages = Pages::of(visit, versions.len(), PAGE_VERSIONS);
    html! {
        section {
            h2 { "Files " span.count { (files.len()) } }
            @if files.is_empty() { p.empty { "No file is kept." } }
            @for group in pages.shown(&versions) {
                article.card.version {
                    header { h3 { (group.version) } }
                    @for file in &group.files {
                        (file_entry(visit, file))
                        (tags::details(ecosystem, file))
                    }
                }
            }
            (pager("", &pages))
        }
    }
}

struct VersionFiles<'a> {
    version: &'a str,
    files: Vec<&'a FileReport>,
}

/// Files by version, the latest recorded first.
fn versions(files: &[FileReport]) -> Vec<VersionFiles<'_>> {
    let mut sorted: Vec<&FileReport> = files.iter().collect();
    sorted.sort_by_key(|report| std::cmp::Reverse(report.kept.recorded_at));
    let mut groups: Vec<VersionFiles<'_>> = Vec::new();
    let mut group_of = HashMap::new();
    for file in sorted {
        let version = file.kept.file.version.as_ref();
        let version = version.map_or("without a version", Version::as_str);
        let group = *group_of.entry(version).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => group.files.push(file),
            None => groups.push(VersionFiles { version, files: vec![file] }),
        }
    }
    groups
}

/// A file with what is known of every file.
pub(super) fn file_entry(visit: &Visit<'_>, report: &FileReport) -> Markup {
    let kept = &report.kept;
    // Who publishes is for those who are known here.
    let publisher = kept.publisher.as_ref().filter(|_| !visit.caller.is_anonymous());
    html! {
        div.file {
            p.name {
                a href=(file_path(report)) title="Where it is from and who signed it" {
                    (kept.file.name)
                }
                " " (state(report))
            }
            @for reason in report.verdict.reasons() { p.reason { (reason.message) } }
            @if let Some(reason) = kept.file.yank.as_ref().and_then(|yank| yank.reason.as_ref()) {
                p.reason.yank { "Yanked: " (reason) }
            }
            dl.facts {
                div { dt { "SHA-256" } dd { code.digest { (kept.blob.to_hex()) } } }
                div { dt { "Origin" } dd { (origin_badge(Some(&kept.origin))) } }
                @if let Some(publisher) = publisher {
                    div { dt { "Published by" } dd { (publisher) } }
                }
                @if let Some(bytes) = kept.file.size_bytes {
                    div { dt { "Size" } dd { (size(bytes)) } }
                }
                @if let Some(at) = kept.file.uploaded_at {
                    div { dt { (uploaded(&kept.origin)) } dd { (moment(at)) } }
                }
                div { dt { "Recorded here" } dd { (moment(kept.recorded_at)) } }
            }
        }
    }
}

/// Whose clock a moment of uploading is from.
fn uploaded(origin: &Origin) -> &'static str {
    match origin {
        Origin::Published => "Uploaded",
        Origin::Mirrored { .. } => "Uploaded, says upstream",
    }
}

fn state(report: &FileReport) -> Markup {
    let kept = &report.kept;
    html! {
        @match kept.state {
            FileState::Present if !report.verdict.is_served() => {
                span.badge.quarantined { "not served" }
            }
            FileState::Present if kept.file.yank.is_some() => span.badge.yanked { "yanked" },
            FileState::Present => span.badge.served { "verified, served" },
            FileState::Quarantined => span.badge.quarantined { "in quarantine" },
            FileState::Deleted => span.badge.deleted { "deleted" },
        }
    }
}
