//! Containers: images and other artifacts of the Open Container Initiative, and Docker's images.
//!
//! | what | where it is specified | supported |
//! |---|---|---|
//! | pull, push, lists, removal | [distribution specification 1.1] | all of it: uploads whole, in chunks, and from another image; tags in pages; referrers with their filter; `OCI-Tag` for one tag |
//! | image manifests, indexes | [image specification 1.1] | served as pushed, and read: what they refer to has to be here |
//! | Docker's manifests and lists | [manifest version 2, schema 2] | as OCI's |
//! | Docker's schema 1 | manifest version 2, schema 1 | no: refused with a message that says so |
//! | artifact manifests | release candidates of image specification 1.1 | taken, for the clients that still push them |
//! | digests | image specification, "Digests" | SHA-256 and SHA-512 |
//! | tokens | [token authentication] | `GET`; OAuth's `POST` is refused, clients fall back |
//! | proxying | distribution specification, "Registry Proxying" | `ns` chooses the upstream |
//! | what refers to an image at an upstream | referrers API, referrers tag schema | read, either way |
//! | signatures | cosign 3, notation, cosign's older tags | known as statements; bundles are verified by the registry |
//! | layers | | never opened: their bytes are held against their digest, and no closer |
//!
//! [distribution specification 1.1]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
//! [image specification 1.1]: https://github.com/opencontainers/image-spec/blob/v1.1.1/spec.md
//! [manifest version 2, schema 2]: https://distribution.github.io/distribution/spec/manifest-v2-2/
//! [token authentication]: https://distribution.github.io/distribution/spec/auth/token/

pub mod attribute;

mod archive;
mod description;
mod discovery;
mod error;
mod evidence;
mod file_name;
mod index;
mod json;
mod manifest;
mod media_type;
mod name;
mod problem;
mod publish;
mod purl;
mod query;
mod reference;
mod reply;
mod root;
mod route;
mod upstream;
mod version;

use provender_domain::{
    Digest, EcosystemId, File, FileName, Listing, NameError, NamePattern, PackageName, Problem,
    Purl, Scope, Tag, Version,
};
use provender_ecosystem::{
    Archive, ClientSetup, Delivery, Depth, Detail, Document, Ecosystem, Endpoint, Expected, Form,
    InspectError, Inspection, MadeFile, Mount, NamedFile, Operation, Presentation, Probe,
    ProblemDocument, Publication, PurlSubject, Receipt, Rendition, Reply, RequestHead,
    RootOperation, Signed, TaggedSignature, TokenForm, UpstreamDocument, UpstreamFormatError,
    UpstreamRequest, View,
};
use url::Url;

use file_name::Kind;

/// The containers ecosystem; stateless.
#[derive(Debug, Clone, Copy, Default)]
pub struct Oci;

impl Ecosystem for Oci {
    fn id(&self) -> EcosystemId {
        EcosystemId::new(purl::TYPE)
    }

