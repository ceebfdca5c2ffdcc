//! Files that are named by their digests: documents first, what they consist of as a sum.

use std::cmp::Reverse;

use maud::{Markup, html};
use provender_domain::{FileState, KeptFile, Problem};
use provender_ecosystem::Delivery;
use provender_registry::{KeptPackage, is_evidence};

use super::Visit;
use super::package::file_entry;
use super::page::size;
use super::tags::details;

/// Documents that are shown, the latest recorded first.
const DOCUMENTS_SHOWN: usize = 50;

/// Whether names of these files are digests, so that they say nothing to people.
pub(super) fn is_by_digest(package: &KeptPackage) -> bool {
    let ecosystem = package.ecosystem();
    package.files.iter().any(|kept| ecosystem.digest_of_file(&kept.file.name).is_some())
}

/// The sections: what can be asked for by name or tag, what is said about that, and the rest.
pub(super) async fn sections(visit: &Visit<'_>, package: &KeptPackage) -> Result<Markup, Problem> {
    let is_document =
        |kept: &&KeptFile| package.ecosystem().delivery(&kept.file.name) == Delivery::FromMemory;
    let (mut documents, contents): (Vec<&KeptFile>, Vec<&KeptFile>) =
        package.files.iter().partition(is_document);
    documents.sort_by_key(|kept| Reverse(kept.recorded_at));
    let (statements, documents): (Vec<&KeptFile>, Vec<&KeptFile>) =
        documents.into_iter().partition(|kept| is_evidence(kept));
    let statements_listed = list(visit, package, &statements).await?;
    let documents_listed = list(visit, package, &documents).await?;
    Ok(html! {
        section {
            h2 { "Manifests " span.count { (documents.len()) } }
            @if documents.is_empty() { p.empty { "None is kept." } }
            (documents_listed)
        }
        @if !statements.is_empty() {
            section {
                h2 { "Signatures and other statements " span.count { (statements.len()) } }
                details {
                    summary { "Show them" }
                    (statements_listed)
                }
            }
        }
        (sum(&contents))
    })
}

async fn list(
    visit: &Visit<'_>,
    package: &KeptPackage,
    files: &[&KeptFile],
) -> Result<Markup, Problem> {
    let shown = &files[..files.len().min(DOCUMENTS_SHOWN)];
    let reports = visit.registry.reports_on(package, shown).await?;
    Ok(html! {
        @for file in &reports {
            article.card.version {
                (file_entry(visit, file))
                (details(package.ecosystem(), &file.kept))
            }
        }
        @if files.len() > shown.len() {
            p.empty {
                "And " (files.len() - shown.len()) " recorded before: "
                code { "provender package show" } " shows all."
            }
        }
    })
}

/// What manifests consist of: a count and a sum, and whatever of it is not served.
fn sum(contents: &[&KeptFile]) -> Markup {
    let present = || contents.iter().filter(|file| file.state == FileState::Present);
    let bytes: u64 = present().filter_map(|file| file.file.size_bytes).sum();
    let count_of = |state| contents.iter().filter(|file| file.state == state).count();
    let quarantined = count_of(FileState::Quarantined);
    let deleted = count_of(FileState::Deleted);
    html! {
        @if !contents.is_empty() {
            section {
                h2 { "Layers and configurations " span.count { (present().count()) } }
                p.lead {
                    (size(bytes)) " together, each kept once whichever manifests need it."
                    @if quarantined > 0 { " " (quarantined) " more in quarantine." }
                    @if deleted > 0 { " " (deleted) " more deleted." }
                }
            }
        }
    }
}
