//! Problems that visitors run into, as pages.

use http::{HeaderValue, Response};
use maud::html;
use provender_domain::{Problem, ProblemCode};

use super::Visit;
use super::page::{layout, protect};
use crate::body::Body;

pub(super) fn page(visit: &Visit<'_>, problem: &Problem) -> Response<Body> {
    let title = match problem.code {
        ProblemCode::AuthenticationRequired => "A token is needed",
        _ => "Nothing here",
    };
    let content = html! {
        section.hero {
            h1 { (title) }
            p { (problem.public) "." }
            @if problem.code == ProblemCode::AuthenticationRequired {
                p { "Sign in with any user name, and a token as the password. A token comes from:" }
                p { code.command { "provender token create --repo main" } }
            }
            p { a href="/" { "To the repositories" } }
        }
    };
    let body = Body::from(layout(visit, &[], &content).into_string());
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = crate::problem::dress(problem, html, body);
    protect(response.headers_mut());
    response
}
