//! What a repository asks of what it holds, and the tags that it holds.

use provender_domain::{
    EventKind, Problem, ProblemCode, Repository, RepositoryName, RepositoryPolicy, RetentionRule,
    Tag,
};
use provender_store::{PackageKey, TagChange, TagRow, Write};
use sha2::{Digest as _, Sha256};

use super::repositories::invalid;
use crate::error::store_problem;
use crate::signature::verifier_by;
use crate::state::State;
use crate::{Caller, Registry};

/// Most rules of one kind in one repository.
const RULES_LIMIT: usize = 100;
/// Most entries of a history that are read at once.
const HISTORY_LIMIT: u32 = 1_000;
/// Most tags that are read at once.
const TAGS_LIMIT: u32 = 10_000;

impl Registry {
    /// Replaces what a repository asks of what it holds, whatever that was.
    pub async fn set_policy(
        &self,
        caller: &Caller,
        repository: &str,
        policy: RepositoryPolicy,
    ) -> Result<Repository, Problem> {
        self.replace_policy(caller, repository, policy, None).await
    }

    /// Replaces what a repository asks of what it holds, if that is still what it was when it was
    /// read: of two who change it at once, one is told. `read` is its [`policy_revision`] then.
    pub async fn replace_policy(
        &self,
        caller: &Caller,
        repository: &str,
        policy: RepositoryPolicy,
        read: Option<&str>,
    ) -> Result<Repository, Problem> {
        let found = self.administered(caller, repository)?;
        self.check_policy(&policy)?;
        let repository = Repository { policy: policy.clone(), ..found.repository.clone() };
        let name = repository.name.clone();
        let message = format!("repository {name} asks for something else now");
        let mut event = self.event(EventKind::RepositoryChanged, caller, message);
        event.repository = Some(name.clone());
        let detail = serde_json::to_value(&policy).map_err(|error| Problem::internal(&error))?;
        event.detail.0.insert("policy".to_owned(), detail);
        let read = read.map(|revision| (name.clone(), revision.to_owned()));
        let check = move |state: &State| match read {
            Some((name, revision)) => check_unchanged(state, &name, &revision),
            None => Ok(()),
        };
        let write = Write::SetPolicy { repository: name, policy };
        self.write_settings_if(check, vec![write], vec![event]).await?;
        Ok(repository)
    }

    fn check_policy(&self, policy: &RepositoryPolicy) -> Result<(), Problem> {
        let refuse = |message: String| Err(Problem::new(ProblemCode::InvalidRequest, message));
        if policy.signatures.len().max(policy.retention.len()) > RULES_LIMIT {
            return refuse(format!("a repository has at most {RULES_LIMIT} rules of one kind"));
        }
        let ecosystems = policy.signatures.iter().map(|rule| &rule.ecosystem);
        for id in ecosystems.chain(policy.retention.iter().map(|rule| &rule.ecosystem)) {
            if self.ecosystem(id).is_none() {
                return refuse(format!("this server knows no ecosystem {id:?}"));
            }
        }
        let is_tagless = |rule: &&RetentionRule| {
            !self.ecosystem(&rule.ecosystem).is_some_and(|ecosystem| ecosystem.has_tags())
        };
        if let Some(rule) = policy.retention.iter().find(is_tagless) {
            let ecosystem = &rule.ecosystem;
            return refuse(format!(
                "there are no tags in {ecosystem}, by which a rule says what is kept"
            ));
        }
        for trust in policy.signatures.iter().filter_map(|rule| rule.trust.as_deref()) {
            verifier_by(trust)?;
        }
        match policy.retention.iter().find_map(contradiction) {
            Some(message) => refuse(message.to_owned()),
            None => Ok(()),
        }
    }

    /// The tags of a package that are kept here, sorted by [`provender_domain::Tag::compare`].
    pub async fn tags(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
        package: &str,
        after: Option<&str>,
    ) -> Result<Vec<TagRow>, Problem> {
        let key = self.readable_package(caller, repository, ecosystem, package)?;
        let tags = self.inner.metadata.tags(&key, after, TAGS_LIMIT).await;
        tags.map_err(|error| store_problem(&error))
    }

    /// What became of a package's tags, or of one of them; the newest first.
    pub async fn tag_history(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
        package: &str,
        tag: Option<&str>,
    ) -> Result<Vec<TagChange>, Problem> {
        let key = self.readable_package(caller, repository, ecosystem, package)?;
        let tag = match tag {
            Some(tag) => Some(self.tag_of(&key, tag)?),
            None => None,
        };
        let history = self.inner.metadata.tag_history(&key, tag.as_ref(), HISTORY_LIMIT).await;
        let mut history = history.map_err(|error| store_problem(&error))?;
        if caller.is_anonymous() {
            // Who publishes is for those who are known here.
            for change in &mut history {
                change.actor.clear();
            }
        }
        Ok(history)
    }

    fn tag_of(&self, key: &PackageKey, tag: &str) -> Result<Tag, Problem> {
        let ecosystem = self.known_ecosystem(key.ecosystem.as_str())?;
        ecosystem.tag(tag).map_err(|error| invalid(&error))
    }

    fn readable_package(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
        package: &str,
    ) -> Result<PackageKey, Problem> {
        let ecosystem = self.known_ecosystem(ecosystem)?;
        let package = ecosystem.package_name(package).map_err(|error| invalid(&error))?;
        let repository = self.readable(caller, repository, Some(&package))?;
        self.check_readable(caller, &repository.repository, Some(&package))?;
        Ok(PackageKey {
            repository: repository.repository.name.clone(),
            ecosystem: ecosystem.id(),
            package,
        })
    }
}

/// The same for the same policy, and another for every other.
pub fn policy_revision(policy: &RepositoryPolicy) -> String {
    let text = serde_json::to_vec(policy).expect("a policy is plain data");
    hex::encode(&Sha256::digest(text)[..REVISION_BYTES])
}

/// Enough that no two are the same by chance: who sets policies is trusted.
const REVISION_BYTES: usize = 16;

fn check_unchanged(state: &State, name: &RepositoryName, revision: &str) -> Result<(), Problem> {
    let found = state.repository(name.as_str());
    if found.is_some_and(|found| policy_revision(&found.repository.policy) == revision) {
        return Ok(());
    }
    let message = format!("what {name} asks for was changed meanwhile; read it again");
    Err(Problem::new(ProblemCode::Conflict, message))
}

/// What makes a rule keep nothing, or say nothing.
fn contradiction(rule: &RetentionRule) -> Option<&'static str> {
    match (&rule.tags, rule.keep_last, rule.keep_days) {
        (_, None, None) => Some("a retention rule says how many are kept, or for how many days"),
        (None, Some(_), _) => {
            Some("files without tags are kept by their age alone: say for how many days")
        }
        _ => None,
    }
}
