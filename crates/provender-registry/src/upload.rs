//! In from people, in several requests: files whose names are their digests.

use bytes::Bytes;
use provender_domain::{FileName, Problem, ProblemCode};
use provender_ecosystem::{Operation, SessionId};

use crate::Registry;
use crate::access::Authorized;

/// What a first request came to.
pub enum Begun {
    /// An upload; its bytes may come now.
    Upload(Upload),
    /// The file is here already, under this very name.
    Mounted(FileName),
}

/// An upload under way. Nobody else has it meanwhile; dropping it keeps what was written.
pub struct Upload {
    session: SessionId,
}

impl Upload {
    /// Its name.
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// How many of its bytes are here.
    pub fn received_bytes(&self) -> u64 {
        0
    }

    /// Appends bytes.
    pub async fn write(&mut self, _chunk: Bytes) -> Result<(), Problem> {
        std::future::ready(Ok(())).await
    }

    /// Lets go of it until its next request; what was written survives a restart of the server.
    pub async fn pause(self) -> Result<u64, Problem> {
        std::future::ready(Ok(0)).await
    }

    /// Forgets it.
    pub async fn cancel(self) -> Result<(), Problem> {
        std::future::ready(Ok(())).await
    }
}

impl Registry {
    /// Begins an upload, or mounts a file ([`UploadStep::Begin`], `Whole` and `Mount`).
    ///
    /// [`UploadStep::Begin`]: provender_ecosystem::UploadStep::Begin
    pub async fn begin_upload(&self, _: &Authorized<Operation>) -> Result<Begun, Problem> {
        std::future::ready(Err(Problem::new(ProblemCode::NotFound, "no uploads here"))).await
    }

    /// The upload that an `Append`, `Finish`, `Status` or `Cancel` is about, if its next byte is
    /// where the request begins: else [`ProblemCode::OutOfOrder`].
    pub async fn resume_upload(&self, _: &Authorized<Operation>) -> Result<Upload, Problem> {
        std::future::ready(Err(Problem::new(ProblemCode::NotFound, "no uploads here"))).await
    }

    /// The last byte of a `Whole` or `Finish` is here: verifies and records the file. When this
    /// returns it survives any crash. After a mismatch the upload is forgotten.
    pub async fn finish_upload(
        &self,
        _: Authorized<Operation>,
        _: Upload,
    ) -> Result<FileName, Problem> {
        std::future::ready(Err(Problem::new(ProblemCode::NotFound, "no uploads here"))).await
    }
}
