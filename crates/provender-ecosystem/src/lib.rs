//! What an ecosystem is: the one trait that each implements, and the words it speaks in.
//!
//! An ecosystem is pure. It turns a request into an [`Operation`], an upstream's answer into a
//! [`Listing`], an archive into an [`Inspection`], a view into a [`Document`]. It has no HTTP
//! client, no database, no blob store, no policy and no clock; the registry's one path calls it.

mod detail;
mod discovery;
mod document;
mod evidence;
mod form;
mod inspect;
mod mount;
mod operation;
mod path;
mod purl;
mod reference;
mod upstream;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use detail::Detail;
pub use discovery::{ClientSetup, Endpoint, Named, Probe, ProbeSource};
pub use document::{
    AllPackagesView, Delivery, Document, PackageView, Presentation, ProblemDocument, Receipt,
    ReferrersView, Reply, TagsView, View,
};
pub use evidence::{MadeFile, Signed, TaggedSignature};
pub use form::{
    ATTESTATION_LIMIT_BYTES, ATTESTATIONS_LIMIT, AttestationClaim, Attested, Form, Publication,
};
pub use inspect::{
    Archive, CompanionBytes, Depth, Evidence, Expected, InspectError, InspectErrorClass, Inspection,
};
pub use mount::{Mount, RootOperation, TokenForm, TokenRequest, TokenScope};
pub use operation::{
    Change, Framing, Headers, Method, MountSource, Operation, Page, Rendition, RequestHead,
    Selection, SessionId, Subject, UploadStep,
};
pub use path::{PATH_LIMIT_BYTES, PATH_SEGMENT_LIMIT, Path, PathError};
pub use provender_domain::{Reference, ReferenceRole};
pub use purl::PurlSubject;
pub use reference::{NamedFile, NamedTarget};
pub use upstream::{UpstreamDocument, UpstreamFormatError, UpstreamRequest};

use provender_domain::{
    Attributes, Digest, EcosystemId, File, FileName, Listing, NameError, NamePattern, PackageName,
    Problem, Purl, Scope, Tag, Version,
};
use url::Url;

/// One ecosystem: its names, versions, archives and dialects.
///
/// Every method is a pure function of its arguments, bounded in time and memory by the size of its
/// input, and never panics on any input. The conformance suite (feature `conformance`) holds each
/// implementation to the sentences below.
pub trait Ecosystem: Send + Sync {
    /// Its purl type.
    fn id(&self) -> EcosystemId;

    /// Its name for people: `Python`.
    fn title(&self) -> &'static str;

    /// How to learn from the clients installed on this machine which upstreams they use, in the
    /// order in which the answers are to be adopted.
    fn probes(&self) -> Vec<Probe>;

    /// What to type to point each client at a repository.
    fn client_setup(&self, endpoint: &Endpoint) -> Vec<ClientSetup>;

    /// What to type to get a package with each client, or what a tag of it points to; none where
    /// [`Self::client_setup`] says it all.
    fn client_fetch(
        &self,
        _endpoint: &Endpoint<'_>,
        _package: &PackageName,
        _tag: Option<&Tag>,
    ) -> Vec<ClientSetup> {
        Vec::new()
    }

    /// What people want to know of a file that this ecosystem alone understands, each with a label.
    fn details(&self, _file: &File) -> Vec<(&'static str, Detail)> {
        Vec::new()
    }

    /// Normalizes a name. Normalizing twice changes nothing more.
    fn package_name(&self, raw: &str) -> Result<PackageName, NameError>;

    /// Normalizes a name, a prefix with `*` behind it, or `*`, so that it matches what
    /// [`Self::package_name`] returns.
    fn name_pattern(&self, raw: &str) -> Result<NamePattern, NameError>;

    /// Normalizes a version. Normalizing twice changes nothing more.
    fn version(&self, raw: &str) -> Result<Version, NameError>;

    /// Whether both, each normal, are one version.
    fn is_same_version(&self, one: &Version, other: &Version) -> bool {
        one == other
    }

    /// Why an upstream withholds a whole package, by what it says of it (a [`Listing`]'s attributes):
    /// then nothing of it is to be offered. `None` where it does not.
    fn withheld(&self, _package: &Attributes) -> Option<String> {
        None
    }

    /// The version that a file's name tells, if its name tells one and is right for the package.
    fn version_of_file(&self, package: &PackageName, file: &FileName) -> Option<Version>;

