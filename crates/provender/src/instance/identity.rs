//! Who signs: an identity token that was given, made from a token of the server, or kept by a
//! login.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Instance, http, refused, token_of_environment, usage};
use crate::exit::Failure;
use crate::input;

const TOKEN_PATH: &str = "-/oidc/token";
const DEVICE_PATH: &str = "-/oidc/device/code";
/// How this client calls itself, as Sigstore's clients do.
const CLIENT_ID: &str = "sigstore";
/// Where the certificate authority says whom it wants identity tokens to be for.
const CONFIGURATION_PATH: &str = "-/ca/api/v2/configuration";
/// A token that ends sooner than this is as good as ended, in seconds.
const LEEWAY_SECONDS: u64 = 10;
/// The option that names one.
const IDENTITY_TOKEN: &str = "--identity-token";
/// Longest identity token, in bytes.
const TOKEN_LIMIT_BYTES: usize = 32 * 1024;
/// How long a client waits between its questions where the server does not say.
const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(5);
/// How much longer after each "slow down" (RFC 8628, section 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// An identity token: a signed text that says who somebody is, for a few minutes.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Identity(String);

/// What an identity token says; for showing, not for believing.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Subject {
    #[serde(default)]
    email: Option<String>,
    sub: String,
    #[serde(default)]
    exp: u64,
}

/// What RFC 8628 answers.
#[derive(Deserialize)]
struct Device {
    #[serde(rename = "device_code")]
    secret: String,
    user_code: String,
    verification_uri: String,
    #[serde(default)]
    verification_uri_complete: Option<String>,
    expires_in: u64,
    #[serde(default)]
    interval: Option<u64>,
}

/// What RFC 6749 and RFC 8693 answer.
#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    id_token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

impl Identity {
    /// The token's text.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Given on the command line: the token itself, or a file that holds it.
    pub(crate) fn given(text: &str) -> Result<Self> {
        if text.split('.').count() == 3 && !Path::new(text).exists() {
            return Self::checked(text);
        }
        let held = input::read_text(IDENTITY_TOKEN, Path::new(text), TOKEN_LIMIT_BYTES)
            .context("neither a token nor a file that holds one")?;
        Self::checked(held.trim())
    }

    /// Whatever there is: a token of the server, else a login that still lasts, else a login now
    /// where somebody sits at a terminal.
    pub(crate) async fn found(instance: &Instance, token: Option<&str>) -> Result<Self> {
        let of_environment = token_of_environment();
        if let Some(token) = token.or(of_environment.as_deref()) {
            return Self::exchanged(instance, token).await;
        }
        if let Some(kept) = logins::kept(instance) {
            return Ok(kept);
        }
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            return Self::by_device(instance).await;
        }
        let why = format!(
            "nobody is logged in to {server}: run `provender login --server {server}`, or set PROVENDER_TOKEN",
            server = instance.address(),
        );
        Err(Failure::Refused(why).into())
    }

    /// In exchange for a token of the server (RFC 8693).
    pub(crate) async fn exchanged(instance: &Instance, token: &str) -> Result<Self> {
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:id_token"),
            ("client_id", CLIENT_ID),
        ];
        let answer = instance.post_form(TOKEN_PATH, &fields).await?;
        Self::answered(&answer).context("the server gives no identity for this token")
    }

    /// For a name and a password.
    pub(crate) async fn by_password(
        instance: &Instance,
        name: &str,
        password: &str,
    ) -> Result<Self> {
        let fields = [
            ("grant_type", "password"),
            ("username", name),
            ("password", password),
            ("scope", "openid email"),
            ("client_id", CLIENT_ID),
        ];
        let answer = instance.post_form(TOKEN_PATH, &fields).await?;
        Self::answered(&answer)
    }

    /// Shows a code, which somebody confirms in a browser (RFC 8628).
    pub(crate) async fn by_device(instance: &Instance) -> Result<Self> {
        let client_id = Self::audience(instance).await?;
        let fields = [("client_id", client_id.as_str()), ("scope", "openid email")];
        let answer = instance.post_form(DEVICE_PATH, &fields).await?;
        if !answer.status.is_success() {
            return Err(refused(answer.status, &answer.body));
        }
        let device: Device = crate::api::read(&answer.body)?;
        let page = device.verification_uri_complete.as_ref().unwrap_or(&device.verification_uri);
        let shown = crate::output::printable;
        eprintln!("Open {} and confirm the code {}", shown(page), shown(&device.user_code));
        Self::poll(instance, &device, &client_id).await
    }

    /// Whom the token has to be for. It is for the client that asks, so the client is called so.
    async fn audience(instance: &Instance) -> Result<String> {
        let configuration = instance.if_any(CONFIGURATION_PATH).await?.unwrap_or_default();
        let configuration: Value = serde_json::from_slice(&configuration).unwrap_or_default();
        let audience = configuration["issuers"][0]["audience"].as_str();
        Ok(audience.unwrap_or(CLIENT_ID).to_owned())
    }

    async fn poll(instance: &Instance, device: &Device, client_id: &str) -> Result<Self> {
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device.secret.as_str()),
            ("client_id", client_id),
        ];
        let mut interval = device.interval.map_or(DEFAULT_POLL_INTERVAL, Duration::from_secs);
        let asking = async {
            loop {
                tokio::time::sleep(interval).await;
                let answer = instance.post_form(TOKEN_PATH, &fields).await?;
                let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                match document["error"].as_str() {
                    Some("authorization_pending") => {}
                    Some("slow_down") => interval += SLOW_DOWN,
                    _ => return Self::answered(&answer),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(device.expires_in), asking)
            .await
            .map_err(|_| Failure::Refused("nobody confirmed the code in time".to_owned()))?
    }

    fn answered(answer: &http::Answer) -> Result<Self> {
        if !answer.status.is_success() {
            return Err(refused(answer.status, &answer.body));
        }
        let tokens: Tokens = crate::api::read(&answer.body)?;
        let token = tokens.id_token.or(tokens.access_token);
        Self::checked(&token.ok_or_else(|| anyhow!("the server's answer holds no token"))?)
    }

    /// Whether it can be one, and has not ended.
    fn checked(text: &str) -> Result<Self> {
        let identity = Self(text.to_owned());
        if text.len() > TOKEN_LIMIT_BYTES {
            return Err(usage(&format!("an identity token has at most {TOKEN_LIMIT_BYTES} bytes")));
        }
        let subject = identity.subject().ok_or_else(|| usage("this is no identity token"))?;
        if subject.exp <= now_seconds() {
            return Err(Failure::Refused(
                "the identity token has ended, by the clock of this machine".to_owned(),
            )
            .into());
        }
        Ok(identity)
    }

    /// What the token says of itself.
    pub(crate) fn subject(&self) -> Option<Subject> {
        use base64::Engine as _;
        let claims = self.0.split('.').nth(1)?;
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).ok()?;
        serde_json::from_slice(&claims).ok()
    }
}

