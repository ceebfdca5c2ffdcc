//! Publications that were refused: whoever may publish here, and did not, leaves a trace.

use provender_domain::{EventKind, FileName, NewEvent, Problem, ProblemCode};
use provender_ecosystem::{Form, Operation, Publication};

use crate::Registry;
use crate::access::Authorized;
use crate::error::shown;

impl Registry {
    /// Tells that a publication was refused, where that is what the problem says: not that the
    /// server failed, nor that a right was missing, which has an event of its own.
    pub(crate) fn tell_of_refused_publication(
        &self,
        operation: &Authorized<Operation>,
        publication: &Publication,
        problem: &Problem,
    ) {
        let what = publication.file.as_str();
        self.tell_of_refusal(operation, what, problem, |event| {
            event.package = Some(publication.package.clone());
            event.file = Some(publication.file.clone());
            event.version.clone_from(&publication.version);
        });
    }

    /// The same of one that was refused before it was understood: its form is malformed or
    /// contradicts itself, or it is too large. What the form says is a claim, and may be no name of
    /// anything.
    pub fn tell_of_unread_publication(
        &self,
        operation: &Authorized<Operation>,
        form: &Form,
        problem: &Problem,
    ) {
        let name = form.file_name.as_deref().filter(|name| !name.is_empty());
        let what = name.map_or_else(|| "a publication".to_owned(), shown);
        self.tell_of_refusal(operation, &what, problem, |event| {
            event.package = operation.operation.package().cloned();
            event.file = name.and_then(|name| FileName::new(name).ok());
        });
    }

    fn tell_of_refusal(
        &self,
        operation: &Authorized<Operation>,
        what: &str,
        problem: &Problem,
        describe: impl FnOnce(&mut NewEvent),
    ) {
        if !is_refusal(problem.code) {
            return;
        }
        let message = format!("{what} was refused: {}", problem.public);
        let mut event = self.event(EventKind::PublicationRefused, &operation.caller, message);
        event.repository = Some(operation.repository().clone());
        event.ecosystem = Some(operation.ecosystem.id().to_string());
        describe(&mut event);
        event.detail.set_text("code", problem.code.as_str());
        self.record_in_background(event);
    }
}

/// Whether it is about what was sent. That something is not here yet to which it refers is none: so
/// clients learn what to send first.
fn is_refusal(code: ProblemCode) -> bool {
    matches!(
        code,
        ProblemCode::Conflict
            | ProblemCode::InvalidRequest
            | ProblemCode::InvalidPackage
            | ProblemCode::DigestMismatch
            | ProblemCode::PolicyDenied
            | ProblemCode::TooLarge
    )
}
