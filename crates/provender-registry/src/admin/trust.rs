//! What signatures of this server are checked by: how long it lasts, and new keys for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use provender_authority::ca::AuthorityFileError;
use provender_authority::error::{RootKeyError, RotateError};
use provender_authority::keys::KeyError;
use provender_authority::tuf::TufError;
use provender_authority::{
    Authority, CertifiedBy, ExportedKeys, RootRotation, RotatedService, Rotation, TrustStatus,
};
use provender_domain::{EventKind, NewEvent, Problem, ProblemCode, Scope};

use crate::{Caller, Registry};

impl Registry {
    /// What is trusted, until when, and where the keys to it are.
    pub fn trust_status(&self, caller: &Caller) -> Result<TrustStatus, Problem> {
        caller.require(Scope::Admin, None)?;
        self.authority().trust_status().map_err(|error| root_key_problem(&error))
    }

    /// Copies the root keys to a folder of this machine, or moves them there.
    pub async fn export_root_keys(
        &self,
        caller: &Caller,
        to: PathBuf,
        remove: bool,
    ) -> Result<ExportedKeys, Problem> {
        caller.require_operator()?;
        check_absolute(&to)?;
        let exported = self
            .with_authority(move |authority| authority.export_root_keys(&to, remove))
            .await?
            .map_err(|error| root_key_problem(&error))?;
        let verb = if remove { "moved out of the data directory" } else { "copied" };
        let message = format!("the root keys were {verb}");
        self.record_done(self.event(EventKind::RootKeysExported, caller, message)).await;
        Ok(exported)
    }

    /// Gives the repository of trusted keys a new root key. The present one is in `keys`, where the
    /// new one will be too; `None`: in the data directory.
    pub async fn rotate_root(
        &self,
        caller: &Caller,
        keys: Option<PathBuf>,
    ) -> Result<RootRotation, Problem> {
        caller.require_operator()?;
        keys.as_deref().map(check_absolute).transpose()?;
        let rotated = self
            .with_authority(move |authority| authority.rotate_root(keys.as_deref()))
            .await?
            .map_err(|error| root_key_problem(&error))?;
        let message = format!("the TUF root has a new key from version {} on", rotated.version);
        let mut event = self.event(EventKind::KeyRotated, caller, message);
        event.detail.set_text("service", "tuf-root");
        event.detail.0.insert("generation".to_owned(), rotated.version.into());
        self.record_done(event).await;
        Ok(rotated)
    }

    /// Gives a service a new key, certified by its present root (whose key is in `root_keys`, or else
    /// in the data directory) or by a new one.
    pub async fn rotate_key(
        &self,
        caller: &Caller,
        service: RotatedService,
        root_keys: Option<PathBuf>,
        with_new_root: bool,
    ) -> Result<Rotation, Problem> {
        caller.require_operator()?;
        root_keys.as_deref().map(check_absolute).transpose()?;
        if with_new_root && root_keys.is_some() {
            let message = "a new root needs no key of the old one: name one or the other";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let rotate = move |authority: &Authority| {
            let by = match (&root_keys, with_new_root) {
                (Some(folder), _) => CertifiedBy::RootIn(folder),
                (None, true) => CertifiedBy::NewRoot,
                (None, false) => CertifiedBy::RootHere,
            };
            authority.rotate(service, by)
        };
        let rotated = self.with_authority(rotate).await?;
        let rotated = rotated.map_err(|error| rotate_problem(&error))?;
        let message = format!("{service} signs with a new key, its number {}", rotated.generation);
        let mut event = self.event(EventKind::KeyRotated, caller, message);
        event.detail.set_text("service", service.as_str());
        event.detail.set_text("key", rotated.key_id.as_str());
        event.detail.0.insert("generation".to_owned(), rotated.generation.into());
        self.record_done(event).await;
        Ok(rotated)
    }

    /// What blocks for some milliseconds.
    async fn with_authority<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Authority) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let authority = Arc::clone(self.authority());
        let done = tokio::task::spawn_blocking(move || work(&authority)).await;
        done.map_err(|error| Problem::internal(&error))
    }

    /// What was done is done, also where it cannot be recorded.
    async fn record_done(&self, event: NewEvent) {
        let (kind, message) = (event.kind, event.message.clone());
        if let Err(error) = self.inner.metadata.commit(Vec::new(), vec![event]).await {
            tracing::error!(%error, kind = kind.as_str(), message, "an event could not be recorded");
        }
    }
}

/// The server's working directory is nobody's business.
fn check_absolute(path: &Path) -> Result<(), Problem> {
    if path.is_absolute() {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::InvalidRequest, "a folder is named by its absolute path"))
}

fn root_key_problem(error: &RootKeyError) -> Problem {
    match error {
        RootKeyError::Tuf(TufError::NoRootKey) => {
            let message = "the TUF root key is not there: bring it back to keys/root/, or name the folder that it is in";
            Problem::new(ProblemCode::InvalidRequest, message).because(error)
        }
        RootKeyError::Tuf(_) => Problem::internal(error),
        _ => Problem::new(ProblemCode::InvalidRequest, chain(error)).because(error),
    }
}

fn rotate_problem(error: &RotateError) -> Problem {
    match error {
        RotateError::Key(_)
        | RotateError::Make(_)
        | RotateError::Clock(_)
        | RotateError::RootNotYet { .. } => {
            let hint = match is_missing_key(error) {
                true => "; name the folder that it is in with --keys",
                false => "",
            };
            let message = format!("{}{hint}", chain(error));
            Problem::new(ProblemCode::InvalidRequest, message).because(error)
        }
        RotateError::Generations(_) | RotateError::Open(_) | RotateError::Tuf(_) => {
            Problem::internal(error)
        }
    }
}

fn is_missing_key(error: &RotateError) -> bool {
    matches!(
        error,
        RotateError::Key(KeyError::Missing { .. })
            | RotateError::Make(AuthorityFileError::Key(KeyError::Missing { .. }))
    )
}

/// The operator is told of files, whoever else is not.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
