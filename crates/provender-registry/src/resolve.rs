//! The view of one package: what is here, or what the first upstream that has it lists.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use provender_domain::{
    Attributes, Digest, Facts, File, FileName, FileState, KeptFile, Listing, Origin, PackageName,
    Problem, ProblemCode, Tag, Timestamp, Upstream, UpstreamTarget,
};
use provender_ecosystem::{Ecosystem, PackageView};
use provender_store::{PackageKey, PackageRow};

use crate::Registry;
use crate::cache::Stale;
use crate::decide::decide;
use crate::error::store_problem;
use crate::listing::{Listed, Question};
use crate::state::RepositoryState;
use crate::whole_version::VersionDecision;

/// How many repositories may stand behind each other as upstreams.
pub(crate) const UPSTREAM_DEPTH_LIMIT: usize = 8;

/// One package in one repository, at this moment.
#[derive(Debug)]
pub(crate) struct Resolution {
    /// Whether the package exists in this view at all.
    pub(crate) is_known: bool,
    /// Whether the name belongs here, so that nobody else may be asked for it.
    pub(crate) is_exclusive: bool,
    /// Its files, each with its facts; policy has not been asked yet.
    pub(crate) entries: Vec<Entry>,
    /// The tags that an upstream lists.
    pub(crate) tags: Vec<Tag>,
    /// What only the ecosystem understands.
    pub(crate) attributes: Attributes,
    /// When time itself may change the answer.
    pub(crate) fresh_until: Timestamp,
    /// Set where an upstream fails and this is old.
    pub(crate) stale: Option<Stale>,
}

/// One file of a resolution.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// As it is to be listed.
    pub(crate) file: File,
    /// Where it would be fetched from; `None` for what only exists here.
    pub(crate) upstream: Option<Arc<Upstream>>,
    /// Facts for policy.
    pub(crate) facts: Facts,
}

/// What one upstream contributes.
struct Offer {
    listing: Option<Arc<Listing>>,
    /// What is in quarantine there, where that is known, and why.
    quarantined: HashMap<FileName, Option<String>>,
    is_exclusive: bool,
    fresh_until: Timestamp,
    stale: Option<Stale>,
}

impl Offer {
    fn of_nothing(fresh_until: Timestamp) -> Self {
        Self {
            listing: None,
            quarantined: HashMap::new(),
            is_exclusive: false,
            fresh_until,
            stale: None,
        }
    }
}

/// An upstream in its turn.
pub(crate) struct Turn {
    pub(crate) upstream: Arc<Upstream>,
    /// Whether it may answer: a client may have named another.
    pub(crate) may_answer: bool,
    /// Whether those after it may answer only if it has nothing, whatever the client named.
    pub(crate) goes_before: bool,
}

/// Which package, where, and how far down the chain of repositories.
#[derive(Clone)]
pub(crate) struct Query {
    pub(crate) repository: Arc<RepositoryState>,
    pub(crate) ecosystem: Arc<dyn Ecosystem>,
    pub(crate) package: PackageName,
    pub(crate) depth: usize,
    /// The host of the upstream that alone may answer.
    pub(crate) host: Option<Arc<str>>,
}

impl Query {
    pub(crate) fn key(&self) -> PackageKey {
        PackageKey {
            repository: self.repository.repository.name.clone(),
            ecosystem: self.ecosystem.id(),
            package: self.package.clone(),
        }
    }

    /// The upstreams that may answer, in order: the bound one alone where the name is bound.
    pub(crate) fn eligible_upstreams(&self, bound: Option<&Origin>) -> Vec<Arc<Upstream>> {
        let mut upstreams = self.upstreams(bound);
        upstreams.retain(|upstream| self.may_mean(upstream));
        upstreams
    }

    /// The same, whichever of them the client named.
    fn upstreams(&self, bound: Option<&Origin>) -> Vec<Arc<Upstream>> {
        let is_bound = |upstream: &&Arc<Upstream>| match bound {
            Some(Origin::Mirrored { upstream: name }) => *name == upstream.name,
            Some(Origin::Published) => false,
            None => true,
        };
        let upstreams = self.repository.upstreams_of(self.ecosystem.id().as_str());
        upstreams.filter(is_bound).cloned().collect()
    }

    /// Whether an upstream is the one that the client named, or may have that behind it.
    fn may_mean(&self, upstream: &Upstream) -> bool {
        self.host.as_deref().is_none_or(|host| is_at(upstream, host))
    }

    /// The same question of a client that names no upstream.
    pub(crate) fn of_any_host(&self) -> Self {
        Self { host: None, ..self.clone() }
    }

