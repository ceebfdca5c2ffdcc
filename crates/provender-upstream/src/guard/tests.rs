use super::*;

#[test]
fn addresses() {
    use AddressKind::{
        CarrierGrade, LinkLocal, Loopback, Multicast, Private, Reserved, Unspecified,
    };
    let check = |address: &str, expected: Option<AddressKind>| {
        assert_eq!(kind(address.parse().expect(address)), expected, "{address}");
    };
    check("127.0.0.1", Some(Loopback));
    check("127.255.255.254", Some(Loopback));
    check("::1", Some(Loopback));
    check("0.0.0.0", Some(Unspecified));
    check("0.1.2.3", Some(Unspecified));
    check("::", Some(Unspecified));
    check("10.0.0.1", Some(Private));
    check("172.15.255.255", None);
    check("172.16.0.1", Some(Private));
    check("172.31.255.255", Some(Private));
    check("172.32.0.1", None);
    check("192.168.0.1", Some(Private));
    check("fc00::1", Some(Private));
    check("fdff::1", Some(Private));
    check("fec0::1", Some(Private));
    check("100.63.255.255", None);
    check("100.64.0.1", Some(CarrierGrade));
    check("100.127.255.255", Some(CarrierGrade));
    check("100.128.0.1", None);
    check("169.254.169.254", Some(LinkLocal));
    check("fe80::1", Some(LinkLocal));
    check("febf::1", Some(LinkLocal));
    check("224.0.0.1", Some(Multicast));
    check("ff02::1", Some(Multicast));
    check("192.0.0.1", Some(Reserved));
    check("198.18.0.1", Some(Reserved));
    check("240.0.0.1", Some(Reserved));
    check("255.255.255.255", Some(Reserved));
    check("100::1", Some(Reserved));
    check("64:ff9b:1::1", Some(Reserved));
    check("2001::1", Some(Reserved));
}

#[test]
fn addresses_inside_addresses() {
    let check = |address: &str, expected: bool| {
        assert_eq!(kind(address.parse().expect(address)).is_some(), expected, "{address}");
    };
    check("::ffff:127.0.0.1", true);
    check("::ffff:8.8.8.8", false);
    check("::ffff:0:10.0.0.1", true);
    check("::10.0.0.1", true);
    check("64:ff9b::169.254.169.254", true);
    check("64:ff9b::8.8.8.8", false);
    check("2002:7f00:0001::", true);
    check("2002:0808:0808::1", false);
    check("2600::5efe:192.168.0.1", true);
    check("2600::200:5efe:192.168.0.1", true);
}

#[test]
fn public_addresses() {
    let check = |address: &str| assert_eq!(kind(address.parse().expect(address)), None);
    check("8.8.8.8");
    check("2600::1");
    // Documentation (RFC 5737, RFC 3849).
    check("192.0.2.1");
    check("198.51.100.1");
    check("203.0.113.1");
    check("2001:db8::1");
}

#[test]
fn literals_in_every_spelling() {
    let check = |url: &str, allowed: bool| {
        assert_eq!(check_literal(&url.parse().expect(url)).is_ok(), allowed, "{url}");
    };
    check("http://127.0.0.1/", false);
    check("http://127.1/", false);
    check("http://2130706433/", false);
    check("http://0x7f000001/", false);
    check("http://0177.0.0.1/", false);
    check("http://%31%32%37.0.0.1/", false);
    check("http://１２７.0.0.1/", false);
    check("http://0/", false);
    check("http://127.0.0.1./", false);
    check("http://[::1]/", false);
    check("http://[::ffff:a00:1]/", false);
    check("http://[0:0:0:0:0:ffff:10.0.0.1]/", false);
    check("http://user@169.254.169.254/", false);
    check("http://192.0.2.1/", true);
    check("http://upstream.example/", true);
}

#[test]
fn one_bad_address_spoils_a_name() {
    let check = |addresses: &[&str], expected: bool| {
        let found: Vec<_> =
            addresses.iter().map(|text| SocketAddr::new(text.parse().expect(text), 0)).collect();
        assert_eq!(check_all("upstream.example", &found).is_ok(), expected, "{addresses:?}");
    };
    check(&["192.0.2.1", "2001:db8::1"], true);
    check(&["192.0.2.1", "10.0.0.1"], false);
    check(&["2001:db8::1", "::1"], false);
    check(&[], true);
}

#[tokio::test]
async fn names_are_checked_when_they_are_resolved() {
    let resolve = async |exempt: &[&str]| {
        let exempt = exempt.iter().map(ToString::to_string).collect();
        let name = "localhost".parse().expect("a name");
        PublicOnly { exempt }.resolve(name).await.map(Iterator::count)
    };
    let error = resolve(&[]).await.expect_err("localhost is refused");
    assert_eq!(error.downcast::<Refusal>().expect("a refusal").kind, AddressKind::Loopback);
    assert!(resolve(&["LOCALHOST"]).await.expect("a proxy may be anywhere") > 0);
}
