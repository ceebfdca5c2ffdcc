//! Problems, as Python's clients show them.
//!
//! Tried with pip 26, uv 0.13 and twine 7: pip and twine print the reason phrase of the status line
//! and nothing of the body; uv prints the `detail` of `application/problem+json` (RFC 9457) and a
//! plain body only for uploads. No field but `detail` is wanted: uv puts a `title` before it.

use provender_domain::Problem;
use provender_ecosystem::{Document, ProblemDocument};

/// Renders [`Problem::public`] and the code, nothing else.
pub(crate) fn render(problem: &Problem) -> ProblemDocument {
    let body = serde_json::json!({ "code": problem.code.as_str(), "detail": problem.public });
    let document = Document::new("application/problem+json", body.to_string());
    ProblemDocument { document, in_reason_phrase: true, status: None }
}