    /// The upstream that a kept file came from, if it is still one.
    pub(crate) fn upstream_of(&self, origin: &Origin) -> Option<Arc<Upstream>> {
        let Origin::Mirrored { upstream: name } = origin else { return None };
        let mut upstreams = self.repository.upstreams_of(self.ecosystem.id().as_str());
        upstreams.find(|upstream| upstream.name == *name).cloned()
    }

    pub(crate) fn owns(&self) -> bool {
        self.repository.owns(self.ecosystem.id().as_str(), &self.package)
    }
}

/// The origin that a name is bound to: owning it decides, then the first origin it had.
pub(crate) fn bound_origin(is_owned: bool, row: Option<&PackageRow>) -> Option<Origin> {
    if is_owned {
        return Some(Origin::Published);
    }
    row.and_then(|row| row.origin.clone())
}

impl Registry {
    /// The origin that a name is bound to in its repository, if any.
    pub(crate) async fn name_origin(&self, query: &Query) -> Result<Option<Origin>, Problem> {
        let is_owned = query.owns();
        if is_owned {
            return Ok(Some(Origin::Published));
        }
        let row = self.inner.metadata.package(&query.key()).await;
        Ok(bound_origin(false, row.map_err(|error| store_problem(&error))?.as_ref()))
    }

    /// Resolves a package. A name that is owned or published here is answered from here alone; a
    /// name bound to an upstream is asked for there alone; any other goes to the upstreams in
    /// order, and the first that has it answers. An upstream that fails stops the search: going on
    /// would let the next one take the name.
    pub(crate) async fn resolve_to_list(&self, query: &Query) -> Result<Resolution, Problem> {
        let mut resolution = self.resolve(query).await?;
        if query.asks_for_signatures() {
            self.look_for_signers(query, &mut resolution.entries).await?;
        }
        Ok(resolution)
    }

