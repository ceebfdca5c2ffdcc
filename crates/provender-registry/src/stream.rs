//! Files on their way from an upstream to clients while they are fetched: those whose names are
//! their digests and whose clients hash what they get.
//!
//! The fetch writes to staging, as every fetch does, and clients read behind it. The last bytes are
//! held back until the digest is right and the file is kept, so that bytes that are wrong never
//! come to their end.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use provender_domain::{FileName, KeptFile, Problem, ProblemCode};
use provender_store::{Tail, TailReader};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::head::Extent;
use crate::mirror::{Errand, MirrorKey};
use crate::read::{Answer, no_such_file};
use crate::resolve::Query;
use crate::{Caller, Registry};

/// A file that is being fetched from an upstream, of a kind whose clients hash what they get.
pub struct FileStream {
    /// Its size, where the upstream says it.
    pub size_bytes: Option<u64>,
    /// Its name.
    pub name: FileName,
    /// Never a type that a browser would run.
    pub content_type: Cow<'static, str>,
    /// Further header fields, names in lower case.
    pub fields: Vec<(&'static str, String)>,
    /// What was read before it was answered at all.
    first: Option<Bytes>,
    reader: TailReader,
    /// Keeps the fetch going while somebody reads.
    _fetch: Interest,
}

/// The bytes of such a file will not come to their end: its client must not take it for whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOff;

impl FileStream {
    /// The next bytes, when they are there; `None` at the end, when all were verified and kept.
    pub async fn next(&mut self) -> Option<Result<Bytes, CutOff>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        match self.reader.next(PIECE_BYTES).await {
            Ok(Some(bytes)) => Some(Ok(bytes)),
            Ok(None) => None,
            Err(_) => Some(Err(CutOff)),
        }
    }
}

/// Most bytes that are handed on at once.
const PIECE_BYTES: usize = 256 * 1024;
/// How long first bytes are waited for; then the answer begins without them, as clients do not wait
/// for ever.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);

/// A task that somebody waits for; without them it is not waited for any more.
struct Interest(JoinHandle<Result<KeptFile, Problem>>);

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A fetch that clients can read behind.
#[derive(Clone)]
struct Open {
    tail: Tail,
    size_bytes: Option<u64>,
}

/// The fetches that clients can read behind, or wait to.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<MirrorKey, watch::Sender<Option<Open>>>>);

impl Streams {
    fn watch(&self, key: MirrorKey) -> watch::Receiver<Option<Open>> {
        let mut streams = self.lock();
        streams.entry(key).or_insert_with(|| watch::Sender::new(None)).subscribe()
    }

    /// Nobody waits any more for what was never begun, or is over.
    fn forget_unless_wanted(&self, key: &MirrorKey) {
        let mut streams = self.lock();
        let is_idle = |sender: &watch::Sender<Option<Open>>| {
            sender.receiver_count() == 0 && sender.borrow().is_none()
        };
        if streams.get(key).is_some_and(is_idle) {
            streams.remove(key);
        }
    }

    /// How many there are.
    #[cfg(feature = "faults")]
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MirrorKey, watch::Sender<Option<Open>>>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

/// Somebody waits for a fetch to begin. Dropped by whoever hangs up, too.
struct Waiting<'a> {
    streams: &'a Streams,
    key: MirrorKey,
    opened: Option<watch::Receiver<Option<Open>>>,
}

impl<'a> Waiting<'a> {
    fn new(streams: &'a Streams, key: MirrorKey) -> Self {
        let opened = Some(streams.watch(key.clone()));
        Self { streams, key, opened }
    }

    /// What is being fetched; `None` where it is over already.
    async fn open(&mut self) -> Option<Open> {
        let opened = self.opened.as_mut()?;
        let open = opened.wait_for(Option::is_some).await;
        open.ok().and_then(|open| open.clone())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.opened = None;
        self.streams.forget_unless_wanted(&self.key);
    }
}

/// The fetch's own end of it. Dropped before its end it tells every reader that the rest will not
/// come.
pub(crate) struct Broadcast<'a> {
    streams: &'a Streams,
    key: MirrorKey,
    open: Mutex<Option<Tail>>,
}

