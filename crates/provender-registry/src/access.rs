//! Who is calling, and the proof that they may do what they ask.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use provender_domain::{
    Actor, EventKind, PackageName, Problem, ProblemCode, RepositoryName, Scope, Timestamp,
    Visibility,
};
use provender_ecosystem::{Ecosystem, Operation};
use provender_store::{PackageKey, Token};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Registry;
use crate::failure::Lately;
use crate::grant::{self, Opened};
use crate::head::Extent;
use crate::state::{RepositoryState, State};

/// What every token begins with, so that scanners for leaked secrets know one when they see it.
pub(crate) const TOKEN_PREFIX: &str = "pvd_";

#[derive(Debug, Clone)]
pub(crate) enum Identity {
    Anonymous,
    Token(Arc<Token>),
    /// By an access token: no more than it opens, and no more than whom it was given to may have.
    Access {
        token: Option<Arc<Token>>,
        opens: Arc<[Opened]>,
    },
    Operator,
    System,
}

/// Whoever makes a request, as far as they proved it.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Identity,
    client: Option<IpAddr>,
}

impl Caller {
    /// The server itself, in the background.
    pub(crate) fn system() -> Self {
        Self { identity: Identity::System, client: None }
    }

    /// Somebody who showed nothing.
    pub(crate) fn stranger(client: Option<IpAddr>) -> Self {
        Self { identity: Identity::Anonymous, client }
    }

    /// Who they are, for events.
    pub fn actor(&self) -> Actor {
        match &self.identity {
            Identity::Anonymous | Identity::Access { token: None, .. } => Actor::Anonymous,
            Identity::Token(token) | Identity::Access { token: Some(token), .. } => {
                Actor::Token { id: token.id.clone(), name: token.name.clone() }
            }
            Identity::Operator => Actor::Operator,
            Identity::System => Actor::System,
        }
    }

    /// Whether they showed no token.
    pub fn is_anonymous(&self) -> bool {
        matches!(self.identity, Identity::Anonymous | Identity::Access { token: None, .. })
    }

    /// Whether they may publish anything anywhere: then they may also sign what they made.
    pub fn may_publish(&self) -> bool {
        match &self.identity {
            Identity::Anonymous | Identity::Access { .. } => false,
            Identity::Operator | Identity::System => true,
            Identity::Token(token) => token.scope >= Scope::Publish,
        }
    }

    /// The repository that their token is for; `None` for a token for all, and without a token.
    pub fn token_repository(&self) -> Option<&RepositoryName> {
        match &self.identity {
            Identity::Token(token) => token.repository.as_ref(),
            Identity::Anonymous
            | Identity::Access { .. }
            | Identity::Operator
            | Identity::System => None,
        }
    }

