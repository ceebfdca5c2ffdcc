//! Files that are named by their digests: documents first, what they consist of as a sum.

use std::cmp::Reverse;

use maud::{Markup, html};
use provender_domain::FileState;
use provender_ecosystem::{Delivery, Ecosystem};
use provender_registry::FileReport;

use super::Visit;
use super::package::file_entry;
use super::page::size;
use super::tags::details;

/// Documents that are shown, the latest recorded first.
const DOCUMENTS_SHOWN: usize = 50;

/// Whether names of these files are digests, so that they say nothing to people.
pub(super) fn is_by_digest(ecosystem: &dyn Ecosystem, files: &[FileReport]) -> bool {
    files.iter().any(|file| ecosystem.digest_of_file(&file.kept.file.name).is_some())
}

/// The sections: what can be asked for by name or tag, what is said about that, and the rest.
pub(super) fn sections(
    visit: &Visit<'_>,
    ecosystem: &dyn Ecosystem,
    files: &[FileReport],
) -> Markup {
    let is_document =
        |file: &&FileReport| ecosystem.delivery(&file.kept.file.name) == Delivery::FromMemory;
    let (mut documents, contents): (Vec<&FileReport>, Vec<&FileReport>) =
        files.iter().partition(is_document);
    documents.sort_by_key(|file| Reverse(file.kept.recorded_at));
    let (statements, documents): (Vec<&FileReport>, Vec<&FileReport>) =
        documents.into_iter().partition(|file| file.is_statement);
    html! {
        section {
            h2 { "Manifests " span.count { (documents.len()) } }
            @if documents.is_empty() { p.empty { "None is kept." } }
            (list(visit, ecosystem, &documents))
        }
        @if !statements.is_empty() {
            section {
                h2 { "Signatures and other statements " span.count { (statements.len()) } }
                details {
                    summary { "Show them" }
                    (list(visit, ecosystem, &statements))
                }
            }
        }
        (sum(&contents))
    }
}

fn list(visit: &Visit<'_>, ecosystem: &dyn Ecosystem, files: &[&FileReport]) -> Markup {
    html! {
        @for file in files.iter().take(DOCUMENTS_SHOWN) {
            article.card.version {
                (file_entry(visit, file))
                (details(ecosystem, file))
            }
        }
        @if files.len() > DOCUMENTS_SHOWN {
            p.empty {
                "And " (files.len() - DOCUMENTS_SHOWN) " recorded before: "
                code { "provender package show" } " shows all."
            }
        }
    }
}

/// What manifests consist of: a count and a sum, and whatever of it is not served.
fn sum(contents: &[&FileReport]) -> Markup {
    let present = || contents.iter().filter(|file| file.kept.state == FileState::Present);
    let bytes: u64 = present().filter_map(|file| file.kept.file.size_bytes).sum();
    let count_of = |state| contents.iter().filter(|file| file.kept.state == state).count();
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