impl<'a> Broadcast<'a> {
    pub(crate) fn begin(streams: &'a Streams, key: MirrorKey) -> Self {
        Self { streams, key, open: Mutex::new(None) }
    }

    /// Bytes begin to arrive.
    pub(crate) fn open(&self, tail: Tail, size_bytes: Option<u64>) {
        *self.lock() = Some(tail.clone());
        let mut streams = self.streams.lock();
        let sender = streams.entry(self.key.clone()).or_insert_with(|| watch::Sender::new(None));
        sender.send_replace(Some(Open { tail, size_bytes }));
    }

    /// The file is kept, or never will be.
    pub(crate) fn end(self, is_kept: bool) {
        if let Some(tail) = self.lock().take().filter(|_| is_kept) {
            tail.complete();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Tail>> {
        self.open.lock().expect("nothing panics while it holds this lock")
    }
}

impl Drop for Broadcast<'_> {
    fn drop(&mut self) {
        self.streams.lock().remove(&self.key);
        if let Some(tail) = self.lock().take() {
            tail.fail();
        }
    }
}

impl Registry {
    /// A file whose name is its digest: what is kept, or what is fetched from the first upstream
    /// that has it, from its first byte on. Nothing is fetched for its head alone where an upstream
    /// says what that is.
    pub(crate) async fn file_or_stream(
        &self,
        query: &Query,
        name: &FileName,
        caller: &Caller,
        extent: Extent,
    ) -> Result<Answer, Problem> {
        if let Some(kept) = self.kept_and_served(query, name).await? {
            return self.open_kept(query, &kept).await.map(Answer::File);
        }
        if query.asks_for_signatures() {
            // Decided upon when all that is known of it is here.
            let kept = self.bring_in_by_digest(query, name, caller).await?;
            return self.open_kept(query, &kept).await.map(Answer::File);
        }
        if extent == Extent::Head
            && let Some(head) = self.head_upstream(query, name, caller).await?
        {
            return Ok(Answer::Head(head));
        }
        for errand in self.errands_by_digest(query, name, caller).await? {
            match self.stream(query, errand).await {
                Err(problem) if problem.code == ProblemCode::NotFound => {}
                answer => return answer,
            }
        }
        Err(no_such_file(query, name))
    }

    async fn stream(&self, query: &Query, errand: Errand) -> Result<Answer, Problem> {
        let file = errand.file.clone();
        let mut waiting = Waiting::new(&self.inner.mirrors.streams, errand.key());
        let registry = self.clone();
        let mut fetch = Interest(tokio::spawn(async move { registry.mirror(errand).await }));
        let began = tokio::select! {
            biased;
            began = beginning(&mut waiting) => began,
            kept = &mut fetch.0 => {
                let kept = kept.map_err(|error| Problem::internal(&error))??;
                return self.open_kept(query, &kept).await.map(Answer::File);
            }
        };
        let Some(Began { size_bytes, first, reader }) = began else {
            let kept = (&mut fetch.0).await.map_err(|error| Problem::internal(&error))??;
            return self.open_kept(query, &kept).await.map(Answer::File);
        };
        let presentation = query.ecosystem.presentation(&file);
        Ok(Answer::Stream(FileStream {
            size_bytes,
            name: file.name,
            content_type: presentation.content_type,
            fields: presentation.fields,
            first,
            reader,
            _fetch: fetch,
        }))
    }
}

/// A fetch whose first bytes may be handed on.
struct Began {
    size_bytes: Option<u64>,
    first: Option<Bytes>,
    reader: TailReader,
}

/// The first bytes of what is waited for: whatever fails before them is told of in an answer of its
/// own. `None` where it is over already, or failed before.
async fn beginning(waiting: &mut Waiting<'_>) -> Option<Began> {
    let Open { tail, size_bytes } = waiting.open().await?;
    let mut reader = tail.open();
    let first = match timeout(FIRST_PATIENCE, reader.next(PIECE_BYTES)).await {
        Ok(read) => read.ok()?,
        Err(_) => None,
    };
    Some(Began { size_bytes, first, reader })
}