    /// The address that the request came from.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// Whether their rights include `scope` on a package of a repository; without a package, on
    /// the repository as a whole. Visibility is not considered.
    pub(crate) fn holds(
        &self,
        scope: Scope,
        repository: Option<&RepositoryName>,
        package: Option<&PackageName>,
    ) -> bool {
        match &self.identity {
            Identity::Anonymous => false,
            Identity::Operator | Identity::System => true,
            Identity::Token(token) => token_holds(token, scope, repository, package),
            Identity::Access { token, opens } => {
                let holds = token
                    .as_ref()
                    .is_some_and(|token| token_holds(token, scope, repository, package));
                holds && opens.iter().any(|opened| opened.covers(scope, repository, package))
            }
        }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether they may read every package of a repository: for lists, which no access token is
    /// asked for.
    pub(crate) fn reads_all_of(&self, repository: &RepositoryName) -> bool {
        match &self.identity {
            Identity::Access { token: Some(token), .. } => {
                token_holds(token, Scope::Read, Some(repository), None)
            }
            _ => self.holds(Scope::Read, Some(repository), None),
        }
    }

    /// Whether an access token stands between them and a right that they have: then they are to
    /// ask for another one.
    fn could_hold(
        &self,
        scope: Scope,
        repository: &RepositoryName,
        package: Option<&PackageName>,
    ) -> bool {
        match &self.identity {
            Identity::Access { token: Some(token), .. } => {
                token_holds(token, scope, Some(repository), package)
            }
            _ => false,
        }
    }

    /// Whether a right that they do not hold may be theirs all the same, by a credential that they
    /// did not show: they showed none, or an access token that opens less than it. One that was
    /// given to nobody says that they have none.
    pub(crate) fn might_hold(
        &self,
        scope: Scope,
        repository: &RepositoryName,
        package: Option<&PackageName>,
    ) -> bool {
        matches!(self.identity, Identity::Anonymous) || self.could_hold(scope, repository, package)
    }

    /// Checks a right that is not about one ecosystem's protocol.
    pub(crate) fn require(
        &self,
        scope: Scope,
        repository: Option<&RepositoryName>,
    ) -> Result<(), Problem> {
        if self.holds(scope, repository, None) {
            return Ok(());
        }
        if self.is_anonymous() {
            return Err(authentication_required());
        }
        Err(self.permission_denied(scope, repository))
    }

    /// Checks that it is the operator: what is asked for concerns this machine's files.
    pub(crate) fn require_operator(&self) -> Result<(), Problem> {
        match self.identity {
            Identity::Operator => Ok(()),
            Identity::Anonymous => Err(authentication_required()),
            Identity::Token(_) | Identity::Access { .. } | Identity::System => {
                let message = "only the operator may do this, on the server's own machine";
                Err(Problem::new(ProblemCode::PermissionDenied, message))
            }
        }
    }

    /// Like [`Self::holds`] for a publication whose package is not known yet: a token for some
    /// names may begin; the name is checked when the form is read.
    fn may_begin_publishing(&self, repository: &RepositoryName) -> bool {
        match &self.identity {
            Identity::Token(token) => {
                token.scope >= Scope::Publish && covers_repository(token, Some(repository))
            }
            _ => self.holds(Scope::Publish, Some(repository), None),
        }
    }
}

fn covers_repository(token: &Token, repository: Option<&RepositoryName>) -> bool {
    token.repository.is_none() || token.repository.as_ref() == repository
}

fn token_holds(
    token: &Token,
    scope: Scope,
    repository: Option<&RepositoryName>,
    package: Option<&PackageName>,
) -> bool {
    let covers_package = match (&token.pattern, package) {
        (None, _) => true,
        (Some(pattern), Some(package)) => pattern.matches(package),
        (Some(_), None) => false,
    };
    token.scope >= scope && covers_repository(token, repository) && covers_package
}

/// An operation that its caller may carry out: only [`Registry::authorize`] makes one.
#[derive(Clone)]
pub struct Authorized<T> {
    pub(crate) operation: T,
    pub(crate) caller: Caller,
    pub(crate) repository: Arc<RepositoryState>,
    pub(crate) ecosystem: Arc<dyn Ecosystem>,
    /// The host of the upstream that alone is to answer, where the client says which.
    pub(crate) wanted_host: Option<Arc<str>>,
    /// How much of it the client asks for.
    pub(crate) extent: Extent,
    /// How often settings had changed before it was authorized.
    pub(crate) settings: u64,
}

impl<T> Authorized<T> {
    /// The same for a client that says which upstream it would have asked, by its host.
    #[must_use]
    pub fn from_host(mut self, host: Option<&str>) -> Self {
        self.wanted_host = host.map(Arc::from);
        self
    }

    /// The same for a client that asks for so much of the answer. What is decided is the same.
    #[must_use]
    pub fn asking_for(mut self, extent: Extent) -> Self {
        self.extent = extent;
        self
    }

    /// The repository's name.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository.repository.name
    }

    /// The ecosystem in whose terms it was asked for.
    pub fn ecosystem(&self) -> &Arc<dyn Ecosystem> {
        &self.ecosystem
    }

    /// What was authorized.
    pub fn operation(&self) -> &T {
        &self.operation
    }

    /// Whether anybody may read the repository, so that shared caches may keep answers.
    pub fn is_public(&self) -> bool {
        self.repository.repository.visibility == Visibility::Public
    }

    /// Whether it was authorized for nothing that its caller showed.
    pub(crate) fn is_for_all(&self) -> bool {
        self.is_public() && matches!(self.caller.identity, Identity::Anonymous)
    }

    pub(crate) fn key(&self, package: &PackageName) -> PackageKey {
        PackageKey {
            repository: self.repository.repository.name.clone(),
            ecosystem: self.ecosystem.id(),
            package: package.clone(),
        }
    }
}

impl Registry {
    /// Who the bearer of this credential is. No credential is nobody; a wrong one is a problem,
    /// also where nobody would be let in, so that a stale token is noticed.
    pub fn identify(
        &self,
        credential: Option<&str>,
        client: Option<IpAddr>,
    ) -> Result<Caller, Problem> {
        let Some(credential) = credential else {
            return Ok(Caller::stranger(client));
        };
        let refused = |message| Problem::new(ProblemCode::AuthenticationRequired, message);
        if credential.starts_with(grant::PREFIX) {
            let identity = self.access_identity(credential).map_err(refused)?;
            return Ok(Caller { identity, client });
        }
        let token = find_token(&self.state(), credential).map_err(refused)?;
        let ended = check_end(&token, self.now());
        let caller = Caller { identity: Identity::Token(token), client };
        if let Err(message) = ended {
            self.record_ended_token(&caller, message);
            return Err(refused(message));
        }
        Ok(caller)
    }

