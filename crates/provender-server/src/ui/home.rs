//! `/`: the repositories, how to use them, and what somebody should look at.

use maud::{Markup, html};
use provender_domain::{Event, Problem, ProblemCode, Repository, Severity, Visibility};
use provender_store::EventFilter;

use super::Visit;
use super::page::{
    Pages, client_setup, layout, moment, pager, repository_path, search, size, sought,
};

/// How many red flags are shown.
const RED_FLAGS_LIMIT: u32 = 8;
/// Repositories on one page.
const PAGE_REPOSITORIES: usize = 50;

pub(super) async fn page(visit: &Visit<'_>) -> Result<Markup, Problem> {
    let anonymous = visit.caller.is_anonymous();
    if anonymous && visit.query_value("sign-in").is_some() {
        // The browser asks for user and password, and sends them from now on.
        let message = "to sign in, give any user name, and a token as the password";
        return Err(Problem::new(ProblemCode::AuthenticationRequired, message));
    }
    let repositories = visit.registry.repositories(visit.caller);
    let content = html! {
        section.hero {
            h1 { "Every package by one door" }
            p {
                "What comes in is fetched once, checked and kept. What is published here is found \
                 first. When something unexpected happens, somebody is told."
            }
            @if !anonymous { (totals(visit).await?) }
        }
        (red_flags(visit).await)
        (of_repositories(visit, &repositories))
    };
    Ok(layout(visit, &[], &content))
}

fn of_repositories(visit: &Visit<'_>, repositories: &[Repository]) -> Markup {
    let sought = sought(visit);
    let found: Vec<&Repository> = repositories
        .iter()
        .filter(|repository| repository.name.as_str().contains(&sought))
        .collect();
    let pages = Pages::of(visit, found.len(), PAGE_REPOSITORIES);
    html! {
        section {
            h2 { "Repositories" }
            @if repositories.is_empty() {
                p.empty { "None that you may read. " a href="/?sign-in" { "Sign in with a token" } "." }
            }
            @if repositories.len() > PAGE_REPOSITORIES { (search("repository", &sought)) }
            @if found.is_empty() && !repositories.is_empty() {
                p.empty { "No repository has “" (sought) "” in its name." }
            }
            @for repository in pages.shown(&found) {
                (card(visit, repository, repositories.len() == 1))
            }
            (pager(&sought, &pages))
        }
    }
}

/// How much there is on the whole server: not for everybody, since it counts what is private too.
async fn totals(visit: &Visit<'_>) -> Result<Markup, Problem> {
    let status = visit.registry.status().await?;
    Ok(html! {
        dl.totals {
            div { dt { "Packages" } dd { (status.packages) } }
            div { dt { "Files" } dd { (status.files) } }
            div { dt { "Kept" } dd { (size(status.bytes)) } }
            div { dt { "Events" } dd { (status.events) } }
        }
    })
}

fn card(visit: &Visit<'_>, repository: &Repository, is_only: bool) -> Markup {
    let name = repository.name.as_str();
    html! {
        article.card {
            header {
                h3 { a href=(repository_path(name)) { (name) } }
                (visibility(repository.visibility))
                p.since { "since " (moment(repository.created_at)) }
            }
            @for ecosystem in visit.registry.ecosystems() {
                details open[is_only] {
                    summary { "Use it with " (ecosystem.title()) }
                    (client_setup(visit, &**ecosystem, name))
                }
            }
        }
    }
}

pub(super) fn visibility(visibility: Visibility) -> Markup {
    let title = match visibility {
        Visibility::Public => "Anybody who reaches this server may read it",
        Visibility::Private => "Only who holds a token may read it",
    };
    html! { span.badge.(visibility.as_str()) title=(title) { (visibility.as_str()) } }
}

/// The latest red flags, for who may see events; for everybody else nothing at all.
async fn red_flags(visit: &Visit<'_>) -> Markup {
    if visit.caller.is_anonymous() {
        return html! {};
    }
    let filter = EventFilter {
        limit: RED_FLAGS_LIMIT,
        newest_first: true,
        minimum_severity: Some(Severity::Low),
        ..EventFilter::default()
    };
    let Ok(events) = visit.registry.events(visit.caller, filter).await else {
        return html! {};
    };
    html! {
        section.flags {
            h2 { "Red flags" }
            @if events.is_empty() {
                p.empty { "None. Nothing unexpected has happened." }
            } @else {
                ol { @for event in &events { (red_flag(event)) } }
            }
        }
    }
}

fn red_flag(recorded: &Event) -> Markup {
    let event = &recorded.event;
    let word = match recorded.severity {
        Some(Severity::High) => "high",
        Some(Severity::Medium) => "medium",
        Some(Severity::Low) | None => "low",
    };
    html! {
        li.(word) {
            p.what {
                span.severity.(word) { (word) } " "
                strong { (event.kind.as_str()) }
                @if let Some(repository) = &event.repository { " in " (repository) }
                " · " (moment(event.at))
            }
            p { (event.message) }
        }
    }
}