    fn title(&self) -> &'static str {
        "Containers"
    }

    fn probes(&self) -> Vec<Probe> {
        discovery::probes()
    }

    fn client_setup(&self, endpoint: &Endpoint) -> Vec<ClientSetup> {
        discovery::client_setup(endpoint)
    }

    fn client_fetch(
        &self,
        endpoint: &Endpoint<'_>,
        package: &PackageName,
        tag: Option<&Tag>,
    ) -> Vec<ClientSetup> {
        discovery::client_fetch(endpoint, package, tag)
    }

    fn details(&self, file: &File) -> Vec<(&'static str, Detail)> {
        description::of(file)
    }

    fn package_name(&self, raw: &str) -> Result<PackageName, NameError> {
        name::normalize(raw)
    }

    fn name_pattern(&self, raw: &str) -> Result<NamePattern, NameError> {
        name::pattern(raw)
    }

    fn version(&self, raw: &str) -> Result<Version, NameError> {
        version::normalize(raw)
    }

    fn version_of_file(&self, _: &PackageName, _: &FileName) -> Option<Version> {
        None
    }

    fn has_tags(&self) -> bool {
        true
    }

    fn tag(&self, raw: &str) -> Result<Tag, NameError> {
        version::tag(raw)
    }

    fn digest_of_file(&self, file: &FileName) -> Option<Digest> {
        file_name::parse(file).map(|(_, digest)| digest)
    }

    fn promised_size(&self, bytes: &[u8], of: &FileName) -> Option<u64> {
        manifest::promised_size(bytes, of)
    }

    fn tagged_file(&self, digest: &Digest) -> Option<FileName> {
        let digest = file_name::digest_of(&digest.to_string())?;
        Some(file_name::name(Kind::Manifest, &digest))
    }

    fn purl(&self, package: &PackageName, _: Option<&Version>, file: Option<&FileName>) -> Purl {
        purl::write(package, file)
    }

    fn read_purl(&self, purl: &Purl) -> Option<PurlSubject> {
        purl::read(purl)
    }

    fn read_reference(&self, text: &str) -> Option<NamedFile> {
        reference::read(text)
    }

    fn mount(&self) -> Mount {
        Mount::Root { segment: reply::ROOT_SEGMENT }
    }

    fn route_root(&self, request: &RequestHead<'_>) -> Option<Result<RootOperation, Problem>> {
        root::route(request)
    }

    fn read_token_form(&self, fields: &[(String, String)]) -> Result<TokenForm, Problem> {
        root::read_token_form(fields)
    }

    fn wanted_host(&self, request: &RequestHead<'_>) -> Option<String> {
        route::wanted_host(request)
    }

    fn route(&self, request: &RequestHead<'_>) -> Result<Operation, Problem> {
        route::route(request)
    }

    fn render(&self, view: &View<'_>, _: Rendition) -> Document {
        index::render(view)
    }

    fn render_problem(&self, problem: &Problem, about: Option<&Operation>) -> ProblemDocument {
        problem::render(problem, about)
    }

    fn challenge(
        &self,
        endpoint: &Endpoint<'_>,
        about: Option<&Operation>,
        needs: Option<Scope>,
    ) -> Option<String> {
        Some(root::challenge(endpoint, about, needs))
    }

    fn reply(&self, endpoint: &Endpoint<'_>, receipt: &Receipt<'_>) -> Option<Reply> {
        Some(reply::render(endpoint, receipt))
    }

    fn presentation(&self, file: &File) -> Presentation {
        reply::presentation(file)
    }

    fn delivery(&self, file: &FileName) -> Delivery {
        match file_name::parse(file) {
            Some((Kind::Manifest, _)) => Delivery::FromMemory,
            Some((Kind::Blob, _)) => Delivery::WhileFetched,
            None => Delivery::AfterKept,
        }
    }

    fn upstream_index(&self, base: &Url, package: &PackageName) -> UpstreamRequest {
        upstream::index_request(base, package)
    }

    fn read_upstream_index(
        &self,
        _: &PackageName,
        document: &UpstreamDocument,
    ) -> Result<Listing, UpstreamFormatError> {
        upstream::read_index(document)
    }

    fn upstream_next(&self, document: &UpstreamDocument) -> Option<UpstreamRequest> {
        upstream::next_request(document)
    }

    fn upstream_file(
        &self,
        base: &Url,
        package: &PackageName,
        file: &FileName,
    ) -> Option<UpstreamRequest> {
        upstream::file_request(base, package, file)
    }

    fn upstream_tag(
        &self,
        base: &Url,
        package: &PackageName,
        tag: &Tag,
    ) -> Option<UpstreamRequest> {
        Some(upstream::tag_request(base, package, tag.as_str()))
    }

    fn upstream_referrers(
        &self,
        base: &Url,
        package: &PackageName,
        of: &FileName,
    ) -> Vec<UpstreamRequest> {
        upstream::referrers_requests(base, package, of)
    }

    fn referrers_tag(&self, of: &FileName) -> Option<Tag> {
        upstream::referrers_tag(of)
    }

    fn signatures_tag(&self, of: &FileName) -> Option<Tag> {
        upstream::signatures_tag(of)
    }

    fn read_signatures(&self, bytes: &[u8]) -> Vec<TaggedSignature> {
        evidence::tagged_signatures(bytes)
    }

    fn read_upstream_referrers(
        &self,
        document: &UpstreamDocument,
    ) -> Result<Vec<File>, UpstreamFormatError> {
        upstream::read_referrers(document)
    }

    fn upstream_catalogue(&self, base: &Url) -> Option<UpstreamRequest> {
        upstream::catalogue_request(base)
    }

    fn read_upstream_catalogue(
        &self,
        document: &UpstreamDocument,
    ) -> Result<Vec<PackageName>, UpstreamFormatError> {
        upstream::read_catalogue(document)
    }

    fn read_publication(&self, form: &Form) -> Result<Publication, Problem> {
        publish::read(form)
    }

    fn render_evidence(&self, signed: &Signed<'_>) -> Vec<MadeFile> {
        evidence::render(signed)
    }

    fn inspect(
        &self,
        expected: &Expected<'_>,
        archive: &mut dyn Archive,
        depth: Depth,
    ) -> Result<Inspection, InspectError> {
        archive::inspect(expected, archive, depth)
    }
}