    fn access_identity(&self, credential: &str) -> Result<Identity, &'static str> {
        let now = self.now();
        let claims = self.inner.access_key.read(credential, now)?;
        let token = match claims.token {
            None => None,
            Some(id) => {
                let token = self.state().token(&id).cloned().ok_or(UNKNOWN_TOKEN)?;
                check_end(&token, now)?;
                Some(token)
            }
        };
        Ok(Identity::Access { token, opens: claims.opens })
    }

    /// Somebody holds the whole of a token that opens nothing any more: it may have leaked.
    fn record_ended_token(&self, caller: &Caller, message: &str) {
        if self.inner.denials.is_news(caller, None, Scope::Read, self.now()) {
            let message = format!("{} was refused: {message}", caller.actor());
            self.record_in_background(self.event(EventKind::AccessDenied, caller, message));
        }
    }

    /// Whether what a caller proved still holds, for work that began some time ago.
    pub(crate) fn check_still_valid(&self, caller: &Caller) -> Result<(), Problem> {
        let (Identity::Token(token) | Identity::Access { token: Some(token), .. }) =
            &caller.identity
        else {
            return Ok(());
        };
        let state = self.state();
        let ended = match state.token(&token.id.0) {
            Some(token) => check_end(token, self.now()),
            None => Err(UNKNOWN_TOKEN),
        };
        ended.map_err(|message| Problem::new(ProblemCode::AuthenticationRequired, message))
    }

    /// Whoever can open the data directory's socket, or the data directory: may do everything.
    pub fn operator(&self) -> Caller {
        Caller { identity: Identity::Operator, client: None }
    }

    /// Whether the caller may know that this repository exists.
    pub fn may_read(&self, caller: &Caller, repository: &str) -> Result<(), Problem> {
        self.readable(caller, repository, None).map(drop)
    }

    /// Whether a request came from this very registry, by its `User-Agent`: then the registry has
    /// been made its own upstream.
    pub fn is_own_request(&self, user_agent: &str) -> bool {
        self.inner.remotes.is_own(user_agent)
    }

    /// Deny is the default: only what this returns can go on.
    ///
    /// A repository that the caller may not read does not exist for them, or asks an anonymous
    /// caller for a token whether it exists or not.
    pub fn authorize(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
        operation: Operation,
    ) -> Result<Authorized<Operation>, Problem> {
        let settings = self.inner.index_cache.settings();
        let repository = self.readable(caller, repository, operation.package())?;
        let ecosystem = self
            .ecosystem(ecosystem)
            .ok_or_else(|| Problem::not_found("this server has no such ecosystem"))?
            .clone();
        if !is_allowed(caller, &repository, &operation) {
            let (name, scope) = (&repository.repository.name, operation.scope());
            if caller.could_hold(scope, name, operation.package()) {
                return Err(another_access_token(scope));
            }
            return Err(self.denied(caller, name, scope));
        }
        let caller = caller.clone();
        let (wanted_host, extent) = (None, Extent::Whole);
        Ok(Authorized { operation, caller, repository, ecosystem, wanted_host, extent, settings })
    }

    /// The repository, if the caller may read it.
    pub(crate) fn readable(
        &self,
        caller: &Caller,
        repository: &str,
        package: Option<&PackageName>,
    ) -> Result<Arc<RepositoryState>, Problem> {
        let state = self.state();
        if let Some(found) = state.repository(repository) {
            let name = &found.repository.name;
            let is_public = found.repository.visibility == Visibility::Public;
            if is_public || caller.holds(Scope::Read, Some(name), package) {
                return Ok(found.clone());
            }
            if caller.could_hold(Scope::Read, name, package) {
                return Err(another_access_token(Scope::Read));
            }
            // A token for some names may know the repository; each operation is checked again.
            if package.is_none() && caller.reaches(name) {
                return Ok(found.clone());
            }
            if !caller.is_anonymous() {
                self.record_denial(caller, name, Scope::Read);
            }
        }
        if caller.is_anonymous() {
            let message =
                "no public repository of this name; a token is needed to see private ones";
            return Err(Problem::new(ProblemCode::AuthenticationRequired, message));
        }
        Err(Problem::not_found("no repository of this name that this token can read"))
    }

    pub(crate) fn denied(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        scope: Scope,
    ) -> Problem {
        if caller.is_anonymous() {
            return authentication_required();
        }
        self.record_denial(caller, repository, scope);
        caller.permission_denied(scope, Some(repository))
    }

    fn record_denial(&self, caller: &Caller, repository: &RepositoryName, scope: Scope) {
        if !self.inner.denials.is_news(caller, Some(repository), scope, self.now()) {
            return;
        }
        let message =
            format!("{} was refused scope {} on {repository}", caller.actor(), scope.as_str());
        let mut event = self.event(EventKind::AccessDenied, caller, message);
        event.repository = Some(repository.clone());
        event.detail.set_text("scope", scope.as_str());
        self.record_in_background(event);
    }
}

