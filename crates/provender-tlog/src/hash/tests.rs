use super::Hash;

#[test]
fn known_hashes() {
    let check = |hash: Hash, expected: &str| assert_eq!(hash.to_string(), expected);
    // The tree of RFC 6962 that Certificate Transparency's own tests use.
    check(Hash::empty_root(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check(Hash::leaf(b""), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    check(Hash::leaf(b"\0"), "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
    check(
        Hash::node(Hash::leaf(b""), Hash::leaf(b"\0")),
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    );
}

#[test]
fn base64_comes_back() {
    let hash = Hash::leaf(b"entry");
    assert_eq!(Hash::from_base64(&hash.to_base64()), Some(hash));
    for wrong in ["", "AAAA", "no base64!", &"A".repeat(44)] {
        assert_eq!(Hash::from_base64(wrong), None, "{wrong}");
    }
}
