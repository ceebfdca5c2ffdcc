//! Signing in: a program on this machine or another asks who somebody is, and they say so with
//! name and password.
//!
//! There are no sessions and no cookies, so there is nothing that another site could make a browser
//! use: every step carries the password, or a ticket that its answer alone held.

use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderValue, Response, StatusCode};
use maud::{Markup, html};
use provender_registry::{Caller, Registry};

use super::Visit;
use super::page::{layout, protect, respond};
use crate::body::Body;

/// A step of signing in.
pub(crate) enum Step<'a> {
    /// Type the code that a device shows, and who you are.
    Code {
        /// What was typed already, or stood in the address.
        user_code: &'a str,
        /// The name that was typed already.
        account: &'a str,
        /// What was wrong.
        message: Option<&'a str>,
    },
    /// See which device asks, and answer it.
    Confirm {
        /// Which program asks.
        client: &'a str,
        /// From which address.
        source: &'a str,
        /// Since when.
        begun: &'a str,
        /// Who signed in.
        account: &'a str,
        /// What proves the next step.
        ticket: &'a str,
    },
    /// The device was answered.
    Answered {
        /// Whether it gets what it asked for.
        approved: bool,
    },
    /// Say who you are to a program on this machine.
    Authorize {
        /// Which program asks.
        client: &'a str,
        /// Where its answer goes: scheme, host and port.
        destination: &'a str,
        /// The program's request, carried along.
        request: &'a [(String, String)],
        /// The name that was typed already.
        account: &'a str,
        /// What was wrong.
        message: Option<&'a str>,
    },
    /// The request cannot be answered at all.
    Refused {
        /// Why.
        message: &'a str,
    },
}

/// The page of a step.
pub(crate) fn page(
    registry: &Registry,
    caller: &Caller,
    origin: &str,
    status: StatusCode,
    step: &Step<'_>,
) -> Response<Body> {
    let visit = Visit { registry, caller, origin, query: Vec::new() };
    let mut response = respond(layout(&visit, &[], &content(step)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    protect(headers);
    // Browsers say where a form came from only to whom they may also say the address.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Some(policy) = policy(step) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The answer to a form of [`Step::Authorize`] leads to the program, which the policy of every
/// other page forbids.
fn policy(step: &Step<'_>) -> Option<HeaderValue> {
    let Step::Authorize { destination, .. } = step else { return None };
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {destination}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).ok()
}

fn content(step: &Step<'_>) -> Markup {
    match step {
        Step::Code { user_code, account, message } => code(user_code, account, *message),
        Step::Confirm { client, source, begun, account, ticket } => {
            confirm(client, source, begun, account, ticket)
        }
        Step::Answered { approved } => answered(*approved),
        Step::Authorize { client, destination, request, account, message } => {
            authorize(client, destination, request, account, *message)
        }
        Step::Refused { message } => html! {
            section.hero {
                h1 { "This cannot be done" }
                p { (message) "." }
                p { "Go back to the program that sent you here, and begin again." }
            }
        },
    }
}

fn code(user_code: &str, account: &str, message: Option<&str>) -> Markup {
    html! {
        section.hero {
            h1 { "Sign in on a device" }
            p { "Type the code only if you began this yourself, and it is the one that your device shows." }
            (wrong(message))
        }
        form.sign-in method="post" action="device" {
            label for="user_code" { "Code" }
            input #user_code name="user_code" value=(user_code) required maxlength="16"
                autocomplete="off" autocapitalize="characters" spellcheck="false";
            (who(account))
            button { "Continue" }
        }
    }
}

fn confirm(client: &str, source: &str, begun: &str, account: &str, ticket: &str) -> Markup {
    html! {
        section.hero {
            h1 { "Is this you?" }
            p { "A program asks to act as " strong { (account) } "." }
            dl.facts {
                div { dt { "It calls itself" } dd { (client) } }
                div { dt { "It asks from" } dd { (source) } }
                div { dt { "Since" } dd { time datetime=(begun) { (begun) } } }
            }
            p { "If you did not begin this a moment ago, somebody else did: refuse." }
        }
        form.sign-in method="post" action="device" {
            input type="hidden" name="ticket" value=(ticket);
            button name="answer" value="approve" { "Approve" }
            button name="answer" value="deny" { "Refuse" }
        }
    }
}

fn answered(approved: bool) -> Markup {
    html! {
        section.hero {
            @if approved {
                h1 { "Approved" }
                p { "Go back to your device: it goes on by itself. You can close this page." }
            } @else {
                h1 { "Refused" }
                p { "The device was told so. You can close this page." }
            }
        }
    }
}

fn authorize(
    client: &str,
    destination: &str,
    request: &[(String, String)],
    account: &str,
    message: Option<&str>,
) -> Markup {
    html! {
        section.hero {
            h1 { "Sign in" }
            p {
                "A program on this machine that calls itself " strong { (client) }
                " asks who you are. It listens at " code { (destination) } "."
            }
            p { "Go on only if you started it yourself." }
            (wrong(message))
        }
        form.sign-in method="post" action="authorize" {
            @for (name, value) in request { input type="hidden" name=(name) value=(value); }
            (who(account))
            button { "Sign in" }
        }
    }
}

fn who(account: &str) -> Markup {
    html! {
        label for="account" { "Name" }
        input #account name="account" value=(account) required maxlength="128"
            autocomplete="username" autocapitalize="none" spellcheck="false";
        label for="password" { "Password" }
        input #password name="password" type="password" required maxlength="1024"
            autocomplete="current-password";
    }
}

fn wrong(message: Option<&str>) -> Markup {
    html! { @if let Some(message) = message { p.wrong role="alert" { (message) "." } } }
}