/// How long the same denial is not told again: a client that retries must not fill the record.
const DENIAL_INTERVAL: Duration = Duration::from_mins(1);
/// Denials told of lately.
pub(crate) struct Denials(Lately<Denial>);

impl Default for Denials {
    fn default() -> Self {
        Self(Lately::within(DENIAL_INTERVAL))
    }
}

/// Who was refused what, where.
#[derive(PartialEq, Eq, Hash)]
struct Denial {
    actor: String,
    repository: Option<RepositoryName>,
    scope: Scope,
}

impl Denials {
    fn is_news(
        &self,
        caller: &Caller,
        repository: Option<&RepositoryName>,
        scope: Scope,
        now: Timestamp,
    ) -> bool {
        let denial =
            Denial { actor: caller.actor().to_string(), repository: repository.cloned(), scope };
        self.0.is_news(denial, now)
    }
}

impl Caller {
    /// Whether a token is for this repository at all, whatever names it is limited to.
    pub(crate) fn reaches(&self, repository: &RepositoryName) -> bool {
        match &self.identity {
            Identity::Token(token) => covers_repository(token, Some(repository)),
            Identity::Operator | Identity::System => true,
            Identity::Anonymous | Identity::Access { .. } => false,
        }
    }

    /// What a token is told that does not allow something; of one that does for other packages, for
    /// which.
    fn permission_denied(&self, scope: Scope, repository: Option<&RepositoryName>) -> Problem {
        let limited = match &self.identity {
            Identity::Token(token) if token.scope >= scope => {
                token.pattern.as_ref().filter(|_| covers_repository(token, repository))
            }
            _ => None,
        };
        let scope = scope.as_str();
        let message = match limited {
            Some(pattern) => format!("this token gives scope {scope} for {pattern} only"),
            None => format!("this token does not give scope {scope} here"),
        };
        Problem::new(ProblemCode::PermissionDenied, message)
    }
}

fn is_allowed(caller: &Caller, repository: &RepositoryState, operation: &Operation) -> bool {
    let name = &repository.repository.name;
    match operation {
        Operation::Publish { package: None, .. } => caller.may_begin_publishing(name),
        _ if operation.scope() > Scope::Read => {
            caller.holds(operation.scope(), Some(name), operation.package())
        }
        Operation::Redirect { .. } => true,
        _ => {
            repository.repository.visibility == Visibility::Public
                || caller.holds(Scope::Read, Some(name), operation.package())
        }
    }
}

fn authentication_required() -> Problem {
    Problem::new(ProblemCode::AuthenticationRequired, "this needs a token")
}

fn another_access_token(scope: Scope) -> Problem {
    let message =
        format!("this access token does not open scope {}; ask for one that does", scope.as_str());
    Problem::new(ProblemCode::AuthenticationRequired, message)
}

/// The hash that a token is kept as. Its secret has 256 bits of entropy, so that a fast hash is safe.
pub(crate) fn token_hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

const UNKNOWN_TOKEN: &str = "this token is not known here; check that it was copied whole";

/// The token of which this is the whole text, whether it is still valid or not.
fn find_token(state: &State, credential: &str) -> Result<Arc<Token>, &'static str> {
    let id = credential
        .strip_prefix(TOKEN_PREFIX)
        .and_then(|rest| rest.split_once('_'))
        .map(|(id, _)| id)
        .ok_or("this is not one of this server's tokens, which begin with pvd_")?;
    let token = state.token(id).ok_or(UNKNOWN_TOKEN)?;
    let hashes_agree: bool =
        token_hash(credential).as_bytes().ct_eq(token.secret_hash.as_bytes()).into();
    if !hashes_agree {
        return Err(UNKNOWN_TOKEN);
    }
    Ok(token.clone())
}

pub(crate) fn check_end(token: &Token, now: Timestamp) -> Result<(), &'static str> {
    if token.revoked_at.is_some() {
        return Err("this token has been revoked");
    }
    if token.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err("this token has expired");
    }
    Ok(())
}
