//! Proxies that the operator's environment names.

use reqwest::{NoProxy, Proxy};
use url::Url;

/// What never goes through a proxy, whatever the environment says.
const ALWAYS_DIRECT: &str = "localhost,127.0.0.0/8,::1";

/// Whether the environment's proxies are used.
///
/// Behind a proxy it is the proxy that resolves names, so private addresses behind names can no
/// longer be seen from here: a proxy is a statement of the operator that it guards the way out.
/// Addresses written in URLs are refused as ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proxies {
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (in capitals or not) are honoured,
    /// as curl does. Only http and https proxies are spoken. This host is always reached directly.
    #[default]
    FromEnvironment,
    /// The environment is not looked at.
    None,
}

/// The proxies of the environment, with the names that they have.
#[derive(Default)]
pub(crate) struct Chosen {
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) hosts: Vec<String>,
}

impl Proxies {
    /// # Errors
    /// Where a proxy's address is not a URL.
    pub(crate) fn choose(self) -> Result<Chosen, reqwest::Error> {
        match self {
            Self::FromEnvironment => choose(|name| std::env::var(name).ok()),
            Self::None => Ok(Chosen::default()),
        }
    }
}

fn choose(variable: impl Fn(&str) -> Option<String>) -> Result<Chosen, reqwest::Error> {
    let lookup = |name: &str| {
        let found = variable(&name.to_ascii_lowercase()).or_else(|| variable(name));
        found.filter(|value| !value.is_empty())
    };
    let direct = lookup("NO_PROXY")
        .map_or(ALWAYS_DIRECT.to_owned(), |listed| format!("{ALWAYS_DIRECT},{listed}"));
    let direct = NoProxy::from_string(&direct);
    let mut chosen = Chosen::default();
    let mut add = |address: &str, proxy: Result<Proxy, reqwest::Error>| {
        chosen.hosts.extend(host(address));
        chosen.proxies.push(proxy?.no_proxy(direct.clone()));
        Ok(())
    };
    if let Some(address) = lookup("HTTPS_PROXY") {
        add(&address, Proxy::https(&address))?;
    }
    if let Some(address) = lookup("HTTP_PROXY") {
        add(&address, Proxy::http(&address))?;
    }
    if let Some(address) = lookup("ALL_PROXY") {
        add(&address, Proxy::all(&address))?;
    }
    Ok(chosen)
}

fn host(address: &str) -> Option<String> {
    let with_scheme =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    Some(Url::parse(&with_scheme).ok()?.host_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments() {
        let check = |set: &[(&str, &str)], proxies: usize, hosts: &[&str]| {
            let chosen = choose(|name| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            });
            let chosen = chosen.expect("usable proxies");
            assert_eq!(
                (chosen.proxies.len(), chosen.hosts),
                (proxies, Vec::from(hosts).iter().map(ToString::to_string).collect())
            );
        };
        check(&[], 0, &[]);
        check(&[("HTTPS_PROXY", "")], 0, &[]);
        check(&[("HTTPS_PROXY", "http://proxy.example:3128")], 1, &["proxy.example"]);
        check(&[("https_proxy", "proxy.example:3128")], 1, &["proxy.example"]);
        check(
            &[("http_proxy", "http://a.example"), ("ALL_PROXY", "http://u:p@b.example")],
            2,
            &["a.example", "b.example"],
        );
    }
}
