//! `/-/ui/<repository>`: its packages, and how to use it.

use maud::{Markup, html};
use provender_domain::Problem;
use provender_ecosystem::Ecosystem;
use provender_registry::PackageSummary;

use super::Visit;
use super::home::visibility;
use super::page::{
    Step, client_setup, layout, moment, origin_badge, package_path, repository_path,
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
    let sought = visit.query_value("q").unwrap_or_default().trim().to_lowercase();
    let found: Vec<&PackageSummary> =
        packages.iter().filter(|package| package.package.as_str().contains(&sought)).collect();
    let pages = found.len().div_ceil(PAGE_PACKAGES).max(1);
    let page = visit.query_value("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let page = std::cmp::Ord::clamp(page, 1, pages);
    let shown = found.iter().skip((page - 1) * PAGE_PACKAGES).take(PAGE_PACKAGES);
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
                    (table(repository, id.as_str(), shown.copied()))
                    (pager(&sought, page, pages))
                }
            }
        }
    })
}

fn search(ecosystem: &str, sought: &str) -> Markup {
    let id = format!("q-{ecosystem}");
    html! {
        form.search method="get" role="search" {
            label for=(id) { "Names with" }
            input type="search" id=(id) name="q" value=(sought) maxlength="255" autocomplete="off";
            button { "Find" }
        }
    }
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

fn pager(sought: &str, page: usize, pages: usize) -> Markup {
    let to = |page: usize| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", sought)
            .append_pair("page", &page.to_string())
            .finish();
        format!("?{query}")
    };
    html! {
        @if pages > 1 {
            nav.pager aria-label="Pages" {
                @if page > 1 { a rel="prev" href=(to(page - 1)) { "← Previous" } }
                span { "Page " (page) " of " (pages) }
                @if page < pages { a rel="next" href=(to(page + 1)) { "Next →" } }
            }
        }
    }
}
