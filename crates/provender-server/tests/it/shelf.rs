//! The smallest ecosystem with a mount at the root, tags, files named by their digests and uploads
//! in steps, so that the server's own tests of these depend on no real one.
//!
//! | below `/shelf/` | |
//! |---|---|
//! | (nothing) | a ping |
//! | `token?scope=<repository>:<package>:<pull,push>` | an access token |
//! | `all` | all packages |
//! | `<repository>/<package…>/tags` | tags |
//! | `<repository>/<package…>/heads/<tag or digest>` | GET, PUT and DELETE of a document |
//! | `<repository>/<package…>/files/<digest>` | a file |
//! | `<repository>/<package…>/uploads/` | POST begins one; `?digest=`: whole; `?mount=&from=`: none |
//! | `<repository>/<package…>/uploads/<session>?digest=&offset=` | PATCH, PUT, GET, DELETE |

use std::borrow::Cow;
use std::fmt::Write as _;

use provender_domain::{
    Algorithm, Attributes, Digest, EcosystemId, File, FileName, Listing, NameError, NamePattern,
    PackageName, Problem, ProblemCode, Purl, Scope, Tag, Version,
};
use provender_ecosystem::{
    Archive, Change, ClientSetup, Delivery, Depth, Document, Ecosystem, Endpoint, Expected, Form,
    Framing, InspectError, Inspection, Method, Mount, MountSource, Operation, Page, Presentation,
    Probe, ProblemDocument, Publication, Receipt, Rendition, Reply, RequestHead, RootOperation,
    Selection, SessionId, Subject, TokenForm, TokenRequest, TokenScope, UploadStep,
    UpstreamDocument, UpstreamFormatError, UpstreamRequest, View,
};
use url::Url;

/// The largest document, in bytes.
pub(crate) const HEAD_LIMIT_BYTES: u64 = 64 * 1024;

/// Documents are files `head-<sha256>`, all others `file-<sha256>`.
#[derive(Debug)]
pub(crate) struct Shelf;

impl Ecosystem for Shelf {
    fn id(&self) -> EcosystemId {
        EcosystemId::new("shelf")
    }

