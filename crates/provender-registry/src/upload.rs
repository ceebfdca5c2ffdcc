//! In from people, in several requests: files whose names are their digests.
//!
//! The bytes of an upload are kept beside the blobs under its name and its owner's, so that it goes
//! on after a restart and nobody finds it under another package. Before its first bytes it is a
//! name alone ([`crate::session`]). It becomes a file in one step,
//! when all bytes are here and are what the file's name promises.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use provender_domain::{
    Algorithm, File, FileName, FileState, KeptFile, Origin, Problem, ProblemCode,
};
use provender_ecosystem::{Delivery, MountSource, Operation, SessionId, UploadStep};
use provender_store::{
    Blob, BlobError, PackageKey, RemovedUploads, StoreError, UploadKey, Verified, Write,
};

use crate::access::Authorized;
use crate::error::{blob_problem, store_problem};
use crate::journal::to_the_end;
use crate::publish::{claim_first, mismatch};
use crate::resolve::{Query, without_doubles};
use crate::session::was_named_here;
use crate::{Inner, Registry};

/// How long an upload may rest before garbage collection takes it for abandoned.
pub(crate) const ABANDONED_AFTER: Duration = Duration::from_hours(24);
/// Most uploads under way at once; each may hold a file, and while it is written to, four megabytes.
/// Those that have no file yet give way to others, then those of whoever has most of them: one token
/// keeps nobody else from pushing. Whose those are that an earlier process began is known once
/// somebody goes on with them.
const UPLOADS_LIMIT: usize = 10_000;
/// When to try again where there are too many.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// What a first request came to.
#[expect(clippy::large_enum_variant, reason = "made once for each upload, and taken apart at once")]
pub enum Begun {
    /// An upload; its bytes may come now.
    Upload(Upload),
    /// The file is here already, under this very name.
    Mounted(FileName),
}

/// An upload under way. Nobody else has it meanwhile; dropping it keeps what was written.
pub struct Upload {
    session: SessionId,
    bytes: provender_store::Upload,
}

impl Upload {
    /// Its name.
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// How many of its bytes are here.
    pub fn received_bytes(&self) -> u64 {
        self.bytes.received_bytes()
    }

    /// Appends bytes.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), Problem> {
        self.bytes.write(chunk).await.map_err(|error| blob_problem(&error))
    }

    /// Lets go of it until its next request; what was written survives a restart of the server.
    pub async fn pause(self) -> Result<u64, Problem> {
        self.bytes.pause().await.map_err(|error| blob_problem(&error))
    }

    /// Forgets it.
    pub async fn cancel(self) -> Result<(), Problem> {
        self.bytes.cancel().await.map_err(|error| blob_problem(&error))
    }
}

