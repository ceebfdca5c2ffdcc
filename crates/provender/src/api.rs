//! The client of the server's API: over the control socket, over the network, or, where no server
//! runs, by dispatching the same requests to the same handlers in this process.

mod http;

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use ::http::Method;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use provender_registry::{Options, Registry, RegistryError};
use provender_server::api as handlers;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::data::{Target, control_socket};
use crate::ecosystems;
use crate::exit::Failure;

/// A problem that the API answered with.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// Its code: `not-found`, …
    pub(crate) code: String,
    /// What to change.
    pub(crate) message: String,
}

/// Somebody who answers requests to the API.
pub(crate) enum Api {
    /// A server, over its control socket or over the network.
    Server(http::Client),
    /// The registry itself, in this process, with the operator's rights.
    Here(Registry),
}

/// How often and at which interval to try again while a server starts or stops.
const SETTLING_TRIES: u32 = 20;
const SETTLING_INTERVAL: Duration = Duration::from_millis(100);

impl Api {
    /// Finds out who answers for this target.
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        if let Some(server) = &target.server {
            let token = std::env::var("PROVENDER_TOKEN").ok().filter(|token| !token.is_empty());
            return Ok(Self::Server(http::Client::remote(server, token)?));
        }
        let data = target.data_directory();
        for _ in 0..SETTLING_TRIES {
            if let Some(server) = Self::running(&data).await {
                return Ok(server);
            }
            if let Some(registry) = open_here(&data).await? {
                return Ok(Self::Here(registry));
            }
            tokio::time::sleep(SETTLING_INTERVAL).await;
        }
        Err(locked(&data).into())
    }

    /// The server that runs on the data directory, if one does.
    pub(crate) async fn running(data: &Path) -> Option<Self> {
        let socket = control_socket(data);
        let is_answered = http::Client::is_answered(&socket).await;
        is_answered.then(|| Self::Server(http::Client::control(socket)))
    }

    /// Where the server is reached, if that is known.
    pub(crate) fn address(&self) -> Option<String> {
        match self {
            Self::Server(client) => client.address(),
            Self::Here(_) => None,
        }
    }

    /// Finishes what was begun.
    pub(crate) async fn close(&self) {
        if let Self::Here(registry) = self {
            registry.close().await;
        }
    }

    /// GET.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &impl Serialize,
    ) -> Result<T> {
        let answer = self.send(Method::GET, path, pairs(query)?, Bytes::new()).await?;
        read(&answer)
    }

    /// POST.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T> {
        self.write(Method::POST, path, body).await
    }

    /// PATCH.
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T> {
        self.write(Method::PATCH, path, body).await
    }

    /// PUT, answered with what is there now.
    pub(crate) async fn replace<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &impl Serialize,
        body: &impl Serialize,
    ) -> Result<T> {
        let body = Bytes::from(serde_json::to_vec(body)?);
        read(&self.send(Method::PUT, path, pairs(query)?, body).await?)
    }

    /// PUT, answered with nothing.
    pub(crate) async fn put(&self, path: &[&str], body: &impl Serialize) -> Result<()> {
        let body = Bytes::from(serde_json::to_vec(body)?);
        self.send(Method::PUT, path, Vec::new(), body).await.map(drop)
    }

    /// DELETE.
    pub(crate) async fn delete(&self, path: &[&str], query: &impl Serialize) -> Result<Bytes> {
        self.send(Method::DELETE, path, pairs(query)?, Bytes::new()).await
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T> {
        let body = Bytes::from(serde_json::to_vec(body)?);
        read(&self.send(method, path, Vec::new(), body).await?)
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: Vec<(String, String)>,
        body: Bytes,
    ) -> Result<Bytes> {
        match self {
            Self::Server(client) => client.send(method, path, &query, body).await,
            Self::Here(registry) => {
                let segments = path.iter().map(|segment| (*segment).to_owned()).collect();
                let request = handlers::Request { method, segments, query, body };
                let answer = handlers::answer(registry, &registry.operator(), request).await;
                Ok(answer.map_err(refused)?.body)
            }
        }
    }
}

/// Reads an answer.
pub(crate) fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T> {
    serde_json::from_slice(answer)
        .context("the server's answer is not understood; is it of another version?")
}

/// In this process there is no operator's log: the cause stands beside the message.
fn refused(problem: provender_domain::Problem) -> Refusal {
    let message = match problem.internal {
        Some(internal) => format!("{}: {internal}", problem.public),
        None => problem.public,
    };
    Refusal { code: problem.code.as_str().to_owned(), message }
}

/// Opens the data directory; nothing if another process has it.
async fn open_here(data: &Path) -> Result<Option<Registry>> {
    let Some(owner) = owner(data)? else {
        return Err(Failure::Unreachable(format!(
            "there is no Provender in {data}: start `provender serve --data {data}` first, or name another directory with --data",
            data = data.display(),
        ))
        .into());
    };
    check_owner(data, owner)?;
    match Registry::open(Options::new(data.to_owned(), ecosystems::all())).await {
        Ok(registry) => Ok(Some(registry)),
        Err(RegistryError::InUse { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The number of the user as whom a server has run here, if one ever has: no command but `serve`
/// makes a data directory.
fn owner(data: &Path) -> Result<Option<u32>> {
    match std::fs::metadata(data.join("lock")) {
        Ok(lock) => Ok(Some(lock.uid())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let data = data.display();
            let message = format!("the data directory {data} cannot be looked into: {error}");
            Err(Failure::Unreachable(message).into())
        }
    }
}

/// Refuses what belongs to somebody else: root may write there, and the server could not read it.
fn check_owner(data: &Path, owner: u32) -> Result<()> {
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let data = data.display();
    let why = format!(
        "{data} belongs to another user, who could not read what is written now: run this as they, by `sudo -u '#{owner}'`"
    );
    Err(Failure::Unreachable(why).into())
}

fn locked(data: &Path) -> Failure {
    Failure::Unreachable(format!(
        "{data} is in use by a process that does not answer at {socket}: it may still be starting or stopping, or be stuck; try again, or stop it",
        data = data.display(),
        socket = control_socket(data).display(),
    ))
}

/// A struct's fields as a query; what is absent is left out.
fn pairs(query: &impl Serialize) -> Result<Vec<(String, String)>> {
    let serde_json::Value::Object(fields) = serde_json::to_value(query)? else {
        return Ok(Vec::new());
    };
    let written = fields.into_iter().filter_map(|(name, value)| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some((name, text)),
        other => Some((name, other.to_string())),
    });
    Ok(written.collect())
}
