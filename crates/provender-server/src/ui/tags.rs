//! The tags of a package: where they point, how to get what they point to, where they pointed
//! before.

use std::collections::HashMap;

use maud::{Markup, html};
use provender_domain::{FileName, KeptFile, Problem, Signer};
use provender_ecosystem::{Detail, Ecosystem, Endpoint};
use provender_registry::{KeptPackage, is_evidence};
use provender_store::{TagChange, TagRow};

use super::Visit;
use super::page::{moment, setup_list, size};

/// Tags that are shown, the latest moved first, those of signatures last.
const TAGS_SHOWN: usize = 100;
/// Entries of the history that are shown, the newest first.
const CHANGES_SHOWN: usize = 50;
/// Digits of a digest that tell one file of a package from another.
const DIGEST_DIGITS: usize = 12;

/// A tag and what is known of the file that it points to.
struct Pointed<'a> {
    row: &'a TagRow,
    file: Option<&'a KeptFile>,
}

/// The section; nothing for a package that has no tag and never had one.
pub(super) async fn section(visit: &Visit<'_>, package: &KeptPackage) -> Result<Markup, Problem> {
    let (registry, caller, ecosystem) = (visit.registry, visit.caller, package.ecosystem());
    let (repository, name) = (package.repository().as_str(), package.name().as_str());
    let id = ecosystem.id();
    let mut tags = registry.tags(caller, repository, id.as_str(), name, None).await?;
    let history = registry.tag_history(caller, repository, id.as_str(), name, None).await?;
    if tags.is_empty() && history.is_empty() {
        return Ok(html! {});
    }
    let files: HashMap<&FileName, &KeptFile> =
        package.files.iter().map(|kept| (&kept.file.name, kept)).collect();
    let is_statement = |row: &TagRow| files.get(&row.file).is_some_and(|kept| is_evidence(kept));
    // Nobody looks for a signature's tag first, nor pulls it to run it.
    tags.sort_by(|a, b| {
        let by_kind = is_statement(a).cmp(&is_statement(b));
        by_kind.then_with(|| b.moved_at.cmp(&a.moved_at)).then_with(|| a.tag.cmp(&b.tag))
    });
    let shown = tags.iter().take(TAGS_SHOWN);
    let shown = shown.map(|row| Pointed { row, file: files.get(&row.file).copied() });
    let shown: Vec<Pointed<'_>> = shown.collect();
    let signers = signers(visit, package, &shown).await?;
    let endpoint = Endpoint { origin: visit.origin, repository };
    let latest = tags.first().filter(|row| !is_statement(row)).map(|row| &row.tag);
    let commands = ecosystem.client_fetch(&endpoint, package.name(), latest);
    Ok(html! {
        section {
            h2 { "Tags " span.count { (tags.len()) } }
            @if !commands.is_empty() {
                (setup_list(&commands))
            }
            @if tags.is_empty() { p.empty { "No tag is left." } } @else {
                (table(ecosystem, &shown, &signers))
                @if tags.len() > shown.len() {
                    p.empty {
                        "And " (tags.len() - shown.len()) " more: "
                        code { "provender tag list" } " shows all."
                    }
                }
            }
            (changes(&history))
        }
    })
}

/// Who signed the files that tags point to, each file looked at once.
async fn signers<'a>(
    visit: &Visit<'_>,
    package: &KeptPackage,
    shown: &[Pointed<'a>],
) -> Result<HashMap<&'a FileName, Vec<Signer>>, Problem> {
    let mut signers = HashMap::new();
    for file in shown.iter().filter_map(|pointed| pointed.file) {
        let name = &file.file.name;
        if !signers.contains_key(name) {
            signers.insert(name, visit.registry.signers(package, file).await?);
        }
    }
    Ok(signers)
}

fn table(
    ecosystem: &dyn Ecosystem,
    shown: &[Pointed<'_>],
    signers: &HashMap<&FileName, Vec<Signer>>,
) -> Markup {
    html! {
        table.tags {
            thead {
                tr {
                    th scope="col" { "Tag" }
                    th scope="col" { "Points to" }
                    th scope="col" { "Signed by" }
                    th scope="col" { "Since" }
                }
            }
            tbody {
                @for Pointed { row, file } in shown {
                    tr {
                        th scope="row" { (row.tag) }
                        td data-label="Points to" {
                            (short(&row.file))
                            @if let Some(file) = file { (details(ecosystem, file)) }
                        }
                        td data-label="Signed by" { (signed_by(signers.get(&row.file))) }
                        td data-label="Since" { (moment(row.moved_at)) }
                    }
                }
            }
        }
    }
}

fn signed_by(signers: Option<&Vec<Signer>>) -> Markup {
    let signers = signers.map(Vec::as_slice).unwrap_or_default();
    html! {
        @if signers.is_empty() { span.empty { "nobody" } }
        @for signer in signers {
            p.signer title={ "vouched for by " (signer.issuer) } { (signer.identity) }
        }
    }
}

/// What the ecosystem knows of a file, in a line.
pub(super) fn details(ecosystem: &dyn Ecosystem, kept: &KeptFile) -> Markup {
    let details = ecosystem.details(&kept.file);
    html! {
        @if !details.is_empty() {
            p.details {
                @for (position, (label, detail)) in details.iter().enumerate() {
                    @if position > 0 { " · " }
                    span title=(label) {
                        @match detail {
                            Detail::Text(text) => (text),
                            Detail::Bytes(bytes) => (size(*bytes)),
                        }
                    }
                }
            }
        }
    }
}

/// A file's name, or the digest in it, shortened; the whole of it shows when it is pointed at.
pub(super) fn short(name: &FileName) -> Markup {
    html! { code title=(name) { (shortened(name.as_str())) } }
}

pub(super) fn shortened(name: &str) -> String {
    let is_digest = |text: &str| text.len() >= 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match name.rsplit_once(':') {
        Some((before, digest)) if is_digest(digest) => {
            let algorithm = before.rsplit('@').next().unwrap_or(before);
            format!("{algorithm}:{}…", &digest[..DIGEST_DIGITS])
        }
        _ => name.to_owned(),
    }
}

fn changes(history: &[TagChange]) -> Markup {
    html! {
        details {
            summary { "History " span.count { (history.len()) } }
            table.tags {
                thead {
                    tr {
                        th scope="col" { "At" }
                        th scope="col" { "Tag" }
                        th scope="col" { "Pointed to from then on" }
                        th scope="col" { "By" }
                    }
                }
                tbody {
                    @for change in history.iter().take(CHANGES_SHOWN) {
                        tr {
                            td data-label="At" { (moment(change.at)) }
                            th scope="row" { (change.tag) }
                            td data-label="Pointed to" {
                                @match &change.file {
                                    Some(file) => (short(file)),
                                    None => span.badge.deleted { "taken away" },
                                }
                            }
                            td data-label="By" { (change.actor) }
                        }
                    }
                }
            }
            @if history.len() > CHANGES_SHOWN {
                p.empty { "And more before: " code { "provender tag history" } " shows all." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn what_is_shortened() {
        let digest = "0123456789abcdef".repeat(4);
        let check = |name: &str, expected: &str| assert_eq!(shortened(name), expected, "{name}");
        check(&format!("manifest@sha256:{digest}"), "sha256:0123456789ab…");
        check("manifest@sha256:short", "manifest@sha256:short");
        check("demo-1.0.tar.gz", "demo-1.0.tar.gz");
    }
}
