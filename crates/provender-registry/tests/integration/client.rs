//! One repository as one caller sees it, through the registry's public calls alone.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use provender_domain::{FileName, PackageName, Problem, ProblemCode, Version};
use provender_ecosystem::{Change, Form, Framing, Operation, Rendition, Selection, Subject};
use provender_registry::{Answer, Authorized, Caller, FileAnswer, Published, Registry, Stale};
use provender_store::BlobError;
use provender_testing::python::Distribution;
use serde_json::Value;

/// The Python ecosystem's JSON.
const JSON: Rendition = Rendition(0);
/// The Python ecosystem's HTML.
const HTML: Rendition = Rendition(2);

/// A caller at a repository.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) registry: Registry,
    pub(crate) repository: String,
    pub(crate) caller: Caller,
}

/// A rendered index.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) json: Value,
    pub(crate) stale: Option<Stale>,
    pub(crate) etag: String,
}

impl Page {
    /// The names of its files, in order.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = self.json["files"].as_array().expect("an index lists files");
        files.iter().map(|file| text(&file["filename"])).collect()
    }

    /// What it says of one file.
    pub(crate) fn file(&self, name: &str) -> &Value {
        let mut files = self.json["files"].as_array().expect("an index lists files").iter();
        files
            .find(|file| file["filename"] == name)
            .unwrap_or_else(|| panic!("no file {name} in {}", self.json))
    }

    /// The names of its packages, in order.
    pub(crate) fn packages(&self) -> Vec<String> {
        let packages = self.json["projects"].as_array().expect("a catalogue lists projects");
        packages.iter().map(|package| text(&package["name"])).collect()
    }
}

impl Client {
    pub(crate) fn new(registry: Registry, repository: &str, caller: Caller) -> Self {
        Self { registry, repository: repository.to_owned(), caller }
    }

    /// The same repository for somebody else.
    pub(crate) fn by(&self, caller: Caller) -> Self {
        Self { caller, ..self.clone() }
    }

    pub(crate) fn authorize(&self, operation: Operation) -> Result<Authorized<Operation>, Problem> {
        self.registry.authorize(&self.caller, &self.repository, "pypi", operation)
    }

    /// A package's index.
    pub(crate) async fn index(&self, package: &str) -> Result<Page, Problem> {
        self.page(Subject::Package(name(package))).await
    }

    /// The names of a package's files.
    pub(crate) async fn files(&self, package: &str) -> Vec<String> {
        match self.index(package).await {
            Ok(page) => page.files(),
            Err(problem) => panic!("no index of {package}: {problem:?}"),
        }
    }

    /// The names of the repository's packages.
    pub(crate) async fn catalogue(&self) -> Vec<String> {
        self.page(Subject::Catalogue).await.expect("a catalogue").packages()
    }

    async fn page(&self, subject: Subject) -> Result<Page, Problem> {
        let operation = Operation::Index { subject, rendition: JSON };
        match self.registry.read(self.authorize(operation)?).await? {
            Answer::Index(index, _) => Ok(Page {
                json: serde_json::from_slice(&index.identity).expect("JSON"),
                stale: index.stale.clone(),
                etag: index.etag.clone(),
            }),
            _ => panic!("an index is answered with an index"),
        }
    }

    /// A package's index as HTML.
    pub(crate) async fn html(&self, package: &str) -> Result<String, Problem> {
        let subject = Subject::Package(name(package));
        let operation = Operation::Index { subject, rendition: HTML };
        match self.registry.read(self.authorize(operation)?).await? {
            Answer::Index(index, _) => {
                Ok(String::from_utf8(index.identity.to_vec()).expect("UTF-8"))
            }
            _ => panic!("an index is answered with an index"),
        }
    }

    /// A file's bytes.
    pub(crate) async fn file(&self, package: &str, file: &str) -> Result<Vec<u8>, Problem> {
        self.open(package, file, None).await.map(bytes_of)
    }

    /// The bytes of a file's metadata.
    pub(crate) async fn metadata(&self, package: &str, file: &str) -> Result<Vec<u8>, Problem> {
        self.open(package, file, Some("metadata")).await.map(bytes_of)
    }

    /// What is attested of a file, as the integrity API has it.
    pub(crate) async fn provenance(&self, package: &str, file: &str) -> Result<Value, Problem> {
        let answer = self.open(package, file, Some("provenance")).await?;
        assert_eq!(answer.content_type, "application/vnd.pypi.integrity.v1+json");
        Ok(serde_json::from_slice(&bytes_of(answer)).expect("JSON"))
    }