    fn title(&self) -> &'static str {
        "Shelf"
    }

    fn probes(&self) -> Vec<Probe> {
        Vec::new()
    }

    fn client_setup(&self, _: &Endpoint) -> Vec<ClientSetup> {
        Vec::new()
    }

    fn package_name(&self, raw: &str) -> Result<PackageName, NameError> {
        PackageName::new(&raw.to_lowercase())
    }

    fn name_pattern(&self, raw: &str) -> Result<NamePattern, NameError> {
        let rule = "a name, or a prefix with '*' behind it";
        NamePattern::new(raw).map_err(|_| NameError::Malformed { what: "pattern", rule })
    }

    fn version(&self, raw: &str) -> Result<Version, NameError> {
        Version::new(raw)
    }

    fn version_of_file(&self, _: &PackageName, _: &FileName) -> Option<Version> {
        None
    }

    fn has_tags(&self) -> bool {
        true
    }

    fn tag(&self, raw: &str) -> Result<Tag, NameError> {
        Tag::new(raw)
    }

    fn digest_of_file(&self, file: &FileName) -> Option<Digest> {
        Digest::new(Algorithm::Sha256, hex_of(file)?).ok()
    }

    fn tagged_file(&self, digest: &Digest) -> Option<FileName> {
        file_name("head", digest.to_string().split_once(':')?.1).ok()
    }

    /// A file's digest stands for its version.
    fn purl(&self, package: &PackageName, _: Option<&Version>, file: Option<&FileName>) -> Purl {
        let purl = Purl::new(self.id().as_str(), package.as_str());
        match file.and_then(hex_of) {
            Some(hex) => purl.with_version(hex),
            None => purl,
        }
    }

    fn mount(&self) -> Mount {
        Mount::Root { segment: "shelf" }
    }

    fn route_root(&self, request: &RequestHead<'_>) -> Option<Result<RootOperation, Problem>> {
        let page = Page { after: None, limit: None };
        let operation = match request.segments {
            [] => RootOperation::Ping,
            [word] if word == "all" => RootOperation::AllPackages { page },
            [word] if word == "token" && request.method == Method::Post => {
                return Some(Ok(RootOperation::TokenByForm));
            }
            [word] if word == "token" => {
                RootOperation::Token(token_request(parameter(request, "scope").as_deref()))
            }
            _ => return None,
        };
        Some(if request.method == Method::Get { Ok(operation) } else { Err(not_this_method()) })
    }

    fn read_token_form(&self, fields: &[(String, String)]) -> Result<TokenForm, Problem> {
        let value = |key: &str| {
            let found = fields.iter().find(|(name, value)| name == key && !value.is_empty());
            found.map(|(_, value)| value.clone())
        };
        let none = || Problem::new(ProblemCode::InvalidRequest, "the form has no password");
        let credential = value("password").ok_or_else(none)?;
        Ok(TokenForm { request: token_request(value("scope").as_deref()), credential })
    }

    fn wanted_host(&self, request: &RequestHead<'_>) -> Option<String> {
        parameter(request, "host")
    }

    fn route(&self, request: &RequestHead<'_>) -> Result<Operation, Problem> {
        let segments: Vec<&str> = request.segments.iter().map(Cow::as_ref).collect();
        match segments.as_slice() {
            [package @ .., "tags"] if !package.is_empty() => {
                let page = Page { after: None, limit: None };
                let subject = Subject::Tags { package: self.name(package)?, page };
                reading(request, Operation::Index { subject, rendition: Rendition(0) })
            }
            [package @ .., "heads", reference] if !package.is_empty() => {
                head(request, self.name(package)?, reference)
            }
            [package @ .., "files", hex] if !package.is_empty() => {
                let (package, file) = (self.name(package)?, file_name("file", hex)?);
                reading(request, Operation::File { package, file, companion: None })
            }
            [package @ .., "uploads"] if !package.is_empty() && request.trailing_slash => {
                if request.method != Method::Post {
                    return Err(not_this_method());
                }
                let (package, step) = (self.name(package)?, self.first_step(request)?);
                Ok(Operation::Upload { package, step })
            }
            [package @ .., "uploads", session] if !package.is_empty() => {
                let session = SessionId::parse(session);
                let session = session.ok_or_else(|| Problem::not_found("no such upload"))?;
                let (package, step) = (self.name(package)?, later_step(request, session)?);
                Ok(Operation::Upload { package, step })
            }
            _ => Err(Problem::not_found("no such shelf")),
        }
    }

    fn render(&self, view: &View<'_>, _: Rendition) -> Document {
        let mut text = String::new();
        match view {
            View::Tags(view) => {
                for tag in &view.tags {
                    let _ = writeln!(text, "{tag}");
                }
                let mut document = Document::new("text/plain", text);
                document.fields.push(("x-shelf", view.package.to_string()));
                return document;
            }
            View::AllPackages(view) => {
                for (repository, package) in &view.packages {
                    let _ = writeln!(text, "{repository}/{package}");
                }
            }
            View::Catalogue(_) | View::Package(_) | View::Referrers(_) => {}
        }
        Document::new("text/plain", text)
    }

    /// Says what it is about, and wants another status for what is malformed.
    fn render_problem(&self, problem: &Problem, about: Option<&Operation>) -> ProblemDocument {
        let about = match about {
            Some(Operation::Upload { .. }) => "upload",
            Some(Operation::File { .. }) => "file",
            Some(_) => "other",
            None => "nothing",
        };
        let code = problem.code.as_str();
        let text = format!("shelf: {about}: {code}: {}\n", problem.public);
        let mut document = Document::new("text/plain", text);
        document.fields.push(("x-shelf", "problem".to_owned()));
        let status = (problem.code == ProblemCode::InvalidRequest).then_some(422);
        ProblemDocument { document, in_reason_phrase: false, status }
    }

    fn challenge(
        &self,
        endpoint: &Endpoint<'_>,
        about: Option<&Operation>,
        needs: Option<Scope>,
    ) -> Option<String> {
        let Endpoint { origin, repository } = endpoint;
        let mut challenge = format!("Bearer realm=\"{origin}/shelf/token\",service=\"shelf\"");
        if let Some(package) = about.and_then(Operation::package) {
            let action = match needs.or(about.map(Operation::scope)) {
                Some(Scope::Read) | None => "pull",
                Some(_) => "pull,push",
            };
            let _ = write!(challenge, ",scope=\"{repository}:{package}:{action}\"");
        }
        Some(challenge)
    }

    fn reply(&self, endpoint: &Endpoint<'_>, receipt: &Receipt<'_>) -> Option<Reply> {
        let repository = endpoint.repository;
        let location = |text: String| ("location", format!("/shelf/{repository}/{text}"));
        let (status, fields) = match receipt {
            Receipt::Uploading { package, session, received_bytes, is_status } => {
                let at = location(format!("{package}/uploads/{}", session.as_str()));
                let received = ("x-received", received_bytes.to_string());
                (if *is_status { 204 } else { 202 }, vec![at, received])
            }
            // The server's own words are tried too.
            Receipt::Cancelled => return None,
            Receipt::Stored { package, file } => {
                (201, vec![location(format!("{package}/files/{}", hex_of(file)?))])
            }
            Receipt::Published { package, file, tag, .. } => {
                let at = location(format!("{package}/heads/{}", hex_of(file)?));
                (201, vec![at, ("x-tag", tag.map_or_else(String::new, ToString::to_string))])
            }
            Receipt::Changed => (202, Vec::new()),
        };
        Some(Reply { status, fields, body: Vec::new() })
    }

    fn presentation(&self, file: &File) -> Presentation {
        let fields = hex_of(&file.name).map(|hex| ("x-digest", hex.to_owned()));
        let content_type = if is_head(&file.name) { "text/x-head" } else { "application/x-file" };
        Presentation { content_type: content_type.into(), fields: fields.into_iter().collect() }
    }

    fn delivery(&self, file: &FileName) -> Delivery {
        if is_head(file) { Delivery::FromMemory } else { Delivery::WhileFetched }
    }

    fn upstream_index(&self, base: &Url, _: &PackageName) -> UpstreamRequest {
        UpstreamRequest::new(base.clone(), "text/plain")
    }

    fn read_upstream_index(
        &self,
        _: &PackageName,
        _: &UpstreamDocument,
    ) -> Result<Listing, UpstreamFormatError> {
        Ok(Listing::default())
    }

    fn upstream_file(
        &self,
        base: &Url,
        package: &PackageName,
        file: &FileName,
    ) -> Option<UpstreamRequest> {
        let kind = if is_head(file) { "heads" } else { "files" };
        let url = base.join(&format!("{package}/{kind}/{}", hex_of(file)?)).ok()?;
        Some(UpstreamRequest::new(url, "*/*"))
    }

    fn upstream_catalogue(&self, _: &Url) -> Option<UpstreamRequest> {
        None
    }

    fn read_upstream_catalogue(
        &self,
        _: &UpstreamDocument,
    ) -> Result<Vec<PackageName>, UpstreamFormatError> {
        Ok(Vec::new())
    }

    fn read_publication(&self, form: &Form) -> Result<Publication, Problem> {
        let hex = form.field("digest").or(form.field(Form::SHA256)).unwrap_or_default();
        let tag = form.field("tag").map(|tag| self.tag(tag)).transpose();
        Ok(Publication {
            package: self
                .package_name(form.field("package").unwrap_or_default())
                .map_err(invalid)?,
            version: None,
            file: file_name("head", hex)?,
            tag: tag.map_err(invalid)?,
            digests: vec![Digest::new(Algorithm::Sha256, hex).map_err(invalid)?],
            attestations: Vec::new(),
            attributes: Attributes::default(),
        })
    }

    fn inspect(
        &self,
        _: &Expected<'_>,
        _: &mut dyn Archive,
        _: Depth,
    ) -> Result<Inspection, InspectError> {
        Ok(Inspection::default())
    }
}

