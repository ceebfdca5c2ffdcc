//! `/-/ui/<repository>`: its packages, and how to use it.

use maud::{Markup, html};
use provender_domain::Problem;
use provender_ecosystem::Ecosystem;
use provender_registry::PackageSummary;

use super::Visit;
use super::home::visibility;
use super::page::{
    Pages, Step, client_setup, layout, moment, origin_badge, package_path, pager, repository_path,
    search, sought,
};

/// Packages on one page.
const PAGE_PACKAGES: usize = 100;

pub(super) async fn page(visit: &Visit<'_>, name: &str) -> Result<Markup, Problem> {
    visit.registry.may_read(visit.caller, name)?;
    let repositories = visit.registry.repositories(visit.caller);
    let repository = repositories
        .iter()
        .find(|repository| repository.name.as_str() == name)
        .ok_or_else(|| Problem::not_found("no repository of this name that you may read"))?;
    let steps = [Step { name: name.to_owned(), path: repository_path(name) }];
    let mut sections = Vec::new();
    for ecosystem in visit.registry.ecosystems() {
        sections.push(section(visit, name, &**ecosystem).await?);
    }
    let content = html! {
        section.title {
            h1 { (name) } (visibility(repository.visibility))
        }
        @for section in &sections { (section) }
    };
    Ok(layout(visit, &steps, &content))
}

async fn section(
    visit: &Visit<'_>,
    repository: &str,
    ecosystem: &dyn Ecosystem,
) -> Result<Markup, Problem> {
    let id = ecosystem.id();
    let packages = visit.registry.packages(visit.caller, repository, id.as_str()).await?;
    let sought = sought(visit);
    let found: Vec<&PackageSummary> =
        packages.iter().filter(|package| package.package.as_str().contains(&sought)).collect();
    let pages = Pages::of(visit, found.len(), PAGE_PACKAGES);
    let shown = pages.shown(&found);
    Ok(html! {
        section {
            h2 { (ecosystem.title()) " " span.count { (packages.len()) } }
            details open[packages.is_empty()] {
                summary { "Use it with " (ecosystem.title()) }
                (client_setup(visit, ecosystem, repository))
            }
            @if packages.is_empty() {
                p.empty { "No package yet: install or publish one with a command from above." }
            } @else {
                (search(id.as_str(), &sought))
                @if found.is_empty() {
                    p.empty { "No package has “" (sought) "” in its name." }
                } @else {
                    (table(repository, id.as_str(), shown.iter().copied()))
                    (pager(&sought, &pages))
                }
            }
        }
    })
}

fn table<'a>(
    repository: &str,
    ecosystem: &str,
    packages: impl Iterator<Item = &'a PackageSummary>,
) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "Package" }
                    th scope="col" { "Origin" }
                    th scope="col" { "Since" }
                }
            }
            tbody {
                @for package in packages {
                    @let name = package.package.as_str();
                    tr {
                        th scope="row" { a href=(package_path(repository, ecosystem, name)) { (name) } }
                        td data-label="Origin" {
                            (origin_badge(package.origin.as_ref()))
                            @if package.is_owned {
                                " " span.badge.owned title="Never asked for upstream" { "owned" }
                            }
                        }
                        td data-label="Since" { (moment(package.created_at)) }
                    }
                }
            }
        }
    }
}
