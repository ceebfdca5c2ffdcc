//! Python: the simple repository API, core metadata, wheels, source distributions and uploads.
//!
//! | what | where it is specified | supported |
//! |---|---|---|
//! | names | [PEP 503], [PEP 508] | normalized; another spelling is redirected |
//! | versions | [PEP 440] | normalized; local versions too; files of other versions are not listed |
//! | index, HTML and JSON | [PEP 503], [PEP 629], [PEP 691], [PEP 700] | served and read, `q` values, `?format=` |
//! | yanks | [PEP 592] | served and read, with reasons |
//! | metadata files | [PEP 658], [PEP 714] | kept from each wheel, served, read from upstreams |
//! | provenance | [PEP 740] | uploads' attestations become bundles, which the registry verifies; served by the integrity API; an upstream's is passed on |
//! | project status | [PEP 792] | served and read |
//! | wheels | [PEP 427], [PEP 491] | published to the bottom (`RECORD` too), mirrored with old spellings |
//! | source distributions | [PEP 625], [PEP 643] | `.tar.gz` published; `.tar.gz`, `.tgz` and `.zip` mirrored |
//! | other archives | | not listed: eggs and installers, which pip and uv no longer install, and `.tar.bz2` and the like, which are not inspected here |
//! | uploads | legacy upload API | `file_upload`, with SHA-256 or `BLAKE2b` |
//! | tracks, alternate locations | [PEP 708] | no: names are private first, see owned names |
//! | PGP signatures | | no: neither taken nor passed on |
//!
//! [PEP 427]: https://peps.python.org/pep-0427/
//! [PEP 440]: https://peps.python.org/pep-0440/
//! [PEP 491]: https://peps.python.org/pep-0491/
//! [PEP 503]: https://peps.python.org/pep-0503/
//! [PEP 508]: https://peps.python.org/pep-0508/
//! [PEP 592]: https://peps.python.org/pep-0592/
//! [PEP 625]: https://peps.python.org/pep-0625/
//! [PEP 629]: https://peps.python.org/pep-0629/
//! [PEP 643]: https://peps.python.org/pep-0643/
//! [PEP 658]: https://peps.python.org/pep-0658/
//! [PEP 691]: https://peps.python.org/pep-0691/
//! [PEP 700]: https://peps.python.org/pep-0700/
//! [PEP 708]: https://peps.python.org/pep-0708/
//! [PEP 714]: https://peps.python.org/pep-0714/
//! [PEP 740]: https://peps.python.org/pep-0740/
//! [PEP 792]: https://peps.python.org/pep-0792/

pub mod attribute;

mod archive;
mod attestation;
mod description;
mod discovery;
mod error;
mod file_name;
mod index;
mod name;
mod problem;
mod publish;
mod route;
mod upstream;
mod version;

use provender_domain::{
    Attributes, EcosystemId, File, FileName, Listing, NameError, NamePattern, PackageName, Problem,
    Tag, Version,
};
use provender_ecosystem::{
    Archive, Attested, ClientSetup, Depth, Detail, Document, Ecosystem, Endpoint, Expected, Form,
    InspectError, Inspection, Operation, Probe, ProblemDocument, Publication, Rendition,
    RequestHead, UpstreamDocument, UpstreamFormatError, UpstreamRequest, View,
};
use url::Url;

/// The Python ecosystem; stateless.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pypi;

impl Ecosystem for Pypi {
    fn id(&self) -> EcosystemId {
        EcosystemId::new("pypi")
    }

    fn title(&self) -> &'static str {
        "Python"
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
        _: Option<&Tag>,
    ) -> Vec<ClientSetup> {
        discovery::client_fetch(endpoint, package)
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

    fn is_same_version(&self, one: &Version, other: &Version) -> bool {
        version::are_equal(one, other)
    }

    fn withheld(&self, package: &Attributes) -> Option<String> {
        description::withheld(package)
    }

    fn version_of_file(&self, package: &PackageName, file: &FileName) -> Option<Version> {
        file_name::parse(package, file).map(|found| found.version)
    }

    fn packages_of_file(&self, file: &FileName) -> Vec<PackageName> {
        file_name::packages(file)
    }

    fn route(&self, request: &RequestHead<'_>) -> Result<Operation, Problem> {
        route::route(request)
    }

    fn render(&self, view: &View<'_>, rendition: Rendition) -> Document {
        index::render(view, rendition)
    }

    fn render_problem(&self, problem: &Problem, _: Option<&Operation>) -> ProblemDocument {
        problem::render(problem)
    }

    fn upstream_index(&self, base: &Url, package: &PackageName) -> UpstreamRequest {
        upstream::index_request(base, package)
    }

    fn read_upstream_index(
        &self,
        package: &PackageName,
        document: &UpstreamDocument,
    ) -> Result<Listing, UpstreamFormatError> {
        upstream::read_index(package, document)
    }

    fn upstream_catalogue(&self, base: &Url) -> Option<UpstreamRequest> {
        Some(upstream::catalogue_request(base))
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

    fn attestations_companion(&self) -> Option<&'static str> {
        Some(attribute::PROVENANCE_COMPANION)
    }

    fn render_attestations(&self, attestations: &[Attested]) -> Option<Vec<u8>> {
        attestation::provenance(attestations)
    }

    fn companion_type(&self, kind: &str) -> &'static str {
        match kind {
            attribute::PROVENANCE_COMPANION => attestation::PROVENANCE_TYPE,
            _ => "application/octet-stream",
        }
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