    /// Whether files are pointed to by tags.
    fn has_tags(&self) -> bool {
        false
    }

    /// Checks a tag; a problem where the ecosystem has none.
    fn tag(&self, _raw: &str) -> Result<Tag, NameError> {
        Err(NameError::Malformed { what: "tag", rule: "there are no tags in this ecosystem" })
    }

    /// The digest that a file's name promises, where names are digests: then a name is free again
    /// for the same bytes after they were deleted.
    fn digest_of_file(&self, _file: &FileName) -> Option<Digest> {
        None
    }

    /// The size in bytes that a file, of these bytes, promises of another that it names; `None`
    /// where it promises none.
    fn promised_size(&self, _bytes: &[u8], _of: &FileName) -> Option<u64> {
        None
    }

    /// The name of the file that a tag points to, by the digest that an upstream says it has.
    fn tagged_file(&self, _digest: &Digest) -> Option<FileName> {
        None
    }

    /// The packages that a file of this name can belong to; none where its name does not tell.
    fn packages_of_file(&self, _file: &FileName) -> Vec<PackageName> {
        Vec::new()
    }

    /// The package URL of a package, of one of its versions, or of one of its files. A type whose
    /// names are spelled otherwise in package URLs says so here and in [`Self::read_purl`].
    fn purl(
        &self,
        package: &PackageName,
        version: Option<&Version>,
        file: Option<&FileName>,
    ) -> Purl {
        purl::write(self.id(), package, version, file)
    }

    /// What a package URL of this type names, normalized; `None` for any other.
    fn read_purl(&self, purl: &Purl) -> Option<PurlSubject> {
        purl::read(self, purl)
    }

    /// What a text names that is written as for this ecosystem's own clients, such as
    /// `host/repository/package:tag`; `None` for everything else, and where its clients know no
    /// such references.
    fn read_reference(&self, _text: &str) -> Option<NamedFile> {
        None
    }

    /// Where its URLs begin.
    fn mount(&self) -> Mount {
        Mount::UnderRepository
    }

    /// Parses a request below a root mount that is about no repository: its path behind the mount's
    /// segment. `None` for everything else.
    fn route_root(&self, _request: &RequestHead<'_>) -> Option<Result<RootOperation, Problem>> {
        None
    }

    /// Reads the form of [`RootOperation::TokenByForm`]: its fields, decoded, in the order sent.
    fn read_token_form(&self, _fields: &[(String, String)]) -> Result<TokenForm, Problem> {
        Err(Problem::not_found("there are no access tokens in this ecosystem"))
    }

    /// The host of the upstream that alone is to answer, where the client says which one it would
    /// have asked.
    fn wanted_host(&self, _request: &RequestHead<'_>) -> Option<String> {
        None
    }

