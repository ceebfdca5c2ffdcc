//! What every page has around it, and the pieces that several pages share.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use provender_domain::{Origin, Timestamp};
use provender_ecosystem::{ClientSetup, Ecosystem, Endpoint};

use provender_registry::FileReport;

use super::Visit;
use crate::body::Body;

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const ICON: &str = include_str!("icon.svg");

/// Nothing runs, nothing comes from elsewhere, nothing is sent elsewhere, nobody frames us.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'",
);

/// What is encoded in a segment of a path: all but the unreserved (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The way to a page, for its head.
pub(super) struct Step {
    pub(super) name: String,
    pub(super) path: String,
}

/// A whole page. The last step is the page itself.
pub(super) fn layout(visit: &Visit<'_>, steps: &[Step], content: &Markup) -> Markup {
    let title = match steps.last() {
        Some(step) => format!("{} · Provender", step.name),
        None => "Provender".to_owned(),
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href={ "/-/assets/provender.css?" (env!("CARGO_PKG_VERSION")) };
                link rel="icon" type="image/svg+xml" href="/-/assets/icon.svg";
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header.site {
                    a.brand href="/" { (PreEscaped(ICON)) span { "Provender" } }
                    nav aria-label="Breadcrumbs" { (breadcrumbs(steps)) }
                    p.who { (who(visit)) }
                }
                main id="content" { (content) }
                footer {
                    p {
                        "Provender " (env!("CARGO_PKG_VERSION")) " · "
                        a href="/-/api/v1/openapi.json" { "API" } " · "
                        a href="/-/health" { "Health" }
                    }
                }
            }
        }
    }
}

fn breadcrumbs(steps: &[Step]) -> Markup {
    html! {
        @if let Some((here, before)) = steps.split_last() {
            ol {
                @for step in before {
                    li { a href=(step.path) { (step.name) } }
                }
                li { span aria-current="page" { (here.name) } }
            }
        }
    }
}

fn who(visit: &Visit<'_>) -> Markup {
    html! {
        @if visit.caller.is_anonymous() {
            a href="/?sign-in" { "Sign in with a token" }
        } @else {
            (visit.caller.actor())
        }
    }
}

/// The page as a response, whatever stands in it.
pub(super) fn respond(page: Markup) -> Response<Body> {
    let mut response = Response::new(Body::from(page.into_string()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // What a page shows depends on who looks, and changes at any time.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    protect(headers);
    response
}

/// What keeps a browser from doing anything with a page but showing it.
pub(super) fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

pub(super) fn repository_path(repository: &str) -> String {
    format!("/-/ui/{}", segment(repository))
}

/// A package's name may have slashes, which stay.
pub(super) fn package_path(repository: &str, ecosystem: &str, package: &str) -> String {
    let segments: Vec<String> = package.split('/').map(segment).collect();
    format!("{}/{}/{}", repository_path(repository), segment(ecosystem), segments.join("/"))
}

/// The page of one file of a package.
pub(super) fn file_path(report: &FileReport) -> String {
    let package =
        package_path(report.repository.as_str(), &report.ecosystem, report.package.as_str());
    format!("{package}?file={}", segment(report.kept.file.name.as_str()))
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// How to point each client of an ecosystem at a repository.
pub(super) fn client_setup(
    visit: &Visit<'_>,
    ecosystem: &dyn Ecosystem,
    repository: &str,
) -> Markup {
    let endpoint = Endpoint { origin: visit.origin, repository };
    setup_list(&ecosystem.client_setup(&endpoint))
}

/// What to type, for each client.
pub(super) fn setup_list(commands: &[ClientSetup]) -> Markup {
    html! {
        dl.setup {
            @for setup in commands {
                div {
                    dt { (setup.client) " " span.purpose { (setup.purpose) } }
                    dd { code.command title="One click selects it all" { (setup.command) } }
                }
            }
        }
    }
}

/// Where something came from, as a badge.
pub(super) fn origin_badge(origin: Option<&Origin>) -> Markup {
    html! {
        @match origin {
            Some(Origin::Published) => span.badge.published { "published here" },
            Some(Origin::Mirrored { upstream }) => {
                span.badge.mirrored { "mirrored from " (upstream) }
            }
            None => span.badge { "not bound" },
        }
    }
}

/// A moment to the minute, in UTC.
pub(super) fn moment(at: Timestamp) -> Markup {
    let text = at.to_string();
    let minutes = text.get(..16).unwrap_or(&text).replace('T', " ");
    html! { time datetime=(text) title=(text) { (minutes) } }
}

/// A size for people: `27 B`, `1.4 MB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    for (unit, worth) in UNITS {
        if bytes >= worth {
            return format!("{}.{} {unit}", bytes / worth, bytes % worth * 10 / worth);
        }
    }
    format!("{bytes} B")
}

/// The part of a long list that a visitor looks at.
pub(super) struct Pages {
    page: usize,
    count: usize,
    items_per_page: usize,
}

impl Pages {
    /// The page that the visitor asks for, or the nearest that there is.
    pub(super) fn of(visit: &Visit<'_>, items: usize, items_per_page: usize) -> Self {
        let count = items.div_ceil(items_per_page).max(1);
        let page = visit.query_value("page").and_then(|page| page.parse().ok()).unwrap_or(1);
        Self { page: Ord::clamp(page, 1, count), count, items_per_page }
    }

    /// Whether there is more than one.
    pub(super) fn are_several(&self) -> bool {
        self.count > 1
    }

    /// What is on it.
    pub(super) fn shown<'a, T>(&self, items: &'a [T]) -> &'a [T] {
        let first = items.len().min((self.page - 1) * self.items_per_page);
        &items[first..items.len().min(first + self.items_per_page)]
    }
}

/// The way to the pages before and behind, where there are several.
pub(super) fn pager(sought: &str, pages: &Pages) -> Markup {
    let to = |page: usize| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if !sought.is_empty() {
            query.append_pair("q", sought);
        }
        format!("?{}", query.append_pair("page", &page.to_string()).finish())
    };
    let page = pages.page;
    html! {
        @if pages.are_several() {
            nav.pager aria-label="Pages" {
                @if page > 1 { a rel="prev" href=(to(page - 1)) { "← Previous" } }
                span { "Page " (page) " of " (pages.count) }
                @if page < pages.count { a rel="next" href=(to(page + 1)) { "Next →" } }
            }
        }
    }
}

/// What a visitor looks for in names.
pub(super) fn sought(visit: &Visit<'_>) -> String {
    visit.query_value("q").unwrap_or_default().trim().to_lowercase()
}

/// Where to say it. `of`: what is looked for, as a word that no other such place of the page has.
pub(super) fn search(of: &str, sought: &str) -> Markup {
    let id = format!("q-{of}");
    html! {
        form.search method="get" role="search" {
            label for=(id) { "Names with" }
            input type="search" id=(id) name="q" value=(sought) maxlength="255" autocomplete="off";
            button { "Find" }
        }
    }
}