    pub(crate) async fn open(
        &self,
        package: &str,
        file: &str,
        companion: Option<&'static str>,
    ) -> Result<FileAnswer, Problem> {
        let file = FileName::new(file).expect("a file name");
        let operation = Operation::File { package: name(package), file, companion };
        match self.registry.read(self.authorize(operation)?).await? {
            Answer::File(answer) => Ok(answer),
            _ => panic!("a file is answered with a file"),
        }
    }

    /// Fetches a distribution and holds its bytes against the original.
    pub(crate) async fn install(&self, distribution: &Distribution) {
        let bytes = self.file(&distribution.project, &distribution.file_name).await;
        let bytes =
            bytes.unwrap_or_else(|problem| panic!("{}: {problem:?}", distribution.file_name));
        assert_eq!(bytes, distribution.bytes, "{}", distribution.file_name);
    }

    /// Publishes as twine does.
    pub(crate) async fn publish(&self, distribution: &Distribution) -> Result<Published, Problem> {
        self.publish_form(form(distribution), distribution.bytes.clone()).await
    }

    pub(crate) async fn publish_form(
        &self,
        form: Form,
        bytes: impl Into<Bytes>,
    ) -> Result<Published, Problem> {
        let authorized = self.authorize(publication())?;
        let mut staging = self.registry.stage(&authorized).await?;
        staging.write(bytes.into()).await.map_err(|error| unwritten(&error))?;
        let blob = staging.finish().await.map_err(|error| unwritten(&error))?;
        self.registry.publish(authorized, form, blob).await
    }

    /// Changes the files of one version, or one file where the text is a file's name.
    pub(crate) async fn change(
        &self,
        package: &str,
        selection: &str,
        change: Change,
    ) -> Result<Vec<String>, Problem> {
        let extension = Path::new(selection).extension().and_then(OsStr::to_str);
        let is_file = matches!(extension, Some("whl" | "gz"));
        let selection = match is_file {
            true => Selection::File(FileName::new(selection).expect("a file name")),
            false => Selection::Version(Version::new(selection).expect("a version")),
        };
        let operation = Operation::Change { package: name(package), selection, change };
        let changed = self.registry.change(self.authorize(operation)?).await?;
        Ok(changed.iter().map(ToString::to_string).collect())
    }

    pub(crate) async fn yank(&self, package: &str, selection: &str) -> Vec<String> {
        let reason = Some("broken".to_owned());
        self.change(package, selection, Change::Yank { reason }).await.expect("a yank")
    }

    pub(crate) async fn delete(&self, package: &str, selection: &str) -> Vec<String> {
        let reason = Some("a secret in it".to_owned());
        self.change(package, selection, Change::Delete { reason }).await.expect("a deletion")
    }

    pub(crate) async fn release(&self, package: &str, selection: &str) -> Vec<String> {
        let reason = Some("looked at".to_owned());
        self.change(package, selection, Change::Release { reason }).await.expect("a release")
    }
}

/// What the server says where a body cannot be staged.
fn unwritten(error: &BlobError) -> Problem {
    match error {
        BlobError::Full(_) => Problem::new(ProblemCode::StorageFull, error.to_string()),
        _ => Problem::internal(error),
    }
}

/// The form that twine sends with a distribution.
pub(crate) fn form(distribution: &Distribution) -> Form {
    let filetype = if distribution.is_wheel() { "bdist_wheel" } else { "sdist" };
    let digest = distribution.sha256_hex();
    let fields = [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("name", &distribution.project),
        ("version", &distribution.version),
        ("filetype", filetype),
        ("sha256_digest", &digest),
    ];
    Form {
        fields: fields.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        file_name: Some(distribution.file_name.clone()),
    }
}

/// The code of a problem that must be there.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Problem>) -> ProblemCode {
    match result {
        Ok(_) => panic!("this should have been refused"),
        Err(problem) => {
            let one_line = !problem.public.is_empty() && !problem.public.contains('\n');
            assert!(one_line, "what a caller is told is one line: {:?}", problem.public);
            problem.code
        }
    }
}

/// What the caller is told by a problem that must be there.
#[track_caller]
pub(crate) fn message<T>(result: Result<T, Problem>) -> String {
    match result {
        Ok(_) => panic!("this should have been refused"),
        Err(problem) => problem.public,
    }
}

pub(crate) fn bytes_of(answer: FileAnswer) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = answer.open.content;
    file.read_to_end(&mut bytes).expect("a kept file can be read");
    assert_eq!(bytes.len() as u64, answer.size_bytes);
    bytes
}

fn name(package: &str) -> PackageName {
    PackageName::new(&provender_testing::python::normalized(package)).expect("a package name")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// A publication as Python's clients send it.
pub(crate) fn publication() -> Operation {
    let framing = Framing::Multipart { file_field: "content" };
    Operation::Publish { framing, package: None, form: Form::default() }
}
