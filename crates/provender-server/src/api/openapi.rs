//! The API described by itself (`OpenAPI` 3.1).

use std::sync::LazyLock;

use bytes::Bytes;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::BASE_PATH;
use super::endpoint::{Endpoint, MakeSchema};
use super::table::ENDPOINTS;
use super::types;

/// Where referenced schemas stand in the document.
const SCHEMAS: &str = "/components/schemas";

/// The document, made once.
pub(super) fn document() -> &'static Bytes {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(describe().to_string()));
    &DOCUMENT
}

/// The document as a value.
pub(super) fn describe() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = SCHEMAS.into();
        settings.meta_schema = None;
    });
    let mut schemas = SchemaGenerator::new(settings);
    let problem = schemas.subschema_for::<types::Problem>();
    let mut paths = Map::new();
    for endpoint in ENDPOINTS.iter() {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_lowercase()] = operation(endpoint, &mut schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Provender",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Administration of a Provender server. Every request is made with the \
                rights of its token; without one, with those of anybody. Names of packages stand \
                in queries and bodies, never in paths. Each operation names the scope that it \
                takes, beside the schemes and as `x-provender-scope`: `read`, `publish`, `admin`, \
                each of which has those before it; `admin-everywhere`, which is `admin` by a token \
                for all repositories; `operator`, which no token gives; or `none`.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": BASE_PATH }],
        "security": [{ "bearer": [] }, { "basic": [] }, {}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Any user name; the token as password.",
                },
            },
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457).",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
            "schemas": schemas.take_definitions(false),
        },
    })
}

fn operation(endpoint: &Endpoint, schemas: &mut SchemaGenerator) -> Value {
    let success = match endpoint.response {
        Some(response) => json!({
            "description": description(endpoint),
            "content": json_content(response, schemas),
        }),
        None => json!({ "description": "Done." }),
    };
    let mut operation = json!({
        "operationId": endpoint.id,
        "summary": endpoint.summary,
        "description": endpoint.access.sentence(),
        "security": endpoint.access.requirements(),
        "x-provender-scope": endpoint.access.as_str(),
        "parameters": parameters(endpoint, schemas),
        "responses": {
            endpoint.status.as_str(): success,
            "default": { "$ref": "#/components/responses/Problem" },
        },
    });
    if let Some(request) = endpoint.request {
        operation["requestBody"] =
            json!({ "required": true, "content": json_content(request, schemas) });
    }
    operation
}

fn description(endpoint: &Endpoint) -> &'static str {
    if endpoint.status == http::StatusCode::CREATED { "Made." } else { "Found." }
}

fn json_content(MakeSchema(make): MakeSchema, schemas: &mut SchemaGenerator) -> Value {
    json!({ "application/json": { "schema": make(schemas) } })
}

/// Each field of the parameters' type is a parameter, in the path if the template says so.
fn parameters(endpoint: &Endpoint, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let schema = (endpoint.parameters.0)(schemas);
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    fields
        .iter()
        .map(|(name, field)| {
            let mut field = field.clone();
            let description = field.as_object_mut().and_then(|field| {
                // Nothing is no value of a parameter: it is left out.
                if field.get("default").is_some_and(Value::is_null) {
                    field.remove("default");
                }
                field.remove("description")
            });
            json!({
                "name": name,
                "in": if endpoint.has_in_path(name) { "path" } else { "query" },
                "required": required.contains(&name.as_str()),
                "description": description,
                "schema": field,
            })
        })
        .collect()
}
