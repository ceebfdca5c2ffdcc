//! Whose request it is where a proxy passes it on: the proxies that are believed, and what they say.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;

/// In it each proxy writes whom it had the request from, behind what was there before.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// In it a proxy writes how its client came. It is believed for no answer, but tells of a mistake.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Whether a proxy says that a client came by `https://` who is sent to this origin in answers, which
/// is none.
pub(crate) fn is_misled(origin: &str, headers: &HeaderMap) -> bool {
    let is_https = |scheme: &str| scheme.trim().eq_ignore_ascii_case("https");
    let came_by = || headers.get(FORWARDED_PROTO)?.to_str().ok();
    !origin.starts_with("https:") && came_by().is_some_and(is_https)
}

/// A proxy in front, or a network of them, that is believed about who its clients are: whatever comes
/// from there has passed through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy {
    network: IpAddr,
    bits: u8,
}

impl FromStr for TrustedProxy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "an address, or a network such as 192.0.2.0/24, is wanted";
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().map_err(|_| WANTED)?;
        let all = width(network);
        let bits = bits.map_or(Ok(all), str::parse).map_err(|_| WANTED)?;
        if bits > all {
            return Err(WANTED);
        }
        // All of it would let everybody say who they are.
        if bits == 0 {
            return Err("a network of everybody is no network of proxies");
        }
        Ok(Self { network, bits })
    }
}

impl TrustedProxy {
    fn is(self, address: IpAddr) -> bool {
        width(address) == width(self.network)
            && leading(address, self.bits) == leading(self.network, self.bits)
    }
}

/// Whose request this is that came from `peer`: what the proxies that are believed say of it, from
/// the nearest on, up to the first address that is none of theirs. What stands before that, the
/// client may have written.
pub(crate) fn client(proxies: &[TrustedProxy], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|proxy| proxy.is(address));
    let mut client = peer;
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    let said = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    for said in said {
        if !is_proxy(client) {
            break;
        }
        let Some(address) = std::str::from_utf8(said).ok().and_then(address) else { break };
        client = address;
    }
    client
}

/// An address as proxies write it: some add a port, and then brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<std::net::SocketAddr>().map(|address| address.ip()))
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse());
    address.ok().map(|address| address.to_canonical())
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// So many bits of it, as a number.
fn leading(address: IpAddr, bits: u8) -> u128 {
    let number = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    number.checked_shr(u32::from(width(address) - bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{TrustedProxy, client, is_misled};

    #[test]
    fn proxies() {
        let check = |proxy: &str, address: &str, expected: bool| {
            let proxy: TrustedProxy = proxy.parse().unwrap();
            assert_eq!(proxy.is(address.parse().unwrap()), expected, "{proxy:?} {address}");
        };
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("192.0.2.0/24", "192.0.2.255", true);
        check("192.0.2.9/24", "192.0.2.255", true);
        check("192.0.2.0/24", "192.0.3.0", false);
        check("192.0.2.0/1", "10.0.0.1", false);
        check("::1", "::1", true);
        check("2001:db8::/32", "2001:db8:1::7", true);
        check("2001:db8::/32", "2001:db9::7", false);
        check("::/1", "0.0.0.1", false);
        for wrong in ["", "proxy.example", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "::1/129"]
        {
            let refused = wrong.parse::<TrustedProxy>().unwrap_err();
            assert!(refused.contains("is wanted"), "{wrong}: {refused}");
        }
        assert!("0.0.0.0/0".parse::<TrustedProxy>().unwrap_err().contains("everybody"));
    }

    #[test]
    fn who_is_misled() {
        let check = |origin: &str, scheme: Option<&str>, expected: bool| {
            let mut headers = HeaderMap::new();
            if let Some(scheme) = scheme {
                headers.insert("x-forwarded-proto", HeaderValue::from_str(scheme).unwrap());
            }
            assert_eq!(is_misled(origin, &headers), expected, "{origin} {scheme:?}");
        };
        check("http://localhost:8080", None, false);
        check("http://localhost:8080", Some("http"), false);
        check("http://localhost:8080", Some("https"), true);
        check("http://localhost:8080", Some(" HTTPS "), true);
        check("https://packages.example", Some("https"), false);
        check("https://packages.example", Some("http"), false);
    }

    #[test]
    fn clients() {
        let check = |peer: &str, fields: &[&str], expected: &str| {
            let proxies = ["127.0.0.1", "192.0.2.0/24", "2001:db8::1"].map(|p| p.parse().unwrap());
            let mut headers = HeaderMap::new();
            for value in fields {
                headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
            }
            let found = client(&proxies, peer.parse().unwrap(), &headers);
            assert_eq!(found.to_string(), expected, "{peer} {fields:?}");
        };
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &["198.51.100.7"], "198.51.100.7");
        check("2001:db8::1", &["2001:db8::7"], "2001:db8::7");
        // Who is no proxy says nothing.
        check("198.51.100.7", &["203.0.113.9"], "198.51.100.7");
        check("2001:db8::2", &["203.0.113.9"], "2001:db8::2");
        // A client writes what it likes, in front of what the proxy adds.
        check("127.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7");
        check("127.0.0.1", &["127.0.0.1,198.51.100.7"], "198.51.100.7");
        check("127.0.0.1", &["203.0.113.9", "198.51.100.7"], "198.51.100.7");
        // Proxies behind each other.
        check("127.0.0.1", &["198.51.100.7, 192.0.2.9"], "198.51.100.7");
        check("127.0.0.1", &["203.0.113.9, 198.51.100.7", "192.0.2.9"], "198.51.100.7");
        check("127.0.0.1", &["192.0.2.8, 192.0.2.9"], "192.0.2.8");
        // As some write it.
        check("127.0.0.1", &["198.51.100.7:4711"], "198.51.100.7");
        check("127.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7");
        check("127.0.0.1", &["[2001:db8::7]"], "2001:db8::7");
        check("127.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7");
        // What is no address is nobody: it stays with whom it came from.
        check("127.0.0.1", &["unknown"], "127.0.0.1");
        check("127.0.0.1", &[""], "127.0.0.1");
        check("127.0.0.1", &["198.51.100.7, unknown, 192.0.2.9"], "192.0.2.9");
    }
}
