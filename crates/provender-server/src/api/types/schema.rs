//! How words of the domain are written down in the `OpenAPI` document.

use provender_domain::{EventKind, FileState, Scope, Severity, TagRule, Visibility};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Serialize;

fn one_of<T: Serialize>(words: &[T]) -> Schema {
    json_schema!({ "type": "string", "enum": words })
}

/// RFC 3339, in UTC.
pub(super) fn moment(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// RFC 3339, in UTC, or nothing.
pub(super) fn moment_if_any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "format": "date-time" })
}

pub(super) fn visibility(_: &mut SchemaGenerator) -> Schema {
    one_of(&[Visibility::Public, Visibility::Private])
}

pub(super) fn tag_rule(_: &mut SchemaGenerator) -> Schema {
    one_of(&[TagRule::Movable, TagRule::Immutable])
}

pub(super) fn scope(_: &mut SchemaGenerator) -> Schema {
    one_of(&[Scope::Read, Scope::Publish, Scope::Admin])
}

pub(super) fn file_state(_: &mut SchemaGenerator) -> Schema {
    one_of(&[FileState::Present, FileState::Quarantined, FileState::Deleted])
}

pub(super) fn severity(_: &mut SchemaGenerator) -> Schema {
    one_of(&[Severity::Low, Severity::Medium, Severity::High])
}

pub(super) fn severity_if_any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "enum": ["low", "medium", "high", null] })
}

pub(super) fn event_kind(_: &mut SchemaGenerator) -> Schema {
    one_of(&EventKind::ALL)
}
