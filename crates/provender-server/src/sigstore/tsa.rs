//! `/-/tsa`: timestamps (RFC 3161 section 3.4), and their JSON form.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Response, StatusCode};
use provender_domain::{Problem, ProblemCode};

use super::dialect::bytes_response;
use super::{Call, Refusal, nothing_here};
use crate::body::Body;
use crate::limits::TIMESTAMP_REQUEST_BYTES;
use crate::server::Server;

const REPLY: &str = "application/timestamp-reply";
const CHAIN: &str = "application/pem-certificate-chain";

pub(super) async fn handle(server: &Server, call: Call) -> Result<Response<Body>, Refusal> {
    match *call.segments() {
        ["api", "v1", "timestamp"] => {
            call.takes(&Method::POST)?;
            timestamp(server, call).await
        }
        ["api", "v1", "timestamp", "certchain"] => {
            call.takes(&Method::GET)?;
            let chain = server.authority().timestamp_chain();
            Ok(bytes_response(StatusCode::OK, CHAIN, chain, "no-cache"))
        }
        _ => Err(nothing_here()),
    }
}

async fn timestamp(server: &Server, call: Call) -> Result<Response<Body>, Refusal> {
    let form = Form::of(&call.headers)?;
    let request = call.body.bytes(TIMESTAMP_REQUEST_BYTES).await?;
    let response = match form {
        Form::Der => server.authority().timestamp(&request),
        Form::Json => server.authority().timestamp_json(&request),
    };
    if let Some(why) = response.refusal() {
        tracing::debug!(why, "a timestamp was refused");
        // Whoever sent DER reads the refusal in the reply; who sent JSON reads the status.
        if form == Form::Json {
            return Err(Problem::new(ProblemCode::InvalidRequest, why).into());
        }
    }
    Ok(bytes_response(form.status(), REPLY, response.into_der(), "no-store"))
}

/// In which form a timestamp is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Der,
    Json,
}

impl Form {
    /// Clients of RFC 3161 expect 200; Sigstore's take what its own authority says, too.
    fn status(self) -> StatusCode {
        match self {
            Self::Der => StatusCode::OK,
            Self::Json => StatusCode::CREATED,
        }
    }

    /// Requests without a type are DER: some tools send none.
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(field) = headers.get(CONTENT_TYPE) else { return Ok(Self::Der) };
        let media_type = field.to_str().ok().and_then(|field| field.split(';').next());
        match media_type.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
            Some("application/json") => Ok(Self::Json),
            Some("application/timestamp-query" | "application/octet-stream") => Ok(Self::Der),
            _ => {
                let message = "a timestamp is asked for as application/timestamp-query or JSON";
                Err(Problem::new(ProblemCode::InvalidRequest, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;
    use http::{HeaderMap, HeaderValue};

    use super::Form;

    #[test]
    fn forms() {
        let check = |field: Option<&'static str>, expected: Option<Form>| {
            let mut headers = HeaderMap::new();
            if let Some(field) = field {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(field));
            }
            assert_eq!(Form::of(&headers).ok(), expected, "{field:?}");
        };
        check(None, Some(Form::Der));
        check(Some("application/timestamp-query"), Some(Form::Der));
        check(Some("application/json"), Some(Form::Json));
        check(Some("Application/JSON; charset=utf-8"), Some(Form::Json));
        check(Some("text/html"), None);
        check(Some(""), None);
    }
}
