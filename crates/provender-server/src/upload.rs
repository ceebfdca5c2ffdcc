//! Uploads in steps: a file comes in by as many requests as its client likes, and a client that
//! hangs up goes on where it was.

use http::{Response, StatusCode};
use provender_domain::{FileName, PackageName, Problem, ProblemCode};
use provender_ecosystem::{Operation, Receipt, UploadStep};
use provender_registry::{Authorized, Begun, Upload};

use crate::body::Body;
use crate::drain::{self, Unread};
use crate::limits::UPLOAD_BYTES;
use crate::receipt::Recipient;
use crate::request::RequestBody;
use crate::server::Server;

/// Carries out one step.
pub(crate) async fn step(
    server: &Server,
    authorized: Authorized<Operation>,
    recipient: Recipient,
    step: UploadStep,
    body: Unread,
) -> Result<Response<Body>, Problem> {
    let Some(package) = authorized.operation().package().cloned() else {
        return Err(Problem::not_found("an upload is one of a package"));
    };
    let client = Client { server, recipient, package };
    match step {
        UploadStep::Begin | UploadStep::Mount { .. } => client.begin(&authorized).await,
        UploadStep::Whole { .. } => client.whole(authorized, body).await,
        UploadStep::Append { .. } => client.append(&authorized, body).await,
        UploadStep::Finish { .. } => client.finish(authorized, body).await,
        UploadStep::Status { .. } => client.status(&authorized).await,
        UploadStep::Cancel { .. } => client.cancel(&authorized).await,
    }
}

/// Whoever uploads, and of which package.
struct Client<'a> {
    server: &'a Server,
    recipient: Recipient,
    package: PackageName,
}

impl Client<'_> {
    async fn begin(&self, authorized: &Authorized<Operation>) -> Result<Response<Body>, Problem> {
        match self.server.registry().begin_upload(authorized).await? {
            Begun::Upload(upload) => self.pause(upload, false).await,
            Begun::Mounted(file) => self.stored(&file),
        }
    }

    async fn whole(
        &self,
        authorized: Authorized<Operation>,
        body: Unread,
    ) -> Result<Response<Body>, Problem> {
        check_declared(0, &body)?;
        let mut upload = match self.server.registry().begin_upload(&authorized).await? {
            Begun::Upload(upload) => upload,
            Begun::Mounted(file) => return self.stored(&file),
        };
        if let Err(problem) = receive(self.server, &mut upload, body).await {
            // Nobody knows its name, so that nobody could go on with it.
            let _ = upload.cancel().await;
            return Err(problem);
        }
        self.record(authorized, upload).await
    }

    async fn append(
        &self,
        authorized: &Authorized<Operation>,
        body: Unread,
    ) -> Result<Response<Body>, Problem> {
        let upload = self.resume_and_receive(authorized, body).await?;
        self.pause(upload, false).await
    }

    async fn finish(
        &self,
        authorized: Authorized<Operation>,
        body: Unread,
    ) -> Result<Response<Body>, Problem> {
        let upload = self.resume_and_receive(&authorized, body).await?;
        self.record(authorized, upload).await
    }

    async fn status(&self, authorized: &Authorized<Operation>) -> Result<Response<Body>, Problem> {
        let upload = self.server.registry().resume_upload(authorized).await?;
        self.pause(upload, true).await
    }

    async fn cancel(&self, authorized: &Authorized<Operation>) -> Result<Response<Body>, Problem> {
        self.server.registry().resume_upload(authorized).await?.cancel().await?;
        let none = || (StatusCode::OK, serde_json::json!({}));
        self.recipient.tell(&Receipt::Cancelled, none)
    }

    async fn resume_and_receive(
        &self,
        authorized: &Authorized<Operation>,
        body: Unread,
    ) -> Result<Upload, Problem> {
        let mut upload = self.server.registry().resume_upload(authorized).await?;
        check_declared(upload.received_bytes(), &body)?;
        if let Err(problem) = receive(self.server, &mut upload, body).await {
            // What came goes on counting: the client asks how much that is, and sends the rest.
            let _ = upload.pause().await;
            return Err(problem);
        }
        Ok(upload)
    }

    async fn pause(&self, upload: Upload, is_status: bool) -> Result<Response<Body>, Problem> {
        let session = upload.session().clone();
        let received_bytes = upload.pause().await?;
        let (package, session) = (&self.package, &session);
        let receipt = Receipt::Uploading { package, session, received_bytes, is_status };
        self.recipient.tell(&receipt, || {
            let status = if is_status { StatusCode::OK } else { StatusCode::ACCEPTED };
            let upload = session.as_str();
            (status, serde_json::json!({ "upload": upload, "received_bytes": received_bytes }))
        })
    }

    /// From here on the file is recorded also for a client that hangs up.
    async fn record(
        &self,
        authorized: Authorized<Operation>,
        upload: Upload,
    ) -> Result<Response<Body>, Problem> {
        self.stored(&self.server.registry().finish_upload(authorized, upload).await?)
    }

    fn stored(&self, file: &FileName) -> Result<Response<Body>, Problem> {
        let package = &self.package;
        self.recipient.tell(&Receipt::Stored { package, file }, || {
            (StatusCode::CREATED, serde_json::json!({ "package": package, "file": file }))
        })
    }
}

/// A body that says beforehand that it is too long is not read, nor asked for.
fn check_declared(received_bytes: u64, body: &Unread) -> Result<(), Problem> {
    match body.declared_bytes() {
        Some(bytes) if received_bytes.saturating_add(bytes) > UPLOAD_BYTES => Err(too_large()),
        _ => Ok(()),
    }
}

/// The body goes behind what is there, in the very buffers that the socket was read into.
async fn receive(server: &Server, upload: &mut Upload, body: Unread) -> Result<(), Problem> {
    let mut body = body.take();
    let outcome = copy(server, upload, &mut body).await;
    if outcome.is_err() {
        drain::discard(body);
    }
    outcome
}

async fn copy(server: &Server, upload: &mut Upload, body: &mut RequestBody) -> Result<(), Problem> {
    let mut left_bytes = UPLOAD_BYTES.saturating_sub(upload.received_bytes());
    while let Some(chunk) = body.chunk().await.map_err(|error| error.problem())? {
        server.metrics().received(chunk.len());
        left_bytes = left_bytes.checked_sub(chunk.len() as u64).ok_or_else(too_large)?;
        upload.write(chunk).await?;
    }
    Ok(())
}

fn too_large() -> Problem {
    let message = format!("a file has at most {UPLOAD_BYTES} bytes");
    Problem::new(ProblemCode::TooLarge, message)
}
