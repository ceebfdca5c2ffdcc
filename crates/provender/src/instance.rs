//! A Sigstore instance over the network: the services of one Provender.

mod backend;
mod http;
mod identity;
mod tiles;

use ::http::{Method, Request, StatusCode};
use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use http_body_util::Full;
use provender_attest::{TRUST_ROOT_LIMIT_BYTES, TrustRoot};
use provender_server::api::types::{NoParameters, WhoAmI};
use serde::de::DeserializeOwned;
use url::Url;

use crate::api::{Api, Refusal};
use crate::data::Target;
use crate::discovery::{SERVER_BEGINS, web_url};
use crate::exit::Failure;
pub(crate) use backend::Backend;
pub(crate) use identity::{Identity, lifetime_of, logins};
pub(crate) use tiles::RemoteTiles;

/// The services of one server, under its origin.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    origin: Url,
}

impl Instance {
    /// The server that `--server` names, or that runs on the data directory.
    pub(crate) async fn of(target: &Target) -> Result<Self> {
        Self::find(target).await?.ok_or_else(|| {
            let data = target.data_directory();
            let data = data.display();
            let why = format!("name the server with --server URL: none runs on {data}");
            Failure::Unreachable(why).into()
        })
    }

    /// The same; nothing where none is named and none runs there. One that runs there is asked over
    /// its control socket what it calls itself, since what is signed names it so.
    pub(crate) async fn find(target: &Target) -> Result<Option<Self>> {
        if let Some(server) = &target.server {
            return Self::at(server).map(Some);
        }
        let Some(api) = Api::running(&target.data_directory()).await else { return Ok(None) };
        let who: WhoAmI = api.get(&["whoami"], &NoParameters::default()).await?;
        Self::at(&who.origin).map(Some)
    }

    /// The server at this address.
    pub(crate) fn at(server: &str) -> Result<Self> {
        let origin = web_url(server, SERVER_BEGINS);
        let origin = origin.map_err(|why| usage(&format!("{server}: {why}")))?;
        let is_origin = matches!(origin.path(), "" | "/")
            && origin.query().is_none()
            && origin.username().is_empty()
            && origin.password().is_none();
        if !is_origin {
            return Err(usage(&format!("{server}: only scheme, host and port are wanted")));
        }
        Ok(Self { origin })
    }

    /// The server's address, without a slash at its end.
    pub(crate) fn address(&self) -> &str {
        self.origin.as_str().trim_end_matches('/')
    }

    /// Host, and port where the address has one.
    pub(crate) fn authority(&self) -> &str {
        let address = self.address();
        address.split_once("://").map_or(address, |(_, authority)| authority)
    }

    /// What signatures of this server are checked by. Taken over the network, it is worth as much
    /// as the connection.
    pub(crate) async fn trust(&self) -> Result<TrustRoot> {
        let bytes = self.trust_bytes().await?;
        TrustRoot::parse(&bytes).context("the server's trust root is not understood")
    }

    /// The same as it was sent.
    pub(crate) async fn trust_bytes(&self) -> Result<Bytes> {
        let answer = self.get("-/api/v1/trust", &[]).await?;
        if answer.len() > TRUST_ROOT_LIMIT_BYTES {
            bail!("the server's trust root is too large");
        }
        Ok(answer)
    }

    /// GET; `path` has no slash in front.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Bytes> {
        let request = self.request(Method::GET, path, query, "", Bytes::new(), None)?;
        succeeded(http::send(request).await?)
    }

    /// GET; nothing if there is none.
    pub(crate) async fn if_any(&self, path: &str) -> Result<Option<Bytes>> {
        let request = self.request(Method::GET, path, &[], "", Bytes::new(), None)?;
        let answer = http::send(request).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        succeeded(answer).map(Some)
    }

    /// GET with the token of this server, read as JSON.
    pub(crate) async fn read_json<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        token: Option<&str>,
    ) -> Result<T> {
        let request = self.request(Method::GET, path, query, "", Bytes::new(), token)?;
        let body = succeeded(http::send(request).await?)?;
        crate::api::read(&body)
    }

    /// POST of JSON with the token of this server, answered with JSON.
    pub(crate) async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl serde::Serialize,
        token: Option<&str>,
    ) -> Result<T> {
        let body = Bytes::from(serde_json::to_vec(body)?);
        crate::api::read(&self.post(path, "application/json", body, token).await?)
    }

    async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: Bytes,
        token: Option<&str>,
    ) -> Result<Bytes> {
        let request = self.request(Method::POST, path, &[], content_type, body, token)?;
        succeeded(http::send(request).await?)
    }

    /// POST of a form; errors in OAuth's form come back as such.
    async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Result<http::Answer> {
        let mut form = Url::parse("form:").expect("a scheme alone is a URL");
        form.query_pairs_mut().extend_pairs(fields);
        let body = Bytes::from(form.query().unwrap_or_default().to_owned());
        let content_type = "application/x-www-form-urlencoded";
        http::send(self.request(Method::POST, path, &[], content_type, body, None)?).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        content_type: &str,
        body: Bytes,
        token: Option<&str>,
    ) -> Result<Request<Full<Bytes>>> {
        let mut url = self.origin.join(path).context("cannot write this request")?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = Request::builder().method(method).uri(url.as_str());
        if !content_type.is_empty() {
            request = request.header(::http::header::CONTENT_TYPE, content_type);
        }
        if let Some(token) = token {
            let mut value = ::http::HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| usage("the token is no token"))?;
            value.set_sensitive(true);
            request = request.header(::http::header::AUTHORIZATION, value);
        }
        request.body(Full::new(body)).context("cannot write this request")
    }
}

