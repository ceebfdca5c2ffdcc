//! Heads of files that are not kept: an upstream's word for them, without their bytes.
//!
//! Only of files whose names are their digests. Nothing is brought in by it and nothing bound, and
//! the bytes may turn out to be others: that is known when they are fetched.

use std::borrow::Cow;
use std::pin::Pin;

use provender_domain::{FileName, Problem, ProblemCode, Upstream, UpstreamTarget};
use provender_upstream::{Class, Remote};

use crate::mirror::Errand;
use crate::read::no_such_file;
use crate::resolve::Query;
use crate::{Caller, Registry};

/// How much of an answer its client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Its head alone, as by HEAD. Of a file that is kept it is the same; one that is not is not
    /// fetched for it.
    Head,
}

/// The head of a file without its bytes: of one that is not kept, as an upstream says, or of one that
/// waits for a signature.
#[derive(Debug)]
pub struct FileHead {
    /// Its size.
    pub size_bytes: u64,
    /// Its name.
    pub name: FileName,
    /// Never a type that a browser would run.
    pub content_type: Cow<'static, str>,
    /// Further header fields, names in lower case.
    pub fields: Vec<(&'static str, String)>,
    /// Whether it is told to none but this caller, who may publish the file.
    pub is_for_publisher: bool,
}

/// What an upstream says of a file.
enum Said {
    Size(u64),
    Nothing,
    /// Not without sending it.
    Unclear,
}

/// The header field that says a file's size.
const SIZE_FIELD: &str = "content-length";

impl Registry {
    /// The head of a file whose name is its digest and that is not kept: the first upstream's that
    /// has it. `None` where none says so much of one without sending it.
    pub(crate) fn head_upstream<'a>(
        &'a self,
        query: &'a Query,
        name: &'a FileName,
        caller: &'a Caller,
    ) -> Pin<Box<dyn Future<Output = Result<Option<FileHead>, Problem>> + Send + 'a>> {
        // Boxed: a repository behind this one comes back here.
        Box::pin(async move {
            for errand in self.errands_by_digest(query, name, caller).await? {
                match self.said_of(&errand).await? {
                    Said::Nothing => {}
                    Said::Unclear => return Ok(None),
                    Said::Size(size_bytes) => {
                        let presentation = query.ecosystem.presentation(&errand.file);
                        return Ok(Some(FileHead {
                            size_bytes,
                            name: errand.file.name,
                            content_type: presentation.content_type,
                            fields: presentation.fields,
                            is_for_publisher: false,
                        }));
                    }
                }
            }
            Err(no_such_file(query, name))
        })
    }

    /// Whether the upstream of this errand has its file, whichever upstream the client named. Where
    /// it does not say so, it fails.
    pub(crate) fn is_there<'a>(
        &'a self,
        errand: &'a Errand,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Problem>> + Send + 'a>> {
        Box::pin(async move {
            let errand = Errand { query: errand.query.of_any_host(), ..errand.clone() };
            match self.said_of(&errand).await? {
                Said::Size(_) => return Ok(true),
                Said::Nothing => return Ok(false),
                Said::Unclear => {}
            }
            let (name, upstream) = (&errand.file.name, &errand.upstream);
            let UpstreamTarget::Repository { repository } = &upstream.target else {
                let message =
                    format!("upstream {} does not say whether it has {name}", upstream.name);
                return Err(Problem::new(ProblemCode::UpstreamFailed, message));
            };
            let inner = self.nested(&errand.query, repository.as_str())?;
            match self.kept_file(&inner, name, &errand.caller).await {
                Ok(_) => Ok(true),
                Err(problem) if problem.code == ProblemCode::NotFound => Ok(false),
                Err(problem) => Err(problem),
            }
        })
    }

    async fn said_of(&self, errand: &Errand) -> Result<Said, Problem> {
        let upstream = &errand.upstream;
        if let UpstreamTarget::Repository { repository } = &upstream.target {
            return self.said_behind(errand, repository.as_str()).await;
        }
        let remote = self.remote_of(upstream)?.expect("every other target is remote");
        self.said_by_remote(errand, upstream, &remote).await
    }

    async fn said_behind(&self, errand: &Errand, repository: &str) -> Result<Said, Problem> {
        let inner = self.nested(&errand.query, repository)?;
        let name = &errand.file.name;
        if let Some(kept) = self.kept_and_served(&inner, name).await? {
            return Ok(kept.file.size_bytes.map_or(Said::Unclear, Said::Size));
        }
        if inner.asks_for_signatures() {
            return Ok(Said::Unclear);
        }
        match self.head_upstream(&inner, name, &errand.caller).await {
            Ok(head) => Ok(head.map_or(Said::Unclear, |head| Said::Size(head.size_bytes))),
            Err(problem) if problem.code == ProblemCode::NotFound => Ok(Said::Nothing),
            Err(problem) => Err(problem),
        }
    }

    async fn said_by_remote(
        &self,
        errand: &Errand,
        upstream: &Upstream,
        remote: &Remote,
    ) -> Result<Said, Problem> {
        let Some(request) = &errand.request else { return Ok(Said::Unclear) };
        match self.head_field(upstream, remote, request, SIZE_FIELD).await {
            Ok(Some(fields)) => {
                let size_bytes = fields.first(SIZE_FIELD).and_then(|text| text.parse().ok());
                Ok(size_bytes.map_or(Said::Unclear, Said::Size))
            }
            Ok(None) => Ok(Said::Nothing),
            // Addresses to which a client is sent may be good for GET alone.
            Err(error) if matches!(error.class(), Class::Status(_)) => Ok(Said::Unclear),
            Err(error) => Err(self.upstream_failed(upstream, &errand.query.package, &error)),
        }
    }
}
