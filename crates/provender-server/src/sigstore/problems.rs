//! What goes wrong in the authority, as problems: what the client did is told to the client.

use provender_authority::ca::RequestError;
use provender_authority::error::CertificateError;
use provender_authority::oidc::TokenError;
use provender_domain::{Problem, ProblemCode};
use provender_tlog::{AppendError, LogError, RETRY_AFTER};

/// Why no certificate was issued.
pub(super) fn of_certificate(error: &CertificateError) -> Problem {
    let refused = |code| Problem::new(code, error.to_string()).because(error);
    match error {
        CertificateError::Request(RequestError::NoToken) => {
            refused(ProblemCode::AuthenticationRequired)
        }
        CertificateError::Request(RequestError::TooLarge) => refused(ProblemCode::TooLarge),
        CertificateError::Request(request) => {
            Problem::new(ProblemCode::InvalidRequest, request.to_string())
        }
        CertificateError::Token(token) => of_token(token),
        CertificateError::Identity(_) => refused(ProblemCode::InvalidRequest),
        CertificateError::Log(append) => of_append(append),
        CertificateError::Clock(_) | CertificateError::Signing(_) => Problem::internal(error),
    }
}

/// Why an identity token is not believed.
fn of_token(error: &TokenError) -> Problem {
    let code = match error {
        TokenError::NotAllowed => ProblemCode::PermissionDenied,
        TokenError::Keys { .. } => ProblemCode::UpstreamFailed,
        _ => ProblemCode::AuthenticationRequired,
    };
    Problem::new(code, format!("the identity token is not accepted: {error}")).because(error)
}

/// Why nothing was appended.
pub(super) fn of_append(error: &AppendError) -> Problem {
    match error {
        AppendError::Busy { retry_after } => {
            Problem::new(ProblemCode::Busy, error.to_string()).retry_after(*retry_after)
        }
        AppendError::TooLarge(_) => Problem::new(ProblemCode::TooLarge, error.to_string()),
        AppendError::Closed => {
            Problem::new(ProblemCode::Busy, error.to_string()).retry_after(RETRY_AFTER)
        }
        AppendError::Storage(_) => Problem::internal(error),
    }
}

/// Why the log cannot be read.
pub(super) fn of_log(error: &LogError) -> Problem {
    Problem::internal(error)
}

#[cfg(test)]
mod tests {
    use provender_authority::ca::RequestError;
    use provender_authority::error::CertificateError;
    use provender_authority::oidc::TokenError;
    use provender_domain::ProblemCode;
    use provender_tlog::{AppendError, RETRY_AFTER};

    use super::{of_append, of_certificate};

    #[test]
    fn certificates() {
        let check = |error: CertificateError, expected: ProblemCode| {
            let problem = of_certificate(&error);
            assert_eq!(problem.code, expected, "{error:?}");
        };
        check(RequestError::NoToken.into(), ProblemCode::AuthenticationRequired);
        check(RequestError::TooLarge.into(), ProblemCode::TooLarge);
        check(RequestError::NotOneProof.into(), ProblemCode::InvalidRequest);
        check(RequestError::Possession.into(), ProblemCode::InvalidRequest);
        check(TokenError::Expired.into(), ProblemCode::AuthenticationRequired);
        check(TokenError::ForeignIssuer.into(), ProblemCode::AuthenticationRequired);
        check(TokenError::NotAllowed.into(), ProblemCode::PermissionDenied);
        check(AppendError::Busy { retry_after: RETRY_AFTER }.into(), ProblemCode::Busy);
    }

    #[test]
    fn a_busy_log_says_when_to_come_again() {
        let problem = of_append(&AppendError::Busy { retry_after: RETRY_AFTER });
        assert_eq!(problem.retry_after, Some(RETRY_AFTER));
        assert_eq!(of_append(&AppendError::TooLarge(70_000)).code, ProblemCode::TooLarge);
    }
}
