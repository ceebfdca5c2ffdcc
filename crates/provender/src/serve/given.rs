//! Upstreams named on the command line of `serve`.

use std::str::FromStr;

use anyhow::Result;
use provender_registry::FIRST_REPOSITORY;
use provender_server::api::types::{NewUpstream, NoParameters, Upstream};
use url::Url;

use crate::api::Api;
use crate::discovery::{
    Finding, Outcome, is_at, is_same, is_web, upstreams_of, without_credentials,
};
use crate::ecosystems;

/// `ECOSYSTEM=URL`. All that can be wrong with one is found while the command line is read, before
/// anything is opened or made.
#[derive(Debug, Clone)]
pub(crate) struct GivenUpstream {
    pub(super) ecosystem: String,
    url: Url,
}

impl FromStr for GivenUpstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ecosystem, url) = text.split_once('=').ok_or("it is written ECOSYSTEM=URL")?;
        let url = Url::parse(url).map_err(|error| format!("{url:?} is no URL: {error}"))?;
        if !is_web(&url) {
            return Err("the URL begins with http:// or https:// and names a host".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("the URL has no query and no fragment".to_owned());
        }
        let ecosystems = ecosystems::all();
        let known: Vec<_> = ecosystems.iter().map(|ecosystem| ecosystem.id().as_str()).collect();
        if !known.contains(&ecosystem) {
            let known = known.join(", ");
            return Err(format!("there is no ecosystem {ecosystem:?}; there are {known}"));
        }
        Ok(Self { ecosystem: ecosystem.to_owned(), url })
    }
}

impl GivenUpstream {
    fn is_same_as(&self, other: &Self) -> bool {
        self.ecosystem == other.ecosystem && is_same(&self.url, &other.url)
    }
}

/// Makes them upstreams of the first repository, in front of those that are there. One at the same
/// URL stays as it is; one at the same host is replaced under its name, so that packages bound to
/// it stay so.
pub(super) async fn adopt(given: &[GivenUpstream], api: &Api) -> Result<Vec<Finding>> {
    let existing = upstreams_of(FIRST_REPOSITORY, api).await?;
    let first = existing.iter().map(|upstream| upstream.position).min().unwrap_or(0);
    let mut position = first - i64::try_from(given.len())?;
    let mut findings = Vec::new();
    for (count, upstream) in given.iter().enumerate() {
        position += 1;
        let outcome = match given[..count].iter().any(|earlier| earlier.is_same_as(upstream)) {
            true => Outcome::Known,
            false => place(upstream, position - 1, &existing, api).await?,
        };
        findings.push(Finding {
            ecosystem: upstream.ecosystem.clone(),
            client: "--upstream",
            url: without_credentials(&upstream.url).to_string(),
            outcome,
        });
    }
    Ok(findings)
}

/// The upstreams of the first repository that are not among these.
pub(super) async fn others(given: &[GivenUpstream], api: &Api) -> Result<Vec<Upstream>> {
    let mut existing = upstreams_of(FIRST_REPOSITORY, api).await?;
    existing.retain(|upstream| {
        !given.iter().any(|given| is_at(upstream, &given.ecosystem, &given.url))
    });
    Ok(existing)
}

async fn place(
    given: &GivenUpstream,
    position: i64,
    existing: &[Upstream],
    api: &Api,
) -> Result<Outcome> {
    let path = ["repositories", FIRST_REPOSITORY, "upstreams"];
    let has_credentials = !given.url.username().is_empty() || given.url.password().is_some();
    let same_url = existing.iter().find(|upstream| is_at(upstream, &given.ecosystem, &given.url));
    if same_url.is_some() && !has_credentials {
        return Ok(Outcome::Known);
    }
    let same_host = same_url.or_else(|| {
        existing.iter().find(|upstream| {
            let url = upstream.url.as_deref().and_then(|url| Url::parse(url).ok());
            upstream.ecosystem == given.ecosystem
                && url.is_some_and(|url| url.host() == given.url.host())
        })
    });
    if let Some(old) = same_host {
        let path = ["repositories", FIRST_REPOSITORY, "upstreams", &old.ecosystem, &old.name];
        api.delete(&path, &NoParameters::default()).await?;
    }
    let new = NewUpstream {
        ecosystem: given.ecosystem.clone(),
        name: same_host.map(|old| old.name.clone()),
        url: Some(given.url.to_string()),
        position: Some(same_host.map_or(position, |old| old.position)),
        watch_names: same_host.is_some_and(|old| old.watch_names),
        allow_private_addresses: same_host.is_some_and(|old| old.allow_private_addresses),
        token_realm: same_host.and_then(|old| old.token_realm.clone()),
        ..NewUpstream::default()
    };
    let added: Upstream = api.post(&path, &new).await?;
    Ok(Outcome::Adopted { upstream: added.name })
}

#[cfg(test)]
mod tests {
    use super::GivenUpstream;

    #[test]
    fn upstreams() {
        let check = |text: &str, expected: Result<(&str, &str), &str>| {
            let given = text.parse::<GivenUpstream>();
            match expected {
                Ok((ecosystem, url)) => {
                    let given = given.unwrap();
                    assert_eq!((given.ecosystem.as_str(), given.url.as_str()), (ecosystem, url));
                }
                Err(part) => {
                    let error = given.unwrap_err();
                    assert!(error.contains(part), "{error}");
                }
            }
        };
        check("pypi=http://127.0.0.1:1/simple", Ok(("pypi", "http://127.0.0.1:1/simple")));
        check("pypi=https://upstream.example/?a=b", Err("no query"));
        check("pypi=https://upstream.example/#a", Err("no fragment"));
        check("nonesuch=http://upstream.example", Err("no ecosystem \"nonesuch\"; there are pypi"));
        check("https://upstream.example/", Err("ECOSYSTEM=URL"));
        check("pypi=upstream.example", Err("is no URL"));
        check("pypi=file:///x", Err("http://"));
    }
}
