use super::{RATCHET, Tree, check, judge, longer_than_usual};

#[test]
fn the_ratchet_only_shrinks() {
    let check = |lines: usize, allowed: Option<usize>, expected: Option<&str>| {
        let found = judge(lines, allowed);
        match expected {
            None => assert_eq!(found, None),
            Some(part) => assert!(found.as_ref().is_some_and(|f| f.contains(part)), "{found:?}"),
        }
    };
    check(600, None, None);
    check(601, None, Some("at most 600"));
    check(700, Some(700), None);
    check(701, Some(700), Some("grew from 700 to 701"));
    check(650, Some(700), Some("shrank to 650"));
    check(600, Some(700), Some("drop its line"));
}

#[test]
fn the_list_is_read() {
    let long = "line\n".repeat(700);
    let tree = Tree::of(&[("a.rs", &long), (RATCHET, "# why\na.rs 700\ngone.rs 800\n")]);
    let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
    assert_eq!(found, [format!("{RATCHET}: gone.rs is gone: drop its line")]);
}

#[test]
fn long_files_are_mentioned_longest_first() {
    let (long, longer) = ("line\n".repeat(301), "line\n".repeat(302));
    let tree = Tree::of(&[("a.rs", &long), ("b.rs", &longer), ("c.md", &longer), ("d.rs", "")]);
    assert_eq!(longer_than_usual(&tree), ["b.rs has 302 lines", "a.rs has 301 lines"]);
}
