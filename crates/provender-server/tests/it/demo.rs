//! The smallest ecosystem that there could be: what the server's own tests and measurements speak,
//! so that they depend on no real one.

use std::borrow::Cow;
use std::fmt::Write as _;

use provender_domain::{
    Algorithm, Attributes, Companion, Digest, EcosystemId, File, FileName, Listing, NameError,
    NamePattern, PackageName, Problem, ProblemCode, Version,
};
use provender_ecosystem::{
    Archive, Change, ClientSetup, Depth, Document, Ecosystem, Endpoint, Expected, Form, Framing,
    InspectError, Inspection, Method, Operation, Probe, ProblemDocument, Publication, Rendition,
    RequestHead, Selection, Subject, UpstreamDocument, UpstreamFormatError, UpstreamRequest, View,
};
use url::Url;

/// Packages are names, every file is of version 1, an index is a list of names and digests. An
/// upstream's index of a package is a list of file names.
#[derive(Debug)]
pub(crate) struct Demo;

/// What an upstream has beside each file.
const NOTE: &str = "note";

impl Ecosystem for Demo {
    fn id(&self) -> EcosystemId {
        EcosystemId::new("demo")
    }

    fn title(&self) -> &'static str {
        "Demo"
    }

    fn probes(&self) -> Vec<Probe> {
        Vec::new()
    }

    fn client_setup(&self, endpoint: &Endpoint) -> Vec<ClientSetup> {
        let command = format!("curl {}/{}/demo/", endpoint.origin, endpoint.repository);
        vec![ClientSetup { client: "curl", purpose: "list", command }]
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
        Version::new("1").ok()
    }

    fn route(&self, request: &RequestHead<'_>) -> Result<Operation, Problem> {
        let rendition = Rendition(u8::from(request.headers.field("accept") == Some("text/html")));
        let segments: Vec<&str> = request.segments.iter().map(Cow::as_ref).collect();
        match (request.method, segments.as_slice()) {
            (Method::Get, []) => Ok(Operation::Index { subject: Subject::Catalogue, rendition }),
            (Method::Post, []) => Ok(Operation::Publish {
                framing: Framing::Multipart { file_field: "content" },
                package: None,
                form: Form::default(),
            }),
            (Method::Get, [package]) if !request.trailing_slash => {
                Ok(Operation::Redirect { location: format!("{}/", self.name(package)?) })
            }
            (Method::Get, [package]) => {
                Ok(Operation::Index { subject: Subject::Package(self.name(package)?), rendition })
            }
            (Method::Get, [package, file]) => {
                let of = file.strip_suffix(".note");
                Ok(Operation::File {
                    package: self.name(package)?,
                    file: file_name(of.unwrap_or(file))?,
                    companion: of.map(|_| NOTE),
                })
            }
            (Method::Delete, [package, file]) => Ok(Operation::Change {
                package: self.name(package)?,
                selection: Selection::File(file_name(file)?),
                change: Change::Delete { reason: None },
            }),
            (_, [] | [_] | [_, _]) => {
                Err(Problem::new(ProblemCode::MethodNotAllowed, "not this method"))
            }
            _ => Err(Problem::not_found("no such page in this demo")),
        }
    }

    fn render(&self, view: &View<'_>, rendition: Rendition) -> Document {
        let mut text = String::new();
        match view {
            View::Catalogue(names) => {
                for name in *names {
                    let _ = writeln!(text, "{name}/");
                }
            }
            View::Package(view) => {
                for file in &view.files {
                    let _ =
                        writeln!(text, "{} {:?} {:?}", file.name, file.size_bytes, file.digests);
                }
            }
            View::Tags(_) | View::Referrers(_) | View::AllPackages(_) => {}
        }
        Document::new(if rendition.0 == 1 { "text/html" } else { "text/plain" }, text)
    }

    fn render_problem(&self, problem: &Problem, _: Option<&Operation>) -> ProblemDocument {
        let document = Document::new("text/plain", format!("demo: {}\n", problem.public));
        ProblemDocument { document, in_reason_phrase: true, status: None }
    }

    fn upstream_index(&self, base: &Url, package: &PackageName) -> UpstreamRequest {
        let url = base.join(package.as_str()).unwrap_or_else(|_| base.clone());
        UpstreamRequest::new(url, "text/plain")
    }

    fn read_upstream_index(
        &self,
        _: &PackageName,
        document: &UpstreamDocument,
    ) -> Result<Listing, UpstreamFormatError> {
        let text = String::from_utf8_lossy(&document.body);
        let files = text.lines().filter_map(|name| {
            Some(File {
                name: FileName::new(name).ok()?,
                version: Version::new("1").ok(),
                url: document.url.join(name).ok().map(String::from),
                digests: Vec::new(),
                size_bytes: None,
                uploaded_at: None,
                yank: None,
                attributes: Attributes::default(),
                companions: vec![Companion {
                    kind: NOTE.to_owned(),
                    url: document.url.join(&format!("{name}.note")).ok().map(String::from),
                    digest: None,
                }],
            })
        });
        Ok(Listing { files: files.collect(), ..Listing::default() })
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
        let package = form.field("package").unwrap_or_default();
        let digests = form.values("sha256").map(|hex| Digest::new(Algorithm::Sha256, hex));
        Ok(Publication {
            package: self.name(package)?,
            version: Some(Version::new("1").map_err(invalid)?),
            file: file_name(form.file_name.as_deref().unwrap_or_default())?,
            tag: None,
            digests: digests.collect::<Result<_, _>>().map_err(invalid)?,
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
        Ok(Inspection { version: Version::new("1").ok(), ..Inspection::default() })
    }
}

impl Demo {
    fn name(&self, raw: &str) -> Result<PackageName, Problem> {
        self.package_name(raw).map_err(invalid)
    }
}

fn file_name(raw: &str) -> Result<FileName, Problem> {
    FileName::new(raw).map_err(invalid)
}

fn invalid(error: impl std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, error.to_string())
}
