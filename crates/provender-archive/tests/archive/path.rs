use provender_archive::{ArchivePath, Limits, shown};

#[test]
fn a_path_has_parts() {
    let check = |path: &str, segments: &[&str], parent: Option<&str>, name: &str| {
        let path = ArchivePath::parse(path.as_bytes(), &Limits::default()).expect("safe");
        assert_eq!(path.segments().collect::<Vec<_>>(), segments);
        assert_eq!((path.parent(), path.file_name()), (parent, name));
        assert_eq!(path.to_string(), path.as_str());
    };
    check("a", &["a"], None, "a");
    check("a/b.c", &["a", "b.c"], Some("a"), "b.c");
    check("a/.../b", &["a", "...", "b"], Some("a/..."), "b");
    check("ä b/c:d", &["ä b", "c:d"], Some("ä b"), "c:d");
}

#[test]
fn names_are_shown_safely() {
    let check = |name: &[u8], expected: &str| assert_eq!(shown(name), expected);
    check(b"a/b", "`a/b`");
    check(b"a\nb\x1b", "`a\\nb\\u{1b}`");
    check(b"\xff", "`\u{fffd}`");
    check(&[b'x'; 100], &format!("`{}`", "x".repeat(100)));
    check(&[b'x'; 5000], &format!("`{}…`", "x".repeat(100)));
    check("é".repeat(101).as_bytes(), &format!("`{}…`", "é".repeat(100)));
}