impl Registry {
    /// Begins an upload, or mounts a file ([`UploadStep::Begin`], `Whole` and `Mount`).
    pub async fn begin_upload(&self, operation: &Authorized<Operation>) -> Result<Begun, Problem> {
        let Operation::Upload { package, step } = &operation.operation else {
            return Err(no_upload());
        };
        let key = operation.key(package);
        self.check_origin(operation, &key).await?;
        if let UploadStep::Mount { file, from } = step
            && let Some(mounted) = self.mount(operation, &key, file, from.as_ref()).await?
        {
            return Ok(Begun::Mounted(mounted));
        }
        let has_room = self.inner.blobs.make_room_for_upload(UPLOADS_LIMIT).await;
        if !has_room.map_err(|error| blob_problem(&error))? {
            let message = "too many uploads are under way; try again later";
            return Err(Problem::new(ProblemCode::Busy, message).retry_after(RETRY_AFTER));
        }
        let owner = owner(&key);
        let session = self.inner.sessions.name(&self.inner.access_key, &owner);
        let session = session
            .map_err(|error| Problem::internal(&std::io::Error::other(error.to_string())))?;
        let algorithms: Vec<Algorithm> = match step {
            UploadStep::Whole { file } => {
                let digest = operation.ecosystem.digest_of_file(file);
                digest.map(|digest| digest.algorithm()).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let blobs = &self.inner.blobs;
        let publisher = operation.caller.actor().to_string();
        let upload = UploadKey { owner: &owner, id: session.as_str(), publisher: &publisher };
        let bytes = blobs.create_upload(upload, &algorithms).await;
        let bytes = bytes.map_err(|error| blob_problem(&error))?;
        Ok(Begun::Upload(Upload { session, bytes }))
    }

    /// The upload that an `Append`, `Finish`, `Status` or `Cancel` is about, if its next byte is
    /// where the request begins: else [`ProblemCode::OutOfOrder`].
    pub async fn resume_upload(
        &self,
        operation: &Authorized<Operation>,
    ) -> Result<Upload, Problem> {
        let Operation::Upload { package, step } = &operation.operation else {
            return Err(no_upload());
        };
        let (session, offset_bytes) = match step {
            UploadStep::Append { session, offset_bytes }
            | UploadStep::Finish { session, offset_bytes, .. } => (session, *offset_bytes),
            UploadStep::Status { session } | UploadStep::Cancel { session } => (session, None),
            UploadStep::Begin | UploadStep::Whole { .. } | UploadStep::Mount { .. } => {
                return Err(no_upload());
            }
        };
        let owner = owner(&operation.key(package));
        let publisher = operation.caller.actor().to_string();
        let upload = UploadKey { owner: &owner, id: session.as_str(), publisher: &publisher };
        let bytes = match self.resume(upload, session).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(no_upload()),
            Err(BlobError::Busy) => {
                // It may be one whose client has gone without a word, and ends for that in a while.
                let message = "another request is writing to this upload; try again in a moment";
                return Err(Problem::new(ProblemCode::Busy, message).retry_after(RETRY_AFTER));
            }
            Err(error) => return Err(blob_problem(&error)),
        };
        let received = bytes.received_bytes();
        if let Some(offset) = offset_bytes.filter(|offset| *offset != received) {
            let message = format!(
                "this piece begins at byte {offset}, but the upload has {received} bytes so far"
            );
            return Err(Problem::new(ProblemCode::OutOfOrder, message));
        }
        Ok(Upload { session: session.clone(), bytes })
    }

    /// One that an earlier process began, or that was forgotten to make room for others, may have got
    /// no bytes: then nothing but its name tells.
    async fn resume(
        &self,
        upload: UploadKey<'_>,
        session: &SessionId,
    ) -> Result<Option<provender_store::Upload>, BlobError> {
        let Inner { blobs, sessions, access_key, .. } = &*self.inner;
        let may_be_forgotten =
            !sessions.is_of_this_process(session) || blobs.has_forgotten_uploads();
        // One that has its place must not make room for itself.
        if may_be_forgotten
            && was_named_here(access_key, upload.owner, session)
            && !blobs.knows_upload(upload)
            && blobs.make_room_for_upload(UPLOADS_LIMIT).await?
        {
            return blobs.resume_begun_upload(upload).await.map(Some);
        }
        blobs.resume_upload(upload).await
    }

    /// The last byte of a `Whole` or `Finish` is here: verifies and records the file. When this
    /// returns it survives any crash. After a mismatch the upload is forgotten.
    pub async fn finish_upload(
        &self,
        operation: Authorized<Operation>,
        upload: Upload,
    ) -> Result<FileName, Problem> {
        let registry = self.clone();
        // Uploads take their time, and rights may end meanwhile.
        self.check_still_valid(&operation.caller)?;
        let operation = self.renewed(&operation);
        to_the_end(async move { registry.finish(&operation, upload).await }).await
    }

    async fn finish(
        &self,
        operation: &Authorized<Operation>,
        upload: Upload,
    ) -> Result<FileName, Problem> {
        let Operation::Upload { package, step } = &operation.operation else {
            return Err(no_upload());
        };
        let (UploadStep::Whole { file } | UploadStep::Finish { file, .. }) = step else {
            return Err(no_upload());
        };
        let key = operation.key(package);
        let digest = operation.ecosystem.digest_of_file(file).ok_or_else(|| {
            Problem::new(ProblemCode::InvalidRequest, "the name of an upload is its digest")
        })?;
        let blob = upload.bytes.finish().await.map_err(|error| blob_problem(&error))?;
        let blob = blob.verify(std::slice::from_ref(&digest)).await;
        let blob = blob.map_err(|error| mismatch(&error, ProblemCode::DigestMismatch))?;
        let gate = self.inner.garbage_gate.clone().read_owned().await;
        let kept = self.uploaded(operation, file, &blob);
        let keep = self.inner.blobs.commit_with_row(blob).await;
        let keep = keep.map_err(|error| blob_problem(&error))?;
        self.record_content(&key, kept, keep).await?;
        drop(gate);
        Ok(file.clone())
    }

    fn uploaded(
        &self,
        operation: &Authorized<Operation>,
        file: &FileName,
        blob: &Blob<Verified>,
    ) -> KeptFile {
        let now = self.now();
        let promised = operation.ecosystem.digest_of_file(file);
        KeptFile {
            file: File {
                name: file.clone(),
                version: None,
                url: None,
                digests: without_doubles(promised.into_iter().chain([blob.id().digest()])),
                size_bytes: Some(blob.size_bytes()),
                uploaded_at: Some(now),
                yank: None,
                attributes: Default::default(),
                companions: Vec::new(),
            },
            blob: blob.id(),
            origin: Origin::Published,
            recorded_at: now,
            publisher: Some(operation.caller.actor().to_string()),
            state: FileState::Present,
            state_reason: None,
        }
    }

    /// A file of which only its digest says what it is: it is no event and is not signed, as what
    /// refers to it by that digest will be. Its bytes are durable, or become so with this write.
    /// The caller holds the garbage gate.
    async fn record_content(
        &self,
        key: &PackageKey,
        kept: KeptFile,
        bytes: Option<Write>,
    ) -> Result<(), Problem> {
        let bind =
            Write::BindName { key: key.clone(), origin: Origin::Published, at: kept.recorded_at };
        let name = kept.file.name.clone();
        let keep = Write::KeepFile { key: key.clone(), file: kept };
        let writes = bytes.into_iter().chain([bind, keep]).collect();
        let stamp = self.package_stamp(key);
        match self.inner.metadata.commit(writes, Vec::new()).await {
            Ok(_) => {
                self.remember_recorded(key.clone(), name, stamp);
                Ok(())
            }
            Err(StoreError::OriginBound { bound: Origin::Mirrored { upstream } }) => {
                Err(claim_first(key, upstream.as_str()))
            }
            Err(StoreError::FileExists { .. }) => {
                let message = format!(
                    "{name} of {} is in quarantine here; an administrator has to release it first",
                    key.package
                );
                Err(Problem::new(ProblemCode::Conflict, message))
            }
            Err(error) => Err(store_problem(&error)),
        }
    }

    async fn mount(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
        file: &FileName,
        from: Option<&MountSource>,
    ) -> Result<Option<FileName>, Problem> {
        if operation.ecosystem.delivery(file) != Delivery::WhileFetched {
            return Ok(None);
        }
        let found = match from {
            Some(source) => self.mountable(operation, file, source).await?,
            None => self.mountable_anywhere(operation, file).await?,
        };
        let Some(found) = found else { return Ok(None) };
        let _gate = self.inner.garbage_gate.clone().read_owned().await;
        // It may have been deleted there before the gate was held.
        let open = self.inner.blobs.open_blob(&found.blob).await;
        if open.map_err(|error| blob_problem(&error))?.is_none() {
            return Ok(None);
        }
        let now = self.now();
        let kept = KeptFile {
            file: File { uploaded_at: Some(now), url: None, yank: None, ..found.file },
            origin: Origin::Published,
            recorded_at: now,
            publisher: Some(operation.caller.actor().to_string()),
            ..found
        };
        self.record_content(key, kept, None).await?;
        Ok(Some(file.clone()))
    }

    /// The file where the client says that it is, if the caller may read it there. That they may
    /// not is told as little as that it is not there: an upload begins.
    async fn mountable(
        &self,
        operation: &Authorized<Operation>,
        file: &FileName,
        source: &MountSource,
    ) -> Result<Option<KeptFile>, Problem> {
        let caller = &operation.caller;
        let Ok(repository) = self.readable(caller, &source.repository, Some(&source.package))
        else {
            return Ok(None);
        };
        let query = Query {
            repository,
            ecosystem: operation.ecosystem.clone(),
            package: source.package.clone(),
            depth: 0,
            host: None,
        };
        // Refused there by policy is not there.
        let kept = self.kept_and_served(&query, file).await.unwrap_or_default();
        Ok(kept.map(Arc::unwrap_or_clone))
    }

    /// The file in whatever package the caller may read; by SHA-256 alone, which blobs are found by.
    async fn mountable_anywhere(
        &self,
        operation: &Authorized<Operation>,
        file: &FileName,
    ) -> Result<Option<KeptFile>, Problem> {
        let ecosystem = &operation.ecosystem;
        let Some(blob) = ecosystem.digest_of_file(file).and_then(|digest| digest.blob_id()) else {
            return Ok(None);
        };
        let metadata = &self.inner.metadata;
        let places = metadata.packages_with_blob(ecosystem.id(), &blob, MOUNT_PLACES).await;
        for (repository, package) in places.map_err(|error| store_problem(&error))? {
            let source = MountSource { repository: repository.to_string(), package };
            if let Some(found) = self.mountable(operation, file, &source).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Takes away what nobody went on with for a day.
    pub(crate) async fn remove_abandoned_uploads(&self) -> Result<RemovedUploads, Problem> {
        let before = self.now().to_system().checked_sub(ABANDONED_AFTER);
        let before = before.unwrap_or(SystemTime::UNIX_EPOCH);
        let removed = self.inner.blobs.remove_abandoned_uploads(before).await;
        removed.map_err(|error| blob_problem(&error))
    }
}

/// Packages that are tried for a mount of which the client does not say where from.
const MOUNT_PLACES: u32 = 16;

/// Whose an upload is; no part of it has a line break.
fn owner(key: &PackageKey) -> String {
    format!("{}\n{}\n{}", key.repository, key.ecosystem, key.package)
}

fn no_upload() -> Problem {
    Problem::not_found("no upload of this name is under way; begin anew")
}
