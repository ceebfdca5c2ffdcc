//! Publications and changes: what comes in from people.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body as _;
use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{Form, Framing, Operation, Receipt};
use provender_registry::Authorized;
use provender_store::{Blob, BlobError, Staging, Unverified};

use crate::body::Body;
use crate::drain::{self, Unread};
use crate::limits::{ARCHIVE_BYTES, FIELD_BYTES, FIELDS_BYTES, FORM_PARTS};
use crate::multipart::{Multipart, MultipartError, PartHead};
use crate::receipt::Recipient;
use crate::request::{RequestBody, RequestBodyError};
use crate::server::Server;

/// Reads a publication's body, its archive going to staging while it arrives, and publishes it.
/// A client that disconnects before the end leaves nothing behind.
pub(crate) async fn publish(
    server: &Server,
    authorized: Authorized<Operation>,
    recipient: Recipient,
    framing: Framing,
    headers: &HeaderMap,
    body: Unread,
) -> Result<Response<Body>, Problem> {
    let mut form = match authorized.operation() {
        Operation::Publish { form, .. } => form.clone(),
        _ => Form::default(),
    };
    if let Framing::Whole { limit_bytes } = framing
        && body.declared_bytes().is_some_and(|bytes| bytes > limit_bytes)
    {
        let problem = archive_too_large(limit_bytes);
        server.registry().tell_of_unread_publication(&authorized, &form, &problem);
        return Err(problem);
    }
    let mut staging = server.registry().stage(&authorized).await?;
    let mut chunks = Chunks { body: body.take(), server: server.clone(), is_broken: false };
    let read = match framing {
        Framing::Multipart { file_field } => {
            read_multipart(headers, &mut chunks, file_field, &mut form, &mut staging).await
        }
        Framing::Whole { limit_bytes } => read_whole(&mut chunks, limit_bytes, &mut staging).await,
    };
    // An epilogue is nobody's, but a connection that is to be used again has to be read to its end.
    drain::discard(chunks.body);
    if let Err(problem) = read {
        // Who hung up was not refused.
        if !chunks.is_broken {
            server.registry().tell_of_unread_publication(&authorized, &form, &problem);
        }
        return Err(problem);
    }
    let blob = staging.finish().await.map_err(|error| blob_problem(&error))?;
    finish(server, authorized, recipient, form, blob).await
}

async fn read_multipart(
    headers: &HeaderMap,
    chunks: &mut Chunks,
    file_field: &str,
    form: &mut Form,
    archive: &mut Staging,
) -> Result<(), Problem> {
    let content_type = headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let multipart = Multipart::new(content_type, chunks);
    let mut multipart = multipart.map_err(|error| form_problem(&error))?;
    read_form(&mut multipart, file_field, form, archive).await
}

async fn read_whole(
    chunks: &mut Chunks,
    limit_bytes: u64,
    archive: &mut Staging,
) -> Result<(), Problem> {
    let mut left_bytes = limit_bytes;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| error.problem())?;
        let length = chunk.len() as u64;
        left_bytes =
            left_bytes.checked_sub(length).ok_or_else(|| archive_too_large(limit_bytes))?;
        Sink::write(archive, chunk).await?;
    }
    Ok(())
}

/// From here on the publication is finished also for a client that hangs up.
async fn finish(
    server: &Server,
    authorized: Authorized<Operation>,
    recipient: Recipient,
    form: Form,
    blob: Blob<Unverified>,
) -> Result<Response<Body>, Problem> {
    let published = server.registry().publish(authorized, form, blob).await?;
    let receipt = Receipt::Published {
        package: &published.package,
        file: &published.file,
        tag: published.tag.as_ref(),
        subject: published.subject.as_ref(),
    };
    recipient.tell(&receipt, || {
        let document = serde_json::json!({
            "package": published.package,
            "version": published.version,
            "file": published.file,
            "sha256": published.blob.to_hex(),
            "already_there": published.already_there,
        });
        (StatusCode::OK, document)
    })
}

/// Carries out a change, and says which files it changed.
pub(crate) async fn change(
    server: &Server,
    authorized: Authorized<Operation>,
    recipient: Recipient,
) -> Result<Response<Body>, Problem> {
    let files = server.registry().change(authorized).await?;
    let changed = || (StatusCode::OK, serde_json::json!({ "files": files }));
    recipient.tell(&Receipt::Changed, changed)
}

