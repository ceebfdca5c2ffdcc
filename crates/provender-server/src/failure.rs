//! Whatever goes wrong with a request: logged once, here, and told in the dialect of its URL.

use std::sync::Arc;

use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderValue, Response};
use provender_domain::Problem;
use provender_ecosystem::Ecosystem;

use crate::accept::Peer;
use crate::body::Body;
use crate::server::Server;
use crate::{problem, protocol, sigstore};

/// A problem, with whose dialect it is to be told in.
pub(crate) struct Failure {
    /// Apart, so that what succeeds is not moved about in the room that this takes.
    problem: Box<Problem>,
    dialect: Words,
    /// The methods that the URL takes, where the problem is that it does not take this one.
    allow: Option<String>,
}

/// In whose words something is refused.
pub(crate) enum Words {
    /// Of nobody: RFC 9457.
    Plain,
    /// Of an ecosystem's clients.
    Ecosystem(Arc<dyn Ecosystem>),
    /// Of Sigstore's clients.
    Sigstore(sigstore::Dialect),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::new(problem, Words::Plain)
    }
}

impl Failure {
    /// A problem, to be told in these words.
    pub(crate) fn new(problem: Problem, dialect: Words) -> Self {
        Self { problem: Box::new(problem), dialect, allow: None }
    }

    /// The same in these words.
    pub(crate) fn in_words(self, dialect: Words) -> Self {
        Self { dialect, ..self }
    }

    /// The same where the URL takes these methods and not this one.
    pub(crate) fn allowing(self, methods: Option<String>) -> Self {
        Self { allow: methods, ..self }
    }

    /// Says no.
    pub(crate) fn respond(self, server: &Server, peer: Peer, parts: &Parts) -> Response<Body> {
        let Self { problem, dialect, allow } = self;
        problem::log(peer, parts, &problem);
        let mut response = match dialect {
            Words::Plain => problem::respond(&problem),
            Words::Ecosystem(ecosystem) => protocol::refuse(server, parts, &ecosystem, &problem),
            Words::Sigstore(dialect) => dialect.respond(&problem),
        };
        if let Some(allow) = allow.and_then(|methods| HeaderValue::try_from(methods).ok()) {
            response.headers_mut().insert(ALLOW, allow);
        }
        response
    }
}
