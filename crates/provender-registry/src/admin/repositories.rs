//! Repositories.

use std::sync::Arc;

use provender_domain::{
    EventKind, Problem, ProblemCode, Repository, RepositoryName, RepositoryPolicy, Scope,
    Visibility,
};
use provender_store::Write;

use crate::state::{RepositoryState, State};
use crate::{Caller, Registry};

impl Registry {
    /// The repositories that the caller may read, by name.
    pub fn repositories(&self, caller: &Caller) -> Vec<Repository> {
        let state = self.state();
        state
            .repositories()
            .map(|found| &found.repository)
            .filter(|repository| {
                repository.visibility == Visibility::Public
                    || caller.holds(Scope::Read, Some(&repository.name), None)
                    || caller.reaches(&repository.name)
            })
            .cloned()
            .collect()
    }

    /// Makes a repository.
    pub async fn create_repository(
        &self,
        caller: &Caller,
        name: &str,
        visibility: Visibility,
    ) -> Result<Repository, Problem> {
        caller.require(Scope::Admin, None)?;
        let name = RepositoryName::new(name).map_err(|error| invalid(&error))?;
        let policy = RepositoryPolicy::default();
        let repository =
            Repository { name: name.clone(), visibility, created_at: self.now(), policy };
        let message = format!("{} repository {name} was made", visibility.as_str());
        let mut event = self.event(EventKind::RepositoryCreated, caller, message);
        event.repository = Some(name);
        self.write_settings(vec![Write::CreateRepository(repository.clone())], vec![event]).await?;
        Ok(repository)
    }

    /// Changes who may read a repository.
    pub async fn set_visibility(
        &self,
        caller: &Caller,
        name: &str,
        visibility: Visibility,
    ) -> Result<Repository, Problem> {
        let found = self.administered(caller, name)?;
        let repository = Repository { visibility, ..found.repository.clone() };
        let name = repository.name.clone();
        let message = format!("repository {name} is {} now", visibility.as_str());
        let mut event = self.event(EventKind::RepositoryChanged, caller, message);
        event.repository = Some(name.clone());
        let write = Write::SetVisibility { repository: name.clone(), visibility };
        let check = move |state: &State| check_exposure(state, &name, visibility);
        self.write_settings_if(check, vec![write], vec![event]).await?;
        Ok(repository)
    }

    /// A repository that the caller administers.
    pub(crate) fn administered(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Arc<RepositoryState>, Problem> {
        let repository = self.readable(caller, name, None)?;
        caller.require(Scope::Admin, Some(&repository.repository.name))?;
        Ok(repository)
    }
}

/// No private repository stands behind a public one: whoever reads the public one would read both.
fn check_exposure(
    state: &State,
    name: &RepositoryName,
    visibility: Visibility,
) -> Result<(), Problem> {
    let refuse = |message: String| Err(Problem::new(ProblemCode::PolicyDenied, message));
    let mut behind = state.repository(name.as_str()).into_iter().flat_map(|found| found.behind());
    let is_now = |name: &RepositoryName, visibility| {
        let found = state.repository(name.as_str());
        found.is_some_and(|found| found.repository.visibility == visibility)
    };
    match visibility {
        Visibility::Public => match behind.find(|behind| is_now(behind, Visibility::Private)) {
            Some(behind) => refuse(format!(
                "{name} has the private repository {behind} as an upstream, which would show through; remove it first"
            )),
            None => Ok(()),
        },
        Visibility::Private => {
            let mut fronts = state.repositories().filter(|front| {
                let is_public = front.repository.visibility == Visibility::Public;
                is_public && front.behind().any(|behind| behind == name)
            });
            match fronts.next() {
                Some(front) => refuse(format!(
                    "the public repository {} has {name} as an upstream and would go on showing it; remove it there first",
                    front.repository.name
                )),
                None => Ok(()),
            }
        }
    }
}

/// A value that its own type refused, told to who sent it.
pub(crate) fn invalid(error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, error.to_string())
}
