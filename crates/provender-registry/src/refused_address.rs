//! Addresses that upstreams led to and this server did not go to: each is told by itself, so that
//! none is lost among an upstream's other failures.

use provender_domain::{EventKind, FileName, PackageName, Problem, Upstream};
use provender_upstream::FetchError;

use crate::Registry;
use crate::fetch_problem::fetch_problem;
use crate::remote::UpstreamKey;

/// What is told once an hour: the upstream, what was asked for, and where it led.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RefusedAddress {
    upstream: UpstreamKey,
    package: Option<PackageName>,
    target: String,
}

impl Registry {
    /// What a client is told of a failure to fetch. Where it is that the upstream led to an address
    /// that we do not go to, when it was asked about a package or for one of its files, that is told
    /// of by itself.
    pub(crate) fn failed_to_fetch(
        &self,
        upstream: &Upstream,
        package: Option<&PackageName>,
        file: Option<&FileName>,
        error: &FetchError,
    ) -> Problem {
        self.tell_of_refused_address(upstream, package, file, error);
        fetch_problem(upstream, error)
    }

    /// Nothing, where `error` is another failure, or where that was told lately.
    fn tell_of_refused_address(
        &self,
        upstream: &Upstream,
        package: Option<&PackageName>,
        file: Option<&FileName>,
        error: &FetchError,
    ) {
        let Some(target) = error.refused_target() else { return };
        let refused = RefusedAddress {
            upstream: UpstreamKey::of(upstream),
            package: package.cloned(),
            target: target.clone(),
        };
        if !self.inner.remotes.refused_addresses.is_news(refused, self.now()) {
            return;
        }
        let asked = match (package, file) {
            (_, Some(file)) => format!("file {file}"),
            (Some(package), None) => format!("what it has of {package}"),
            (None, None) => "its list of packages".to_owned(),
        };
        let cause = Problem::internal(error).internal.unwrap_or_default();
        let message = format!(
            "upstream {} led to {target} for {asked}, which was not followed: {cause}",
            upstream.name
        );
        let mut event = self.upstream_event(EventKind::AddressRefused, upstream, message);
        event.package = package.cloned();
        event.file = file.cloned();
        event.detail.set_text("target", target);
        self.record_in_background(event);
    }
}
