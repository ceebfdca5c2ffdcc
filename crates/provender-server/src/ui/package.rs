//! `/-/ui/<repository>/<ecosystem>/<package…>`: every file that is kept, and what is known of it.

use std::collections::HashMap;

use maud::{Markup, html};
use provender_domain::{FileState, KeptFile, Origin, Problem, Version};
use provender_ecosystem::Endpoint;
use provender_registry::{FileReport, KeptPackage};

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
    let kept = visit.registry.kept_package(visit.caller, repository, ecosystem, package).await?;
    let tags = tags::section(visit, &kept).await?;
    let name = kept.name().as_str();
    let steps = [
        Step { name: repository.to_owned(), path: repository_path(repository) },
        Step { name: name.to_owned(), path: package_path(repository, ecosystem, name) },
    ];
    let files = match contents::is_by_digest(&kept) {
        true => contents::sections(visit, &kept).await?,
        false => by_version(visit, &kept).await?,
    };
    let content = html! {
        section.title {
            h1 { (name) }
            (origin_badge(kept.origin.as_ref()))
            @if kept.is_owned {
                " " span.badge.owned title="Never asked for upstream" { "owned" }
            }
        }
        p.lead { (standing(kept.origin.as_ref(), kept.is_owned)) }
        (tags)
        (files)
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
fn commands(visit: &Visit<'_>, package: &KeptPackage) -> Markup {
    if !package.files.iter().any(|file| file.state == FileState::Present) {
        return html! {};
    }
    let endpoint = Endpoint { origin: visit.origin, repository: package.repository().as_str() };
    setup_list(&package.ecosystem().client_fetch(&endpoint, package.name(), None))
}

async fn by_version(visit: &Visit<'_>, package: &KeptPackage) -> Result<Markup, Problem> {
    let versions = versions(&package.files);
    let pages = Pages::of(visit, versions.len(), PAGE_VERSIONS);
    let shown = pages.shown(&versions);
    let files: Vec<&KeptFile> = shown.iter().flat_map(|group| &group.files).copied().collect();
    let mut reports = visit.registry.reports_on(package, &files).await?.into_iter();
    Ok(html! {
        (commands(visit, package))
        section {
            h2 { "Files " span.count { (package.files.len()) } }
            @if package.files.is_empty() { p.empty { "No file is kept." } }
            @for group in shown {
                article.card.version {
                    header { h3 { (group.version) } }
                    @for file in reports.by_ref().take(group.files.len()) {
                        (file_entry(visit, &file))
                        (tags::details(package.ecosystem(), &file.kept))
                    }
                }
            }
            (pager("", &pages))
        }
    })
}

struct VersionFiles<'a> {
    version: &'a str,
    files: Vec<&'a KeptFile>,
}

/// Files by version, the latest recorded first.
fn versions(files: &[KeptFile]) -> Vec<VersionFiles<'_>> {
    let mut sorted: Vec<&KeptFile> = files.iter().collect();
    sorted.sort_by_key(|kept| std::cmp::Reverse(kept.recorded_at));
    let mut groups: Vec<VersionFiles<'_>> = Vec::new();
    let mut group_of = HashMap::new();
    for file in sorted {
        let version = file.file.version.as_ref();
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
