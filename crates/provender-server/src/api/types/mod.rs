//! What the API says and is told, as JSON. The command line reads the same types.

mod account;
mod attest;
mod event;
mod evidence;
mod issuer;
mod log;
mod package;
mod policy;
mod repository;
mod schema;
mod server;
mod tag;
mod token;
mod trust;
mod upstream;

pub use account::{Account, AccountQuery, ChangeAccount, NewAccount, Password};
pub use attest::{KeptAttestation, NewAttestation, ReferenceQuery, Referenced};
pub use event::{Actor, Event, EventKinds, EventQuery};
pub use evidence::{
    Attestation, BytesQuery, EvidenceQuery, FileEvent, FileEvidence, TaggedSignature,
};
pub use issuer::{Issuer, IssuerQuery, NewIssuer};
pub use log::{LogCertificate, LogCertificatesQuery, LogEntriesQuery, LogEntry, LogSummary};
pub use package::{
    Change, ChangedFiles, File, Origin, Package, PackageQuery, PackageSummary, PackagesQuery,
    QuarantineQuery, SetOrigin, VerdictWord,
};
pub use policy::{Policy, RetentionRule, SignatureRule};
pub use repository::{
    ChangeRepository, InRepository, NewOwnedName, NewRepository, OwnedName, OwnedNameQuery,
    PolicyReplaced, Repository,
};
pub use server::{
    Collected, GarbageCollection, NoParameters, Problem, Status, UpstreamHealth, WhoAmI,
};
pub use tag::{
    Expired, ExpiredFile, ExpiredTag, Retention, Tag, TagChange, TagHistoryQuery, TagsQuery,
};
pub use token::{CreatedToken, NewToken, Token, TokenQuery};
pub use trust::{
    ExportedRootKeys, KeyRotation, RootExport, RootRotation, RotatedKey, RotatedRoot,
    TrustDocument, TrustStatus, TrustedKey,
};
pub use upstream::{NameCheck, Namesake, NewUpstream, Upstream, UpstreamQuery};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A list; an object, so that something can be said beside it one day.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct Items<T> {
    /// What was found.
    pub items: Vec<T>,
}

impl<T> Items<T> {
    /// A list of whatever becomes what the API lists.
    pub(super) fn from_each<S: Into<T>>(items: impl IntoIterator<Item = S>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect() }
    }
}
