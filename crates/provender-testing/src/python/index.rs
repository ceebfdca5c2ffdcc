//! A simple repository (PEP 503, 629, 658, 691, 700, 714) served by a fake upstream.

mod render;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;

use super::{Distribution, normalized};
use crate::{Answer, FakeUpstream, Request, sha256_hex};

/// The media type of PEP 691's JSON.
const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A simple index under `/simple/` and its files under `/files/`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use provender_testing::python::{Formats, PythonUpstream, WheelBuilder};
///
/// let upstream = PythonUpstream::start();
/// upstream.add(WheelBuilder::new("demo", "1.0").build());
/// upstream.formats(Formats { json: false, ..Formats::default() });
/// assert!(!upstream.fake().heard_of("demo"));
/// # });
/// ```
#[derive(Clone)]
pub struct PythonUpstream {
    fake: FakeUpstream,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    formats: Formats,
    projects: BTreeMap<String, Vec<PythonFile>>,
}

/// How the index speaks.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches that a test flips one by one")]
pub struct Formats {
    /// Whether JSON is served to those who accept it; else everybody gets HTML.
    pub json: bool,
    /// Whether files have hashes.
    pub hashes: bool,
    /// Whether links are relative to the page.
    pub relative_links: bool,
    /// Whether `.metadata` companions are announced (PEP 658, 714) and served.
    pub metadata_files: bool,
    /// Whether JSON tells sizes and upload times (PEP 700).
    pub details: bool,
}

impl Default for Formats {
    fn default() -> Self {
        Self {
            json: true,
            hashes: true,
            relative_links: false,
            metadata_files: true,
            details: true,
        }
    }
}

/// A file in the index: a distribution and what the index says of it.
///
/// The index may lie: every field is served as it is, whatever the bytes are.
#[derive(Clone, Debug)]
pub struct PythonFile {
    /// The project under whose page the file is listed.
    pub project: String,
    /// The file name.
    pub file_name: String,
    /// The bytes that `/files/<file name>` answers with.
    pub bytes: Bytes,
    /// The hash that the index tells.
    pub sha256_hex: String,
    /// The size that the index tells, in bytes.
    pub size_bytes: u64,
    /// The text of the `.metadata` companion; `None` where there is none.
    pub metadata: Option<String>,
    /// The `Requires-Python` that the index tells.
    pub requires_python: Option<String>,
    /// The upload time, RFC 3339 in UTC.
    pub upload_time: Option<String>,
    /// The reason of a yank, which may be empty; `None` where the file is not yanked.
    pub yanked: Option<String>,
    /// The URL that the index gives instead of the true one.
    pub url: Option<String>,
}

impl From<Distribution> for PythonFile {
    /// The truth about a distribution. Only wheels get a metadata companion.
    fn from(distribution: Distribution) -> Self {
        let requires_python = distribution
            .metadata
            .lines()
            .find_map(|line| line.strip_prefix("Requires-Python: "))
            .map(str::to_owned);
        Self {
            sha256_hex: distribution.sha256_hex(),
            size_bytes: distribution.bytes.len() as u64,
            metadata: distribution.is_wheel().then_some(distribution.metadata),
            requires_python,
            upload_time: Some("2020-01-01T00:00:00.000000Z".to_owned()),
            yanked: None,
            url: None,
            project: distribution.project,
            file_name: distribution.file_name,
            bytes: distribution.bytes,
        }
    }
}

impl PythonUpstream {
    /// Starts an empty index. Must be called within a Tokio runtime.
    pub fn start() -> Self {
        let fake = FakeUpstream::start();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        fake.otherwise(move |request| lock(&shared).answer(request));
        Self { fake, state }
    }

    /// The server below: its log, its switch, and routes that take precedence over the index.
    pub fn fake(&self) -> &FakeUpstream {
        &self.fake
    }

    /// The index's URL, with a slash at its end.
    pub fn index_url(&self) -> String {
        self.fake.url("/simple/")
    }

    /// The path of a project's page.
    pub fn page_path(&self, project: &str) -> String {
        format!("/simple/{}/", normalized(project))
    }

    /// The path of a file.
    pub fn file_path(&self, file_name: &str) -> String {
        format!("/files/{file_name}")
    }

    /// Adds a file, or replaces the one of the same name.
    pub fn add(&self, file: impl Into<PythonFile>) {
        let file = file.into();
        let mut state = lock(&self.state);
        let files = state.projects.entry(normalized(&file.project)).or_default();
        files.retain(|other| other.file_name != file.file_name);
        files.push(file);
    }

    /// Adds a project without files.
    pub fn add_empty(&self, project: &str) {
        lock(&self.state).projects.entry(normalized(project)).or_default();
    }

    /// Removes a project with its files, as when an author deletes it.
    pub fn remove(&self, project: &str) {
        lock(&self.state).projects.remove(&normalized(project));
    }

    /// Changes what is known of a file.
    pub fn change(&self, file_name: &str, change: impl FnOnce(&mut PythonFile)) {
        let mut state = lock(&self.state);
        let file = state.projects.values_mut().flatten().find(|file| file.file_name == file_name);
        change(file.unwrap_or_else(|| panic!("no file {file_name} was added")));
    }

    /// Serves other bytes for a file, while the index goes on telling the old hash.
    pub fn swap_bytes(&self, file_name: &str, bytes: impl Into<Bytes>) {
        self.change(file_name, |file| file.bytes = bytes.into());
    }

    /// Changes how the index speaks.
    pub fn formats(&self, formats: Formats) {
        lock(&self.state).formats = formats;
    }
}

impl State {
    fn answer(&self, request: &Request) -> Answer {
        let path = request.path();
        if let Some(name) = path.strip_prefix("/files/") {
            return self.file(name).unwrap_or_else(|| Answer::status(404));
        }
        let Some(project) = path.strip_prefix("/simple/") else { return Answer::status(404) };
        let wants_json = request.header("Accept").is_some_and(|accept| accept.contains(JSON));
        let json = wants_json && self.formats.json;
        if project.is_empty() {
            return page(json, render::list(self.projects.keys(), json));
        }
        let name = project.trim_end_matches('/');
        let proper = normalized(name);
        if project != format!("{proper}/") {
            return Answer::redirect(format!("/simple/{proper}/")).with_status(301);
        }
        let host = request.header("Host").unwrap_or_default();
        match self.projects.get(name) {
            Some(files) => page(json, render::project(name, files, self.formats, json, host)),
            None => Answer::status(404),
        }
    }

    fn file(&self, name: &str) -> Option<Answer> {
        let mut files = self.projects.values().flatten();
        if let Some(file) = files.clone().find(|file| file.file_name == name) {
            let etag = format!("\"{}\"", sha256_hex(&file.bytes));
            let answer = Answer::ok(file.bytes.clone()).etag(etag);
            return Some(answer.header("Content-Type", "application/octet-stream"));
        }
        let name = name.strip_suffix(".metadata")?;
        let file = files.find(|file| file.file_name == name)?;
        let metadata = file.metadata.clone().filter(|_| self.formats.metadata_files)?;
        Some(Answer::ok(metadata).header("Content-Type", "text/plain; charset=utf-8"))
    }
}

fn page(json: bool, text: String) -> Answer {
    let etag = format!("\"{}\"", &sha256_hex(text.as_bytes())[..32]);
    let answer =
        if json { Answer::ok(text).header("Content-Type", JSON) } else { Answer::html(text) };
    answer.etag(etag).header("Cache-Control", "max-age=600, public").header("Vary", "Accept")
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no change to the index panics")
}