    /// Parses a request whose path has been decoded exactly once. Everything that is not this
    /// ecosystem's protocol is a problem, in most cases `NotFound`.
    fn route(&self, request: &RequestHead<'_>) -> Result<Operation, Problem>;

    /// Renders what a client asked for. Each file of the view is linked so that [`Self::route`]
    /// turns the link into the operation that fetches it.
    fn render(&self, view: &View<'_>, rendition: Rendition) -> Document;

    /// Renders a problem so that the client shows [`Problem::public`] to its user. Never shows
    /// [`Problem::internal`].
    /// `about` is what was asked for, where that was understood.
    fn render_problem(&self, problem: &Problem, about: Option<&Operation>) -> ProblemDocument;

    /// The `WWW-Authenticate` field of a refusal for want of a credential, where its clients expect
    /// another than the server gives: `endpoint` is the repository, which may not exist, and `needs`
    /// the right that is wanted where it is not the operation's own.
    fn challenge(
        &self,
        _endpoint: &Endpoint<'_>,
        _about: Option<&Operation>,
        _needs: Option<Scope>,
    ) -> Option<String> {
        None
    }

    /// What came of a request that changed something, in the client's terms; `None`: the server's
    /// own JSON will do.
    fn reply(&self, _endpoint: &Endpoint<'_>, _receipt: &Receipt<'_>) -> Option<Reply> {
        None
    }

    /// How a file's bytes are sent.
    fn presentation(&self, _file: &File) -> Presentation {
        Presentation { content_type: "application/octet-stream".into(), fields: Vec::new() }
    }

    /// When a file reaches clients.
    fn delivery(&self, _file: &FileName) -> Delivery {
        Delivery::AfterKept
    }

    /// The request that asks an upstream for one package's index. `base` is what the operator named.
    fn upstream_index(&self, base: &Url, package: &PackageName) -> UpstreamRequest;

    /// Parses an upstream's answer to [`Self::upstream_index`]: links made absolute, names checked,
    /// files that this ecosystem does not know or whose names are unsafe left out. Markup and URLs
    /// of the upstream survive in nothing but [`provender_domain::File::url`] and companions' URLs.
    fn read_upstream_index(
        &self,
        package: &PackageName,
        document: &UpstreamDocument,
    ) -> Result<Listing, UpstreamFormatError>;

    /// The request for the next page of the index, where this one says that there is one.
    fn upstream_next(&self, _document: &UpstreamDocument) -> Option<UpstreamRequest> {
        None
    }

    /// The request for a file whose address follows from its name, whether it is there or not. An
    /// ecosystem that returns one lists no files in [`Self::read_upstream_index`].
    fn upstream_file(
        &self,
        _base: &Url,
        _package: &PackageName,
        _file: &FileName,
    ) -> Option<UpstreamRequest> {
        None
    }

    /// The request for the file that a tag points to.
    fn upstream_tag(
        &self,
        _base: &Url,
        _package: &PackageName,
        _tag: &Tag,
    ) -> Option<UpstreamRequest> {
        None
    }

    /// The requests for what refers to a file, in the order in which they are to be tried: the
    /// first that finds something answers.
    fn upstream_referrers(
        &self,
        _base: &Url,
        _package: &PackageName,
        _of: &FileName,
    ) -> Vec<UpstreamRequest> {
        Vec::new()
    }

    /// The tag under which clients keep a list of what refers to a file, for registries that keep
    /// none, in the form that [`Self::read_upstream_referrers`] reads; `None` where they keep none.
    fn referrers_tag(&self, _of: &FileName) -> Option<Tag> {
        None
    }

    /// The tag under which clients keep signatures over a file in the form that
    /// [`Self::read_signatures`] reads; `None` where they keep none.
    fn signatures_tag(&self, _of: &FileName) -> Option<Tag> {
        None
    }

    /// The signatures in a file under such a tag, the oldest first; none, where there is anything
    /// else in it.
    fn read_signatures(&self, _bytes: &[u8]) -> Vec<TaggedSignature> {
        Vec::new()
    }

    /// Parses an upstream's answer to one of [`Self::upstream_referrers`].
    fn read_upstream_referrers(
        &self,
        _document: &UpstreamDocument,
    ) -> Result<Vec<File>, UpstreamFormatError> {
        Ok(Vec::new())
    }

    /// The request for an upstream's complete list of names; `None` where the protocol has none.
    fn upstream_catalogue(&self, base: &Url) -> Option<UpstreamRequest>;

    /// Parses the answer to [`Self::upstream_catalogue`]; names that cannot be normalized are left out.
    fn read_upstream_catalogue(
        &self,
        document: &UpstreamDocument,
    ) -> Result<Vec<PackageName>, UpstreamFormatError>;

    /// Reads a publication's form, before its archive: names normalized, digests taken as claims.
    /// Where names are digests, the form of a publication whose head names none has the SHA-256 of
    /// the body in its field [`Form::SHA256`].
    fn read_publication(&self, form: &Form) -> Result<Publication, Problem>;

    /// The companion in which this protocol passes attestations on; `None` where it has none.
    fn attestations_companion(&self) -> Option<&'static str> {
        None
    }

    /// The bytes of that companion, for these verified attestations; `None` where it has none, or
    /// where one of the bundles is of a form that it cannot hold.
    fn render_attestations(&self, _attestations: &[Attested]) -> Option<Vec<u8>> {
        None
    }

    /// The files in which this protocol passes what is signed about a file on to clients that look
    /// for it beside that file; none where it has no such files. The last one refers to the others.
    fn render_evidence(&self, _signed: &Signed<'_>) -> Vec<MadeFile> {
        Vec::new()
    }

    /// The media type under which a companion is served. Never one that a browser would run.
    fn companion_type(&self, _kind: &str) -> &'static str {
        "application/octet-stream"
    }

    /// Reads an archive under limits and holds it against what is expected of it: its own name and
    /// version must agree. Returns the facts an index needs and the companions to keep beside it.
    fn inspect(
        &self,
        expected: &Expected<'_>,
        archive: &mut dyn Archive,
        depth: Depth,
    ) -> Result<Inspection, InspectError>;
}