impl Subject {
    /// The e-mail address of a person, else the subject.
    pub(crate) fn name(&self) -> &str {
        self.email.as_deref().unwrap_or(&self.sub)
    }
}

/// How much longer a token lasts.
pub(crate) fn lifetime_of(identity: &Identity) -> Duration {
    let ends = identity.subject().map_or(0, |subject| subject.exp);
    Duration::from_secs(ends.saturating_sub(now_seconds()))
}

fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Identity tokens that logins keep, one file per server, for nobody else to read.
pub(crate) mod logins {
    use std::io::Write as _;
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

    use anyhow::Context as _;

    use super::{Identity, Instance, LEEWAY_SECONDS, PathBuf, Result, lifetime_of};

    /// Keeps the token until it ends; returns where.
    pub(crate) fn keep(instance: &Instance, identity: &Identity) -> Result<PathBuf> {
        let path = path(instance).context("there is no place for it: set HOME")?;
        let folder = path.parent().expect("the file is in a folder");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Written beside and moved, so that no reader sees half of it.
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&beside)?;
        let written = file
            .write_all(identity.text().as_bytes())
            .and_then(|()| std::fs::rename(&beside, &path));
        if let Err(error) = written {
            drop(std::fs::remove_file(&beside));
            return Err(error).context("the identity cannot be kept");
        }
        Ok(path)
    }

    /// The token that is kept for this server, if it still lasts.
    pub(crate) fn kept(instance: &Instance) -> Option<Identity> {
        let text = crate::input::read_text("the login", &path(instance)?, super::TOKEN_LIMIT_BYTES)
            .ok()?;
        let identity = Identity::checked(text.trim()).ok()?;
        (lifetime_of(&identity).as_secs() > LEEWAY_SECONDS).then_some(identity)
    }

    /// Forgets it; returns whether there was one.
    pub(crate) fn forget(instance: &Instance) -> Result<bool> {
        let Some(path) = path(instance) else { return Ok(false) };
        match std::fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn path(instance: &Instance) -> Option<PathBuf> {
        let variable = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let base =
            variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?;
        let name: String = instance
            .address()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' })
            .collect();
        Some(base.join("provender").join("logins").join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, lifetime_of};

    fn token(claims: &str) -> String {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        format!("{}.{}.c2ln", engine.encode("{}"), engine.encode(claims))
    }

    #[test]
    fn tokens_say_who_and_until_when() {
        let check = |claims: &str, expected: Result<&str, &str>| {
            let given = Identity::given(&token(claims));
            match (given, expected) {
                (Ok(identity), Ok(name)) => assert_eq!(identity.subject().unwrap().name(), name),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (given, _) => panic!("{claims}: {:?}", given.map(|_| "a token")),
            }
        };
        check(r#"{"sub":"ann","exp":99999999999}"#, Ok("ann"));
        check(r#"{"sub":"1","email":"ann@example.com","exp":99999999999}"#, Ok("ann@example.com"));
        check(r#"{"sub":"ann","exp":1}"#, Err("has ended"));
        check(r#"{"sub":"ann"}"#, Err("has ended"));
        check(r#"{"exp":99999999999}"#, Err("no identity token"));
        check("?", Err("no identity token"));
    }

    #[test]
    fn lifetimes() {
        let ended = Identity(token(r#"{"sub":"ann","exp":1}"#));
        assert_eq!(lifetime_of(&ended).as_secs(), 0);
        let lasting = Identity(token(r#"{"sub":"ann","exp":99999999999}"#));
        assert!(lifetime_of(&lasting).as_secs() > 1_000_000);
    }
}
