//! No chain of accepted links may leave the root: shown against a model of a file system.

use std::collections::HashMap;

use proptest::prelude::*;
use provender_archive::{ArchiveError, Entry, Kind, Limits};

use crate::tar::read_with;
use crate::tar_bytes::{Block, tar};

fn read(blocks: &[Block]) -> Result<Vec<Entry>, ArchiveError> {
    let (seen, _) = read_with(&tar(blocks)[..], &Limits::default())?;
    Ok(seen.into_iter().map(|seen| seen.entry).collect())
}

#[test]
fn judges_targets() {
    let check = |path: &str, target: &str, expected: bool| {
        let is_accepted = read(&[Block::symlink(path, target)]).is_ok();
        assert_eq!(is_accepted, expected, "{path} -> {target}");
    };
    check("l", "a", true);
    check("l", "./a//b/", true);
    check("l", ".", true);
    check("d/l", "..", true);
    check("d/l", "../a", true);
    check("d/e/l", "../../a", true);
    check("l", "..", false);
    check("d/l", "../..", false);
    check("d/l", "./../../a", false);
    check("d/l", "a/../b", false);
    check("l", "/", false);
    check("l", "C:/a", false);
    check("l", "..\\a", false);
    check("l", "a\rb", false);
    check("l", "", false);
}

#[test]
fn links_can_not_climb_through_links() {
    // Lexically `deep/up/../x` is `deep/x`; in truth it is outside.
    let climbing = [Block::symlink("deep/up", ".."), Block::symlink("out", "deep/up/../x")];
    assert!(read(&climbing).is_err());
}

/// Where the path ends on a real file system, or `None` if it leaves the root on the way.
fn resolve(links: &HashMap<String, String>, path: &str, hops_left: u32) -> Option<Vec<String>> {
    let mut at: Vec<String> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                at.pop()?;
            }
            name => {
                at.push(name.to_owned());
                if let Some(target) = links.get(&at.join("/"))
                    && hops_left > 0
                {
                    at.pop();
                    at = resolve(links, &format!("{}/{target}", at.join("/")), hops_left - 1)?;
                }
            }
        }
    }
    Some(at)
}

fn segments(choice: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(choice), 1..=most).prop_map(|s| s.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..Default::default() })]
    #[test]
    fn no_chain_of_links_leaves_the_root(
        links in prop::collection::vec(
            (segments(&["a", "b", "c"], 3), segments(&["a", "b", "c", "..", "."], 4)), 1..5)
    ) {
        let blocks: Vec<Block> =
            links.iter().map(|(path, target)| Block::symlink(path, target)).collect();
        if let Ok(entries) = read(&blocks) {
            let model: HashMap<String, String> = entries
                .iter()
                .filter_map(|entry| match &entry.kind {
                    Kind::Symlink { target } => Some((entry.path.to_string(), target.to_string())),
                    _ => None,
                })
                .collect();
            prop_assert_eq!(model.len(), links.len());
            for path in model.keys() {
                prop_assert!(resolve(&model, path, 40).is_some(), "{} leaves: {:?}", path, model);
            }
        }
    }
}
