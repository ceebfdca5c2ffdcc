//! Events.

use std::collections::BTreeMap;

use provender_domain::{EventKind, Severity, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::schema;

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its place in the record: 1, 2, 3, … without gaps.
    pub number: i64,
    /// How bad, where it is a red flag.
    #[schemars(schema_with = "schema::severity_if_any")]
    pub severity: Option<Severity>,
    /// What happened.
    #[schemars(schema_with = "schema::event_kind")]
    pub kind: EventKind,
    /// When, by the server's clock.
    #[schemars(schema_with = "schema::moment")]
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// The client's address.
    pub client: Option<String>,
    /// In which repository.
    pub repository: Option<String>,
    /// Of which ecosystem, by purl type.
    pub ecosystem: Option<String>,
    /// About which package.
    pub package: Option<String>,
    /// About which version.
    pub version: Option<String>,
    /// About which file.
    pub file: Option<String>,
    /// What happened and why, one sentence for people.
    pub message: String,
    /// The facts for machines: digests, URLs, limits, …
    pub detail: BTreeMap<String, serde_json::Value>,
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Actor {
    /// Nobody said who they are.
    Anonymous,
    /// The bearer of a token.
    Token {
        /// Its public part.
        id: String,
        /// What its maker called it.
        name: String,
    },
    /// Whoever can open the data directory.
    Operator,
    /// The server itself, in the background.
    System,
}

impl From<provender_domain::Actor> for Actor {
    fn from(actor: provender_domain::Actor) -> Self {
        match actor {
            provender_domain::Actor::Anonymous => Self::Anonymous,
            provender_domain::Actor::Token { id, name } => Self::Token { id: id.0, name },
            provender_domain::Actor::Operator => Self::Operator,
            provender_domain::Actor::System => Self::System,
        }
    }
}

impl From<provender_domain::Event> for Event {
    fn from(recorded: provender_domain::Event) -> Self {
        let event = recorded.event;
        Self {
            number: recorded.number,
            severity: recorded.severity,
            kind: event.kind,
            at: event.at,
            actor: event.actor.into(),
            client: event.client,
            repository: event.repository.map(String::from),
            ecosystem: event.ecosystem,
            package: event.package.map(String::from),
            version: event.version.map(String::from),
            file: event.file.map(String::from),
            message: event.message,
            detail: event.detail.0,
        }
    }
}

/// Which events are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// Only those with a greater number, oldest first. Without: the latest, still oldest first.
    pub after: Option<i64>,
    /// At most so many; 100 unless told, never more than 1000.
    pub limit: Option<u32>,
    /// Only these kinds, with commas between them.
    pub kind: Option<EventKinds>,
    /// Only red flags of at least this severity.
    #[schemars(default, schema_with = "schema::severity")]
    pub severity: Option<Severity>,
    /// Only in this repository.
    pub repository: Option<String>,
    /// Only of this ecosystem, by purl type.
    pub ecosystem: Option<String>,
    /// Only about this package; takes an ecosystem beside it.
    pub package: Option<String>,
    /// Where there is nothing yet: wait so many seconds, at most 60, for something to happen.
    pub wait_seconds: Option<u32>,
}

/// Kinds of events, written with commas between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventKinds(pub Vec<EventKind>);

impl std::str::FromStr for EventKinds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kinds = text.split(',').map(|word| {
            let word = word.trim();
            word.parse().map_err(|()| format!("there is no event of kind {word:?}"))
        });
        kinds.collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<String> for EventKinds {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<EventKinds> for String {
    fn from(kinds: EventKinds) -> Self {
        kinds.0.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",")
    }
}

impl JsonSchema for EventKinds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventKinds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["published,mirrored"] })
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("anonymous"),
            Self::Token { id, name } => write!(formatter, "token {name} ({id})"),
            Self::Operator => formatter.write_str("operator"),
            Self::System => formatter.write_str("system"),
        }
    }
}