impl Shelf {
    fn name(&self, segments: &[&str]) -> Result<PackageName, Problem> {
        self.package_name(&segments.join("/")).map_err(invalid)
    }

    fn first_step(&self, request: &RequestHead<'_>) -> Result<UploadStep, Problem> {
        if let Some(hex) = parameter(request, "digest") {
            return Ok(UploadStep::Whole { file: file_name("file", &hex)? });
        }
        let Some(hex) = parameter(request, "mount") else { return Ok(UploadStep::Begin) };
        let from = match parameter(request, "from") {
            None => None,
            Some(from) => {
                let (repository, package) = from.split_once('/').unwrap_or((&from, "none"));
                let (repository, package) = (repository.to_owned(), self.name(&[package])?);
                Some(MountSource { repository, package })
            }
        };
        Ok(UploadStep::Mount { file: file_name("file", &hex)?, from })
    }
}

fn later_step(request: &RequestHead<'_>, session: SessionId) -> Result<UploadStep, Problem> {
    let offset = parameter(request, "offset").map(|text| text.parse::<u64>());
    let offset_bytes = offset.transpose().map_err(invalid)?;
    match request.method {
        Method::Get => Ok(UploadStep::Status { session }),
        Method::Delete => Ok(UploadStep::Cancel { session }),
        Method::Patch => Ok(UploadStep::Append { session, offset_bytes }),
        Method::Put => {
            let hex = parameter(request, "digest").unwrap_or_default();
            Ok(UploadStep::Finish { session, offset_bytes, file: file_name("file", &hex)? })
        }
        Method::Post => Err(not_this_method()),
    }
}

