//! One endpoint: what it is called, what it takes and gives, and who answers it.
//!
//! An endpoint is made from its handler's own types, so the `OpenAPI` document cannot say anything
//! else than what the handler reads and returns.

use std::collections::BTreeMap;
use std::pin::Pin;

use bytes::Bytes;
use http::{Method, StatusCode};
use provender_domain::{Problem, ProblemCode};
use provender_registry::{Caller, Registry};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::access::Access;
use super::{BODY_LIMIT_BYTES, parameters};

/// Whose request it is, and on what.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) registry: Registry,
    pub(super) caller: Caller,
}

/// An answer, before any framing.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// JSON; empty with [`StatusCode::NO_CONTENT`].
    pub body: Bytes,
}

/// One endpoint of the table.
pub(super) struct Endpoint {
    /// Who may ask; said, not enforced, here.
    pub(super) access: Access,
    pub(super) method: Method,
    /// Below `/-/api/v1`, with `{name}` for a segment that is a parameter.
    pub(super) path: &'static str,
    /// Unique; what generated clients call it.
    pub(super) id: &'static str,
    /// One sentence.
    pub(super) summary: &'static str,
    pub(super) status: StatusCode,
    pub(super) parameters: MakeSchema,
    pub(super) request: Option<MakeSchema>,
    pub(super) response: Option<MakeSchema>,
    /// Largest body, in bytes.
    pub(super) body_limit_bytes: usize,
    run: Run,
}

/// How to write down a type that an endpoint reads or returns.
#[derive(Clone, Copy)]
pub(super) struct MakeSchema(pub(super) fn(&mut SchemaGenerator) -> Schema);

/// A handler with its types hidden: reads parameters and body, calls, writes the reply.
struct Run(Box<dyn Fn(Context, Raw) -> Answering + Send + Sync>);

/// An answer on its way.
struct Answering(Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>>);

/// Parameters and body as they arrived.
pub(super) struct Raw {
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) body: Bytes,
}

/// Makes an endpoint of a handler.
pub(super) fn endpoint<P, B, R, F>(
    access: Access,
    (method, path): (Method, &'static str),
    (id, summary): (&'static str, &'static str),
    handler: impl Fn(Context, P, B) -> F + Send + Sync + Clone + 'static,
) -> Endpoint
where
    P: DeserializeOwned + JsonSchema + Send + 'static,
    B: RequestBody + Send + 'static,
    R: Reply,
    F: Future<Output = Result<R, Problem>> + Send + 'static,
{
    let run = move |context: Context, raw: Raw| {
        let handler = handler.clone();
        Answering(Box::pin(async move {
            let parameters: P = parameters::read(raw.parameters)?;
            let body = B::read(&raw.body)?;
            let reply = handler(context, parameters, body).await?;
            let body = reply.write().map_err(|error| Problem::internal(&error))?;
            Ok(Answer { status: R::STATUS, body })
        }))
    };
    Endpoint {
        access,
        method,
        path,
        id,
        summary,
        status: R::STATUS,
        // In place: parameters are written out in the document, never referred to.
        parameters: MakeSchema(P::json_schema),
        request: B::SCHEMA,
        response: R::SCHEMA,
        body_limit_bytes: BODY_LIMIT_BYTES,
        run: Run(Box::new(run)),
    }
}

impl Endpoint {
    /// Whether nobody without one is answered.
    pub(super) fn takes_a_credential(&self) -> bool {
        !matches!(self.access, Access::Anybody | Access::Read)
    }

    /// The same with bodies of up to this size, in bytes.
    pub(super) fn taking(self, body_limit_bytes: usize) -> Self {
        Self { body_limit_bytes, ..self }
    }

    /// The values of the path's parameters, if it is a path of this endpoint.
    pub(super) fn matches(&self, segments: &[String]) -> Option<BTreeMap<String, String>> {
        let template: Vec<&str> = self.path.split('/').skip(1).collect();
        if template.len() != segments.len() {
            return None;
        }
        let mut values = BTreeMap::new();
        for (part, segment) in template.into_iter().zip(segments) {
            match parameter_name(part) {
                Some(name) => {
                    values.insert(name.to_owned(), segment.clone());
                }
                None if part == segment => {}
                None => return None,
            }
        }
        Some(values)
    }

    /// Whether this parameter is a segment of the path; others are in the query.
    pub(super) fn has_in_path(&self, parameter: &str) -> bool {
        self.path.split('/').filter_map(parameter_name).any(|name| name == parameter)
    }

    pub(super) async fn answer(&self, context: Context, raw: Raw) -> Result<Answer, Problem> {
        (self.run.0)(context, raw).0.await
    }
}

fn parameter_name(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// What a request's body is read as.
pub(super) trait RequestBody: Sized {
    const SCHEMA: Option<MakeSchema>;
    fn read(bytes: &[u8]) -> Result<Self, Problem>;
}

/// No body at all: for GET and DELETE.
pub(super) struct NoBody;

impl RequestBody for NoBody {
    const SCHEMA: Option<MakeSchema> = None;

    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.is_empty() {
            return Ok(Self);
        }
        Err(Problem::new(ProblemCode::InvalidRequest, "this request takes no body"))
    }
}

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned + JsonSchema> RequestBody for Json<T> {
    const SCHEMA: Option<MakeSchema> = Some(MakeSchema(SchemaGenerator::subschema_for::<T>));

    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(bytes).map(Self).map_err(|error| {
            let message = format!("the body is not as expected: {error}");
            Problem::new(ProblemCode::InvalidRequest, message)
        })
    }
}

/// What a handler returns.
pub(super) trait Reply {
    const STATUS: StatusCode;
    const SCHEMA: Option<MakeSchema>;
    fn write(self) -> Result<Bytes, serde_json::Error>;
}

/// 200 with JSON.
pub(super) struct Found<T>(pub(super) T);

impl<T: Serialize + JsonSchema> Reply for Found<T> {
    const STATUS: StatusCode = StatusCode::OK;
    const SCHEMA: Option<MakeSchema> = Some(MakeSchema(SchemaGenerator::subschema_for::<T>));

    fn write(self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(&self.0).map(Bytes::from)
    }
}

/// 201 with JSON.
pub(super) struct Created<T>(pub(super) T);

impl<T: Serialize + JsonSchema> Reply for Created<T> {
    const STATUS: StatusCode = StatusCode::CREATED;
    const SCHEMA: Option<MakeSchema> = Some(MakeSchema(SchemaGenerator::subschema_for::<T>));

    fn write(self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(&self.0).map(Bytes::from)
    }
}

/// 204.
pub(super) struct Done;

impl Reply for Done {
    const STATUS: StatusCode = StatusCode::NO_CONTENT;
    const SCHEMA: Option<MakeSchema> = None;

    fn write(self) -> Result<Bytes, serde_json::Error> {
        Ok(Bytes::new())
    }
}
