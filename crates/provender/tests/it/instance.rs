//! A Sigstore instance on a loopback port: an authority behind the paths that clients ask.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use provender_authority::ca::{self, SigningCertRequest};
use provender_authority::oidc::TokenSubject;
use provender_authority::testing::{MemoryStores, Offline};
use provender_authority::trust::PublicOrigin;
use provender_authority::{Authority, Options};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The token that this instance knows.
pub(crate) const TOKEN: &str = "prv_of_the_tests";

/// A running instance.
pub(crate) struct Instance {
    address: SocketAddr,
    services: Arc<Services>,
    runtime: tokio::runtime::Runtime,
    _folder: TempDir,
}

struct Services {
    authority: Authority,
    /// What it answers to paths that are not the authority's.
    told: Mutex<BTreeMap<String, serde_json::Value>>,
    /// How often the device's code was asked for: it is confirmed at the second time.
    polls: Mutex<u32>,
}

impl Instance {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (address, services) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let origin = format!("http://localhost:{}", address.port()).parse().unwrap();
            let options = Options::new(
                folder.path().join("data"),
                PublicOrigin::try_from(&origin).unwrap(),
                Arc::new(MemoryStores::default()),
                Arc::new(Offline),
            );
            let authority = Authority::open(options).await.unwrap();
            let services =
                Arc::new(Services { authority, told: Mutex::default(), polls: Mutex::default() });
            tokio::spawn(serve(listener, Arc::clone(&services)));
            (address, services)
        });
        Self { address, services, runtime, _folder: folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// As the authority calls itself.
    pub(crate) fn origin(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    pub(crate) fn know(&self, evidence: serde_json::Value) {
        self.tell("evidence", evidence);
    }

    /// What its API answers to this path from now on.
    pub(crate) fn tell(&self, path: &str, document: serde_json::Value) {
        self.services.told.lock().unwrap().insert(format!("/-/api/v1/{path}"), document);
    }

    /// Logs an entry as whoever may log, in the form that Rekor's clients send.
    pub(crate) fn append(&self, request: &serde_json::Value) {
        let request = request.to_string();
        let appended = self.services.authority.append(request.as_bytes());
        self.runtime.block_on(appended).unwrap();
    }

    /// Waits until the log's tiles hold all that was appended.
    pub(crate) fn publish(&self) {
        self.runtime.block_on(async {
            let log = self.services.authority.log();
            for _ in 0..100 {
                let size = log.checkpoint().await.unwrap().size;
                if size > 0 && log.verify().await.is_ok_and(|audit| audit.entries == size) {
                    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            panic!("the log is not published");
        });
    }
}

async fn serve(listener: TcpListener, services: Arc<Services>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let services = Arc::clone(&services);
        tokio::spawn(async move {
            let answering = service_fn(move |request| answer(Arc::clone(&services), request));
            let http = hyper::server::conn::http1::Builder::new();
            drop(http.serve_connection(TokioIo::new(stream), answering).await);
        });
    }
}

async fn answer(
    services: Arc<Services>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let (status, body) = services.respond(&path, bearer.as_deref(), &body).await;
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    Ok(response)
}

fn refused(status: StatusCode, message: &str) -> (StatusCode, Bytes) {
    (status, json!({ "message": message }).to_string().into())
}

fn ok(document: &impl ToString) -> (StatusCode, Bytes) {
    (StatusCode::OK, document.to_string().into())
}

impl Services {
    async fn respond(&self, path: &str, bearer: Option<&str>, body: &[u8]) -> (StatusCode, Bytes) {
        if let Some(document) = self.told.lock().unwrap().get(path) {
            return ok(document);
        }
        match path {
            "/-/api/v1/trust" => ok(&self.authority.trust().client_trust_config()),
            "/-/api/v1/evidence" => ok(&json!({"items": []})),
            "/-/oidc/token" => self.token(body),
            "/-/oidc/device/code" => ok(&json!({
                "device_code": "device", "user_code": "BCDF-GHJK", "expires_in": 60,
                "verification_uri": "http://localhost/-/oidc/device", "interval": 0,
            })),
            "/-/ca/api/v2/signingCert" => {
                let Ok(request) = SigningCertRequest::from_json(body) else {
                    return refused(StatusCode::BAD_REQUEST, "no request");
                };
                match self.authority.sign_certificate(request, bearer).await {
                    Ok(issued) => ok(&ca::issued(&issued)),
                    Err(error) => refused(StatusCode::UNAUTHORIZED, &error.to_string()),
                }
            }
            "/-/tsa/api/v1/timestamp" => {
                (StatusCode::CREATED, self.authority.timestamp(body).into_der().into())
            }
            "/-/log/api/v2/log/entries" => match self.authority.append(body).await {
                Ok(entry) => (StatusCode::CREATED, entry.to_json().into()),
                Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
            },
            "/-/log/api/v2/checkpoint" => {
                ok(&self.authority.log().checkpoint().await.unwrap().checkpoint)
            }
            _ => self.tile(path).await,
        }
    }

    async fn tile(&self, path: &str) -> (StatusCode, Bytes) {
        let path = path.strip_prefix("/-/log/api/v2/").and_then(|path| path.parse().ok());
        let Some(path) = path else { return refused(StatusCode::NOT_FOUND, "no such path") };
        match self.authority.log().tile(&path).await.unwrap() {
            Some(tile) => (StatusCode::OK, tile),
            None => refused(StatusCode::NOT_FOUND, "no such tile"),
        }
    }

    fn token(&self, form: &[u8]) -> (StatusCode, Bytes) {
        let form = String::from_utf8_lossy(form).into_owned();
        if form.contains("grant-type%3Adevice_code") {
            let mut polls = self.polls.lock().unwrap();
            *polls += 1;
            if *polls < 2 {
                let pending = json!({"error": "authorization_pending"});
                return (StatusCode::BAD_REQUEST, pending.to_string().into());
            }
            let person = TokenSubject::Person {
                account: "ann".to_owned(),
                email: "ann@example.com".to_owned(),
                since_microseconds: 1,
            };
            return self.mint(&person);
        }
        if !form.contains(TOKEN) || !form.contains("token-exchange") {
            let error = json!({"error": "invalid_grant", "error_description": "who is that?"});
            return (StatusCode::BAD_REQUEST, error.to_string().into());
        }
        let uri = format!("{}/-/tokens/ci", self.authority.origin().as_str());
        self.mint(&TokenSubject::Machine { uri, token: "0a1b".to_owned() })
    }

    fn mint(&self, subject: &TokenSubject) -> (StatusCode, Bytes) {
        let now = self.authority.now();
        let token = self.authority.issuer().mint(subject, "sigstore", None, now).unwrap();
        ok(&json!({"id_token": token, "access_token": token, "token_type": "Bearer"}))
    }
}