/// The token of this server that the environment holds.
pub(crate) fn token_of_environment() -> Option<String> {
    std::env::var("PROVENDER_TOKEN").ok().filter(|token| !token.is_empty())
}

/// Something wrong with what was typed.
pub(crate) fn usage(why: &str) -> anyhow::Error {
    Failure::Usage(why.to_owned()).into()
}

fn succeeded(answer: http::Answer) -> Result<Bytes> {
    if answer.status.is_success() {
        return Ok(answer.body);
    }
    Err(refused(answer.status, &answer.body))
}

/// Servers refuse in several dialects: RFC 9457, gRPC's gateway, OAuth's.
fn refused(status: StatusCode, body: &[u8]) -> anyhow::Error {
    let code = match status {
        StatusCode::UNAUTHORIZED => "authentication-required",
        StatusCode::FORBIDDEN => "permission-denied",
        StatusCode::NOT_FOUND => "not-found",
        StatusCode::GONE => "gone",
        StatusCode::CONFLICT => "conflict",
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => "invalid-request",
        _ => "failed",
    };
    let document: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    // OAuth has but one status for a request that makes no sense and for somebody who may not.
    let is_denied = matches!(
        document["error"].as_str(),
        Some("invalid_grant" | "access_denied" | "expired_token")
    );
    let code = if is_denied { "permission-denied" } else { code };
    let text = ["detail", "message", "error_description", "error"]
        .iter()
        .find_map(|name| document[name].as_str())
        .map(crate::output::printable);
    match text {
        Some(message) => Refusal { code: code.to_owned(), message }.into(),
        None if code == "failed" => anyhow!("the server answered {status}"),
        None => Refusal { code: code.to_owned(), message: format!("the server answered {status}") }
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use ::http::StatusCode;

    use super::{Instance, refused};
    use crate::api::Refusal;

    #[test]
    fn addresses() {
        let check = |server: &str, expected: Result<&str, &str>| {
            let found = Instance::at(server).map(|instance| instance.address().to_owned());
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{error}");
                }
                (found, _) => panic!("{server}: {found:?}"),
            }
        };
        check("http://localhost:8080", Ok("http://localhost:8080"));
        check("https://packages.example/", Ok("https://packages.example"));
        check("packages.example", Err("begins with http"));
        check("ftp://packages.example", Err("begins with http"));
        check("https://packages.example/main", Err("only scheme"));
        check("https://me:secret@packages.example", Err("only scheme"));
    }

    #[test]
    fn refusals_in_every_dialect() {
        let check = |status: StatusCode, body: &str, code: &str, message: &str| {
            let error = refused(status, body.as_bytes());
            let refusal = error.downcast_ref::<Refusal>().unwrap();
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), (code, message));
        };
        check(StatusCode::NOT_FOUND, r#"{"detail":"gone"}"#, "not-found", "gone");
        check(StatusCode::FORBIDDEN, r#"{"code":7,"message":"no"}"#, "permission-denied", "no");
        let oauth = r#"{"error":"invalid_grant","error_description":"wrong"}"#;
        check(StatusCode::BAD_REQUEST, oauth, "permission-denied", "wrong");
        let oauth = r#"{"error":"expired_token"}"#;
        check(StatusCode::BAD_REQUEST, oauth, "permission-denied", "expired_token");
        let oauth = r#"{"error":"invalid_request","error_description":"what?"}"#;
        check(StatusCode::BAD_REQUEST, oauth, "invalid-request", "what?");
        check(
            StatusCode::UNAUTHORIZED,
            "",
            "authentication-required",
            "the server answered 401 Unauthorized",
        );
        assert_eq!(
            refused(StatusCode::BAD_GATEWAY, b"").to_string(),
            "the server answered 502 Bad Gateway"
        );
    }
}