fn head(
    request: &RequestHead<'_>,
    package: PackageName,
    reference: &str,
) -> Result<Operation, Problem> {
    let is_digest = reference.len() == 64;
    let tag = || Tag::new(reference).map_err(invalid);
    match request.method {
        Method::Get if is_digest => {
            let file = file_name("head", reference)?;
            Ok(Operation::File { package, file, companion: None })
        }
        Method::Get => Ok(Operation::Tagged { package, tag: tag()? }),
        Method::Put => {
            let field = if is_digest { "digest" } else { "tag" };
            let fields = [("package", package.as_str()), (field, reference)];
            let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let form = Form { fields: fields.into(), file_name: None };
            let framing = Framing::Whole { limit_bytes: HEAD_LIMIT_BYTES };
            Ok(Operation::Publish { framing, package: Some(package), form })
        }
        Method::Delete => {
            let selection = if is_digest {
                Selection::File(file_name("head", reference)?)
            } else {
                Selection::Tag(tag()?)
            };
            Ok(Operation::Change { package, selection, change: Change::Remove })
        }
        Method::Post | Method::Patch => Err(not_this_method()),
    }
}

fn token_request(scope: Option<&str>) -> TokenRequest {
    let scopes = scope.iter().filter_map(|scope| {
        let mut parts = scope.split(':');
        let (repository, package) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let actions = parts.next()?;
        let (pull, push) = (actions.contains("pull"), actions.contains("push"));
        Some(TokenScope { repository, package, pull, push, delete: false })
    });
    TokenRequest { scopes: scopes.collect() }
}

fn parameter(request: &RequestHead<'_>, name: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(request.query?.as_bytes());
    pairs.into_iter().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

fn reading(request: &RequestHead<'_>, operation: Operation) -> Result<Operation, Problem> {
    if request.method == Method::Get { Ok(operation) } else { Err(not_this_method()) }
}

fn file_name(kind: &str, hex: &str) -> Result<FileName, Problem> {
    Digest::new(Algorithm::Sha256, hex).map_err(invalid)?;
    FileName::new(&format!("{kind}-{hex}")).map_err(invalid)
}

fn hex_of(file: &FileName) -> Option<&str> {
    file.as_str().split_once('-').map(|(_, hex)| hex)
}

fn is_head(file: &FileName) -> bool {
    file.as_str().starts_with("head-")
}

fn not_this_method() -> Problem {
    Problem::new(ProblemCode::MethodNotAllowed, "not this method")
}

fn invalid(error: impl std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, error.to_string())
}