/// Where an archive's bytes go; a trait so that forms can be read in tests without a store.
pub(crate) trait Sink {
    /// Appends bytes.
    async fn write(&mut self, chunk: Bytes) -> Result<(), Problem>;
}

impl Sink for Staging {
    async fn write(&mut self, chunk: Bytes) -> Result<(), Problem> {
        Staging::write(self, chunk).await.map_err(|error| blob_problem(&error))
    }
}

/// Reads the fields before and after exactly one archive.
async fn read_form<S>(
    multipart: &mut Multipart<S>,
    file_field: &str,
    form: &mut Form,
    archive: &mut impl Sink,
) -> Result<(), Problem>
where
    S: Stream<Item = Result<Bytes, RequestBodyError>> + Unpin,
{
    let mut has_archive = false;
    let mut fields_bytes = 0;
    let mut parts = 0;
    while let Some(head) = multipart.next_part().await.map_err(|error| form_problem(&error))? {
        parts += 1;
        if parts > FORM_PARTS {
            return Err(too_large(format!("a form has at most {FORM_PARTS} fields")));
        }
        if head.name == file_field {
            if std::mem::replace(&mut has_archive, true) {
                return Err(invalid("one publication has exactly one file"));
            }
            form.file_name = head.file_name;
            copy_archive(multipart, archive).await?;
        } else {
            let PartHead { name, .. } = head;
            fields_bytes += name.len();
            if name == Form::SHA256 {
                return Err(invalid(&format!("no form has a field {name:?}")));
            }
            let value = field(multipart, &name, &mut fields_bytes).await?;
            form.fields.push((name, value));
        }
    }
    if !has_archive {
        return Err(invalid(&format!(
            "the form has no file; it belongs in the field {file_field}"
        )));
    }
    Ok(())
}

async fn copy_archive<S>(
    multipart: &mut Multipart<S>,
    archive: &mut impl Sink,
) -> Result<(), Problem>
where
    S: Stream<Item = Result<Bytes, RequestBodyError>> + Unpin,
{
    let mut size_bytes = 0;
    while let Some(chunk) = multipart.data().await.map_err(|error| form_problem(&error))? {
        size_bytes += chunk.len() as u64;
        if size_bytes > ARCHIVE_BYTES {
            return Err(archive_too_large(ARCHIVE_BYTES));
        }
        archive.write(chunk).await?;
    }
    Ok(())
}

async fn field<S>(
    multipart: &mut Multipart<S>,
    name: &str,
    fields_bytes: &mut usize,
) -> Result<String, Problem>
where
    S: Stream<Item = Result<Bytes, RequestBodyError>> + Unpin,
{
    let mut value = Vec::new();
    while let Some(chunk) = multipart.data().await.map_err(|error| form_problem(&error))? {
        *fields_bytes += chunk.len();
        if value.len() + chunk.len() > FIELD_BYTES {
            return Err(too_large(format!("the field {name:?} has over {FIELD_BYTES} bytes")));
        }
        if *fields_bytes > FIELDS_BYTES {
            return Err(too_large(format!("the form's fields have over {FIELDS_BYTES} bytes")));
        }
        value.extend_from_slice(&chunk);
    }
    String::from_utf8(value).map_err(|_| invalid(&format!("the field {name:?} is not UTF-8")))
}

/// A body's bytes as they come, counted.
struct Chunks {
    body: RequestBody,
    server: Server,
    /// Whether it did not come to its end.
    is_broken: bool,
}

impl Stream for Chunks {
    type Item = Result<Bytes, RequestBodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.server.metrics().received(data.len());
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => {
                    self.is_broken = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

fn form_problem(error: &MultipartError<RequestBodyError>) -> Problem {
    let code = match error {
        MultipartError::Body(RequestBodyError::TooSlow) => ProblemCode::RequestTimeout,
        MultipartError::HeadTooLarge => ProblemCode::TooLarge,
        _ => ProblemCode::InvalidRequest,
    };
    Problem::new(code, error.to_string()).because(error)
}

fn blob_problem(error: &BlobError) -> Problem {
    match error {
        BlobError::Full { .. } => {
            let message = "the server's disk is full; nothing was stored";
            Problem::new(ProblemCode::StorageFull, message).because(error)
        }
        _ => Problem::internal(error),
    }
}

fn archive_too_large(limit_bytes: u64) -> Problem {
    too_large(format!("a file of this kind has at most {limit_bytes} bytes"))
}

fn too_large(message: String) -> Problem {
    Problem::new(ProblemCode::TooLarge, message)
}

fn invalid(message: &str) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests;