    /// Finds out who signed what is kept: what a rule refuses is not listed either, or clients would
    /// choose what they do not get. Files whose names are digests are in no index.
    fn look_for_signers<'a>(
        &'a self,
        query: &'a Query,
        entries: &'a mut [Entry],
    ) -> Pin<Box<dyn Future<Output = Result<(), Problem>> + Send + 'a>> {
        // Boxed: to find signatures is to resolve again, further behind.
        Box::pin(async move {
            let is_kept = |entry: &Entry| {
                entry.facts.state == Some(FileState::Present)
                    && query.ecosystem.digest_of_file(&entry.file.name).is_none()
            };
            if !entries.iter().any(is_kept) {
                return Ok(());
            }
            let kept = self.inner.metadata.files(&query.key()).await;
            let kept = kept.map_err(|error| store_problem(&error))?;
            let name_origin = self.name_origin(query).await?;
            let covered = self.covered(query, &kept, name_origin.as_ref()).await?;
            let kept: HashMap<FileName, KeptFile> =
                kept.into_iter().map(|kept| (kept.file.name.clone(), kept)).collect();
            for entry in entries.iter_mut().filter(|entry| is_kept(entry)) {
                if let Some(kept) = kept.get(&entry.file.name) {
                    let (asked, signers) =
                        self.signature_facts(query, kept, covered.as_ref()).await?;
                    entry.facts.signatures_asked = asked;
                    entry.facts.signers = signers;
                }
            }
            Ok(())
        })
    }

    /// The same without those who signed, of whom each has to be verified.
    pub(crate) async fn resolve(&self, query: &Query) -> Result<Resolution, Problem> {
        let key = query.key();
        let row = self.inner.metadata.package(&key).await.map_err(|error| store_problem(&error))?;
        let bound = bound_origin(query.owns(), row.as_ref());
        if bound == Some(Origin::Published) {
            return Ok(here_alone(self.kept_files(&key, row.as_ref()).await?));
        }
        let turns = self.turns(query, bound.as_ref()).await?;
        let offered = self.first_offer(query, turns).await;
        // Read after the upstream was asked: its answer may have changed what is kept.
        let kept = match self.is_meant(query, bound.as_ref()).await? {
            true => self.kept_files(&key, row.as_ref()).await?,
            false => Vec::new(),
        };
        let (upstream, offer) = match offered {
            Ok(offered) => offered,
            Err((upstream, problem))
                if !kept.is_empty() && problem.code != ProblemCode::Internal =>
            {
                let offer = self.nothing_but_kept(&upstream);
                (Some(upstream), offer)
            }
            Err((_, problem)) => return Err(problem),
        };
        let withheld = offer
            .listing
            .as_deref()
            .and_then(|listing| query.ecosystem.withheld(&listing.attributes));
        let decided = VersionDecision::among(&kept);
        let mut resolution = merge(kept, bound, upstream.as_ref(), offer);
        VersionDecision::apply(&decided, &*query.ecosystem, &mut resolution.entries);
        if let Some(reason) = withheld {
            resolution.withhold(&reason);
        }
        Ok(resolution)
    }

    /// The kept files of a package, in every state; none where its name is unknown.
    async fn kept_files(
        &self,
        key: &PackageKey,
        row: Option<&PackageRow>,
    ) -> Result<Vec<KeptFile>, Problem> {
        match row {
            Some(_) => self.inner.metadata.files(key).await.map_err(|error| store_problem(&error)),
            None => Ok(Vec::new()),
        }
    }

    /// The upstreams that are asked, in turn. Where the name belongs to one that is a repository of
    /// this server, or behind it, that one is asked alone, wherever it stands: nobody else may hear
    /// of the name. A client that names an upstream gets what that one has where those before it
    /// have nothing, or the name would be its from then on for everybody.
    pub(crate) async fn turns(
        &self,
        query: &Query,
        bound: Option<&Origin>,
    ) -> Result<Vec<Turn>, Problem> {
        let mut upstreams = query.upstreams(bound);
        for upstream in &upstreams {
            if self.is_exclusive_behind(query, upstream).await? {
                upstreams = vec![upstream.clone()];
                break;
            }
        }
        let end = upstreams.iter().rposition(|upstream| query.may_mean(upstream));
        let Some(last) = end else { return Ok(Vec::new()) };
        let turn = |(place, upstream): (usize, Arc<Upstream>)| {
            let may_answer = query.may_mean(&upstream);
            let is_named = may_answer && matches!(upstream.target, UpstreamTarget::Remote { .. });
            let goes_before = query.host.is_some() && !is_named && place < last;
            Turn { upstream, may_answer, goes_before }
        };
        Ok(upstreams.into_iter().take(last + 1).enumerate().map(turn).collect())
    }

    /// Whether what is kept under a name is of the upstream that the client named, if it did.
    pub(crate) fn is_meant<'a>(
        &'a self,
        query: &'a Query,
        bound: Option<&'a Origin>,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Problem>> + Send + 'a>> {
        Box::pin(async move {
            if query.host.is_none() || bound == Some(&Origin::Published) {
                return Ok(true);
            }
            let Some(upstream) = bound.and_then(|bound| query.upstream_of(bound)) else {
                return Ok(false);
            };
            let UpstreamTarget::Repository { repository } = &upstream.target else {
                return Ok(query.may_mean(&upstream));
            };
            let inner = self.nested(query, repository.as_str())?;
            let bound = self.name_origin(&inner).await?;
            self.is_meant(&inner, bound.as_ref()).await
        })
    }

    /// The first upstream's offer, in order; only the bound one's where the name is bound. A
    /// problem comes with the upstream that has it.
    async fn first_offer(
        &self,
        query: &Query,
        turns: Vec<Turn>,
    ) -> Result<(Option<Arc<Upstream>>, Offer), (Arc<Upstream>, Problem)> {
        let mut fresh_until = Timestamp::from_microseconds(i64::MAX);
        for Turn { upstream, may_answer, goes_before } in turns {
            let failed = |problem| (upstream.clone(), problem);
            if may_answer {
                let offer = self.offer(query, &upstream).await.map_err(failed)?;
                fresh_until = fresh_until.min(offer.fresh_until);
                if offer.listing.is_some() || offer.is_exclusive {
                    return Ok((Some(upstream), Offer { fresh_until, ..offer }));
                }
            }
            if goes_before {
                let offer = self.offer(&query.of_any_host(), &upstream).await.map_err(failed)?;
                fresh_until = fresh_until.min(offer.fresh_until);
                if offer.listing.is_some() {
                    break;
                }
            }
        }
        Ok((None, Offer::of_nothing(fresh_until)))
    }

    /// An upstream fails and has never been heard of this package, but files of it are kept.
    fn nothing_but_kept(&self, upstream: &Upstream) -> Offer {
        let now = self.now();
        Offer {
            stale: Some(Stale { since: now, upstream: upstream.name.clone() }),
            ..Offer::of_nothing(now.plus(self.inner.tuning.stale_retry))
        }
    }

    async fn offer(&self, query: &Query, upstream: &Arc<Upstream>) -> Result<Offer, Problem> {
        if let UpstreamTarget::Repository { repository } = &upstream.target {
            return self.repository_offer(query, repository.as_str()).await;
        }
        let remote = self.remote_of(upstream)?.expect("every other target is remote");
        let question = Question {
            key: query.key(),
            upstream: upstream.clone(),
            ecosystem: query.ecosystem.clone(),
            remote,
        };
        let listed = self.listing(question).await?;
        Ok(self.remote_offer(&listed, upstream))
    }

    fn remote_offer(&self, listed: &Listed, upstream: &Upstream) -> Offer {
        let stale = listed
            .stale_until
            .map(|_| Stale { since: listed.fetched_at, upstream: upstream.name.clone() });
        Offer {
            listing: listed.listing.clone(),
            stale,
            ..Offer::of_nothing(self.fresh_until(listed))
        }
    }

    /// Another repository of this server as upstream: its own resolution, under its own policy.
    fn repository_offer<'a>(
        &'a self,
        query: &'a Query,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Offer, Problem>> + Send + 'a>> {
        Box::pin(async move {
            let inner = self.nested(query, name)?;
            let resolution = self.resolve_to_list(&inner).await?;
            let (attributes, mut tags) = (resolution.attributes, resolution.tags);
            if resolution.is_known && inner.ecosystem.has_tags() {
                let bound = self.name_origin(&inner).await?;
                tags.extend(self.kept_tags(&inner, bound.as_ref(), None, u32::MAX).await?);
            }
            let quarantined = resolution
                .entries
                .iter()
                .filter(|entry| {
                    entry.facts.state == Some(FileState::Quarantined) || entry.file.was_closed()
                })
                .map(|entry| (entry.file.name.clone(), entry.facts.state_reason.clone()))
                .collect();
            let files = resolution
                .entries
                .into_iter()
                .filter(|entry| decide(&entry.facts).is_served())
                .map(|entry| entry.file)
                .collect();
            let listing =
                resolution.is_known.then(|| Arc::new(Listing { files, tags, attributes }));
            Ok(Offer {
                listing,
                quarantined,
                is_exclusive: resolution.is_exclusive,
                fresh_until: resolution.fresh_until,
                stale: resolution.stale,
            })
        })
    }

    /// Whether an upstream is a repository of this server to which the name belongs, or behind
    /// which it does: then nobody else is asked, whatever it has.
    pub(crate) fn is_exclusive_behind<'a>(
        &'a self,
        query: &'a Query,
        upstream: &'a Upstream,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Problem>> + Send + 'a>> {
        Box::pin(async move {
            let UpstreamTarget::Repository { repository } = &upstream.target else {
                return Ok(false);
            };
            let inner = self.nested(query, repository.as_str())?;
            let bound = self.name_origin(&inner).await?;
            if bound == Some(Origin::Published) {
                return Ok(true);
            }
            for behind in inner.eligible_upstreams(bound.as_ref()) {
                if self.is_exclusive_behind(&inner, &behind).await? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// The same package in a repository that is this one's upstream.
    pub(crate) fn nested(&self, query: &Query, name: &str) -> Result<Query, Problem> {
        if query.depth >= UPSTREAM_DEPTH_LIMIT {
            let message = "the repositories behind this one are each other's upstreams too deeply";
            return Err(Problem::new(ProblemCode::UpstreamFailed, message));
        }
        let repository = self
            .state()
            .repository(name)
            .ok_or_else(|| {
                let message = format!("the upstream repository {name} does not exist");
                Problem::new(ProblemCode::UpstreamFailed, message)
            })?
            .clone();
        Ok(Query { repository, depth: query.depth + 1, ..query.clone() })
    }
}

impl Resolution {
    /// Offers nothing that is not kept: what is, was closed when its upstream began to withhold it,
    /// or somebody here let it out.
    fn withhold(&mut self, reason: &str) {
        for entry in self.entries.iter_mut().filter(|entry| entry.facts.state.is_none()) {
            entry.facts.state = Some(FileState::Quarantined);
            entry.facts.state_reason = Some(format!("its upstream withholds it: {reason}"));
        }
        if self.entries.iter().any(|entry| entry.facts.state == Some(FileState::Present)) {
            // Or the index would say that what it lists is not to be had.
            self.attributes = Attributes::default();
        }
    }

    /// What is listed: the entries that policy lets through.
    pub(crate) fn into_view(self, package: PackageName, root: String) -> PackageView {
        let files = self
            .entries
            .into_iter()
            .filter(|entry| decide(&entry.facts).is_served())
            .map(|entry| entry.file)
            .collect();
        PackageView { root, package, files, attributes: self.attributes }
    }
}

/// Whether an upstream is at this host, or this host and port.
fn is_at(upstream: &Upstream, host: &str) -> bool {
    let UpstreamTarget::Remote { url, .. } = &upstream.target else {
        // The repository behind chooses among its own.
        return true;
    };
    let Ok(url) = url::Url::parse(url) else { return false };
    let Some(name) = url.host_str() else { return false };
    let with_port = url.port_or_known_default().map(|port| format!("{name}:{port}"));
    host.eq_ignore_ascii_case(name)
        || with_port.is_some_and(|with_port| host.eq_ignore_ascii_case(&with_port))
}

fn here_alone(kept: Vec<KeptFile>) -> Resolution {
    let entries: Vec<Entry> =
        kept.into_iter().map(|kept| kept_entry(kept, Some(&Origin::Published), None)).collect();
    Resolution {
        is_known: entries.iter().any(|entry| entry.facts.origin == Origin::Published),
        is_exclusive: true,
        entries,
        tags: Vec::new(),
        attributes: Attributes::default(),
        fresh_until: Timestamp::from_microseconds(i64::MAX),
        stale: None,
    }
}

pub(crate) fn kept_entry(
    kept: KeptFile,
    name_origin: Option<&Origin>,
    upstream: Option<Arc<Upstream>>,
) -> Entry {
    let facts = Facts::of(&kept, name_origin.cloned());
    Entry { file: kept.file, upstream, facts }
}

/// What is kept and what the upstream lists, each file once: kept facts win, but for what only the
/// upstream can know anew (a yank).
fn merge(
    kept: Vec<KeptFile>,
    bound: Option<Origin>,
    upstream: Option<&Arc<Upstream>>,
    offer: Offer,
) -> Resolution {
    let listing = offer.listing.as_deref();
    let listed = listing.map(|listing| &listing.files[..]).unwrap_or_default();
    let as_behind = |mut kept: KeptFile| {
        if let Some(reason) = offer.quarantined.get(&kept.file.name)
            && kept.state == FileState::Present
        {
            kept.state = FileState::Quarantined;
            kept.state_reason.clone_from(reason);
        }
        (kept.file.name.to_string(), kept)
    };
    let mut kept: HashMap<String, KeptFile> = kept.into_iter().map(as_behind).collect();
    let is_known = listing.is_some() || !kept.is_empty();
    let mut entries = Vec::with_capacity(listed.len() + kept.len());
    let name_origin = bound
        .or_else(|| upstream.map(|upstream| Origin::Mirrored { upstream: upstream.name.clone() }));
    for file in listed {
        let entry = match kept.remove(file.name.as_str()) {
            Some(kept) => refreshed(kept, file, name_origin.as_ref(), upstream.cloned()),
            None => listed_entry(file.clone(), name_origin.as_ref(), upstream.cloned()),
        };
        entries.push(entry);
    }
    let mut rest: Vec<KeptFile> = kept.into_values().collect();
    rest.sort_by(|a, b| a.file.name.cmp(&b.file.name));
    let survivors =
        rest.into_iter().map(|kept| kept_entry(kept, name_origin.as_ref(), upstream.cloned()));
    entries.extend(survivors);
    Resolution {
        is_known,
        is_exclusive: offer.is_exclusive,
        entries,
        tags: listing.map(|listing| listing.tags.clone()).unwrap_or_default(),
        attributes: listing.map(|listing| listing.attributes.clone()).unwrap_or_default(),
        fresh_until: offer.fresh_until,
        stale: offer.stale,
    }
}

fn refreshed(
    mut kept: KeptFile,
    listed: &File,
    name_origin: Option<&Origin>,
    upstream: Option<Arc<Upstream>>,
) -> Entry {
    if kept.file.yank.is_none() {
        kept.file.yank.clone_from(&listed.yank);
    }
    kept_entry(kept, name_origin, upstream)
}

fn listed_entry(
    file: File,
    name_origin: Option<&Origin>,
    upstream: Option<Arc<Upstream>>,
) -> Entry {
    let facts = Facts {
        origin: name_origin.cloned().unwrap_or(Origin::Published),
        name_origin: name_origin.cloned(),
        state: None,
        state_reason: None,
        uploaded_at: file.uploaded_at,
        signatures_asked: Vec::new(),
        signers: Vec::new(),
    };
    Entry { file, upstream, facts }
}

/// Every digest once.
pub(crate) fn without_doubles(digests: impl IntoIterator<Item = Digest>) -> Vec<Digest> {
    let mut seen = HashSet::new();
    digests.into_iter().filter(|digest| seen.insert(digest.clone())).collect()
}
