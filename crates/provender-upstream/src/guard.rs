//! Which addresses may be connected to.
//!
//! An upstream must not use us to reach what only we can reach: services on this host, on this
//! network, or a cloud's metadata. Names are resolved here, and the addresses that were checked
//! are the ones that are connected to, so that a name cannot change its address in between.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::FetchError;

/// Why an address is not on the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// This host (RFC 1122, RFC 4291).
    Loopback,
    /// No address at all, or "this network" (RFC 791, RFC 4291).
    Unspecified,
    /// A private network (RFC 1918, RFC 4193, RFC 3879).
    Private,
    /// This link only, where clouds keep their metadata (RFC 3927, RFC 4291).
    LinkLocal,
    /// A carrier's network (RFC 6598).
    CarrierGrade,
    /// Many hosts at once (RFC 5771, RFC 4291).
    Multicast,
    /// Kept back for other uses (RFC 1112, RFC 2544, RFC 6666, RFC 6890, RFC 8215), broadcast
    /// and Teredo (RFC 4380) included.
    Reserved,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "a loopback address",
            Self::Unspecified => "an unspecified address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::CarrierGrade => "a carrier-grade NAT address",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
        })
    }
}

/// Refuses a URL whose host is written as an address that is not public.
///
/// URLs are parsed so that every spelling of an IPv4 address (hexadecimal, octal, short, one
/// number) is an address here.
pub(crate) fn check_literal(url: &Url) -> Result<(), FetchError> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    let Some(kind) = kind(address) else { return Ok(()) };
    let host = url.host_str().unwrap_or_default().to_owned();
    Err(FetchError::PrivateAddress { host, address, kind })
}

/// Resolves names by the system, and refuses those with any address that is not public.
pub(crate) struct PublicOnly {
    /// Names that may have any address: the operator's proxies.
    pub(crate) exempt: Vec<String>,
}

/// A name was refused for an address that it has.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
    pub(crate) kind: AddressKind,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has {}, {}", self.host, self.address, self.kind)
    }
}

impl std::error::Error for Refusal {}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let exempt = self.exempt.iter().any(|exempt| exempt.eq_ignore_ascii_case(&host));
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if !exempt {
                check_all(&host, &found)?;
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

fn check_all(host: &str, found: &[SocketAddr]) -> Result<(), Refusal> {
    for address in found.iter().map(SocketAddr::ip) {
        if let Some(kind) = kind(address) {
            return Err(Refusal { host: host.to_owned(), address, kind });
        }
    }
    Ok(())
}

/// Why `address` is not public; `None` where it is. Documentation addresses (RFC 5737, RFC 3849)
/// lead nowhere and count as public.
fn kind(address: IpAddr) -> Option<AddressKind> {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

fn kind_v4(address: Ipv4Addr) -> Option<AddressKind> {
    Some(match address.octets() {
        [0, ..] => AddressKind::Unspecified,
        [127, ..] => AddressKind::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressKind::Private,
        [100, 64..=127, ..] => AddressKind::CarrierGrade,
        [169, 254, ..] => AddressKind::LinkLocal,
        [192, 0, 0, _] | [198, 18..=19, ..] | [240..=255, ..] => AddressKind::Reserved,
        [224..=239, ..] => AddressKind::Multicast,
        _ => return None,
    })
}

fn kind_v6(address: Ipv6Addr) -> Option<AddressKind> {
    if address.is_unspecified() {
        return Some(AddressKind::Unspecified);
    }
    if address.is_loopback() {
        return Some(AddressKind::Loopback);
    }
    if let Some(embedded) = embedded(address) {
        return kind_v4(embedded);
    }
    Some(match address.segments() {
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => AddressKind::Private,
        [0xfe80..=0xfebf, ..] => AddressKind::LinkLocal,
        [0xff00..=0xffff, ..] => AddressKind::Multicast,
        // Discard-only, local NAT64, Teredo.
        [0x0100, 0, 0, 0, ..] | [0x0064, 0xff9b, 1, ..] | [0x2001, 0, ..] => AddressKind::Reserved,
        _ => return None,
    })
}

/// The IPv4 address that an IPv6 address stands for.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        // Mapped (RFC 4291), compatible (the same, deprecated), translated (RFC 2765), NAT64
        // (RFC 6052), 6to4 (RFC 3056), ISATAP (RFC 5214).
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x0200, 0x5efe, high, low] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
