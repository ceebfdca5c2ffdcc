//! `/-/ca`: Fulcio's API v2.
//!
//! The identity token stands in the body or, as Go and Python send it, in `Authorization`; it is
//! the only credential here.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Response, StatusCode};
use provender_authority::ca::{self, SigningCertRequest};
use provender_authority::error::CertificateError;
use provender_domain::{Problem, ProblemCode};
use provender_registry::IssuedCertificate;

use super::dialect::json_response;
use super::oidc::check_in_use;
use super::{Call, Refusal, nothing_here, problems};
use crate::body::Body;
use crate::limits::CERTIFICATE_REQUEST_BYTES;
use crate::server::Server;

pub(super) async fn handle(server: &Server, call: Call) -> Result<Response<Body>, Refusal> {
    match *call.segments() {
        ["api", "v2", "signingCert"] => {
            call.takes(&Method::POST)?;
            certificate(server, call).await
        }
        ["api", "v2", "trustBundle"] => {
            call.takes(&Method::GET)?;
            let bundle = server.authority().trust_bundle();
            Ok(json_response(StatusCode::OK, bundle.to_string(), "no-cache"))
        }
        ["api", "v2", "configuration"] => {
            call.takes(&Method::GET)?;
            let configuration = server.authority().configuration();
            Ok(json_response(StatusCode::OK, configuration.to_string(), "no-cache"))
        }
        _ => Err(nothing_here()),
    }
}

async fn certificate(server: &Server, call: Call) -> Result<Response<Body>, Refusal> {
    let (bearer, client) = (bearer(&call.headers).map(str::to_owned), call.client);
    let request = call.body.bytes(CERTIFICATE_REQUEST_BYTES).await?;
    let refused = |error: CertificateError| problems::of_certificate(&error);
    let request = SigningCertRequest::from_json(&request).map_err(|error| refused(error.into()))?;
    let (authority, registry) = (server.authority(), server.registry());
    let identity = authority.identify(&request, bearer.as_deref()).await.map_err(refused)?;
    // It outlives what it was given for by some minutes; what it opens does not.
    if let Some(subject) = &identity.own {
        check_in_use(server, client, subject)
            .map_err(|message| Problem::new(ProblemCode::AuthenticationRequired, message))?;
    }
    let issued = authority.certify(request, &identity).await.map_err(refused)?;
    let certificate = IssuedCertificate {
        identity: identity.san.as_str(),
        issuer: identity.issuer.as_str(),
        serial: &issued.serial(),
    };
    registry.record_certificate(certificate, client);
    // Go's client takes no other status for one that was made.
    Ok(json_response(StatusCode::OK, ca::issued(&issued).to_string(), "no-store"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use http::{HeaderMap, HeaderValue};

    use super::bearer;

    #[test]
    fn identity_tokens() {
        let check = |field: &'static str, expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(field));
            assert_eq!(bearer(&headers), expected, "{field}");
        };
        check("Bearer a.b.c", Some("a.b.c"));
        check("bearer  a.b.c ", Some("a.b.c"));
        check("Basic YTpi", None);
        check("a.b.c", None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
