//! What holds for every input.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use proptest::prelude::*;
use provender_archive::{ArchiveError, Entry, Flow, Kind, Limits, gzip, tar, zip};

use crate::tar_bytes::{self, Block};
use crate::zip_bytes::{Archive, DEFLATE, Member, STORED};

/// Small, so that random input meets them.
const SMALL: Limits = Limits {
    entries: 20,
    names_bytes: 1000,
    directory_bytes: 4000,
    unpacked_bytes: 20_000,
    entry_bytes: 10_000,
    ratio: 50,
    ratio_floor_bytes: 5000,
    path_bytes: 100,
    path_depth: 8,
    memory_bytes: 5000,
    extension_bytes: 1000,
};

type Tree = BTreeMap<String, Vec<u8>>;

/// Files none of which lies below another: directories and files have different names.
fn trees() -> impl Strategy<Value = Tree> {
    let path = "(d[a-c]{1,3}/){0,3}[f-h_. é-]{0,6}\\.x";
    prop::collection::btree_map(path, prop::collection::vec(any::<u8>(), 0..2000), 0..12)
        .prop_filter("names that are refused", |tree: &Tree| {
            tree.keys().all(|path| !path.contains("//"))
        })
}

fn zip_of(tree: &Tree, methods: u16, streamed: u16) -> Vec<u8> {
    let bit = |bits: u16, at: usize| bits >> (at % 16) & 1 == 1;
    let member = |(at, (path, contents)): (usize, (&String, &Vec<u8>))| {
        let method = if bit(methods, at) { DEFLATE } else { STORED };
        let member = Member::new(path, contents, method);
        if bit(streamed, at) {
            member.streamed(bit(methods, at + 3), bit(methods, at + 5))
        } else {
            member
        }
    };
    Archive::of(tree.iter().enumerate().map(member)).bytes()
}

fn tar_of(tree: &Tree) -> Vec<u8> {
    let blocks: Vec<Block> = tree
        .iter()
        .flat_map(|(path, contents)| {
            [Block::pax(&[("path", path)]), Block::file("short", contents)]
        })
        .collect();
    tar_bytes::tar(&blocks)
}

/// Collects files, and holds that no limit is exceeded on the way.
fn collect(
    tree: &mut Tree,
    limits: Limits,
) -> impl FnMut(&Entry, &mut dyn std::io::BufRead) -> Result<Flow, ArchiveError> {
    let mut total = 0;
    move |entry, data| {
        let mut contents = Vec::new();
        data.read_to_end(&mut contents)?;
        total += contents.len() as u64;
        assert!(contents.len() as u64 <= limits.entry_bytes);
        assert!(total <= limits.unpacked_bytes);
        assert!(entry.path.as_str().len() <= limits.path_bytes);
        assert_eq!(entry.size, contents.len() as u64);
        if entry.kind == Kind::File {
            tree.insert(entry.path.to_string(), contents);
        }
        assert!(tree.len() as u64 <= limits.entries);
        Ok(Flow::Continue)
    }
}

fn read_zip(bytes: &[u8], limits: &Limits) -> Result<Tree, ArchiveError> {
    let mut tree = Tree::new();
    let mut zip = zip::open(Cursor::new(bytes), limits)?;
    assert!(zip.entries().len() as u64 <= limits.entries);
    zip.visit(collect(&mut tree, *limits))?;
    for index in 0..zip.entries().len() {
        let contents = zip.read_entry(index, limits.memory_bytes);
        assert!(
            contents.is_ok_and(|contents| contents.len() as u64 <= limits.memory_bytes)
                || zip.entries()[index].size > limits.memory_bytes
        );
    }
    Ok(tree)
}

fn read_tar(bytes: &[u8], limits: &Limits) -> Result<Tree, ArchiveError> {
    let mut tree = Tree::new();
    tar::walk(bytes, limits, collect(&mut tree, *limits))?;
    Ok(tree)
}

fn read_tar_gz(bytes: &[u8], limits: &Limits) -> Result<Tree, ArchiveError> {
    let mut tree = Tree::new();
    tar::walk_gzip(bytes, limits, collect(&mut tree, *limits))?;
    Ok(tree)
}

/// Every message is one line that can be shown to anybody.
fn check_message(error: &ArchiveError) {
    let message = error.to_string();
    assert!(message.len() < 2000, "{message}");
    assert!(!message.chars().any(char::is_control), "{message:?}");
    let _ = error.class();
}

fn read_all(bytes: &[u8]) {
    for result in [read_zip(bytes, &SMALL), read_tar(bytes, &SMALL), read_tar_gz(bytes, &SMALL)] {
        if let Err(error) = result {
            check_message(&error);
        }
    }
    let mut out = Vec::new();
    let _ = gzip::Reader::new(bytes, &SMALL).read_to_end(&mut out);
    assert!(out.len() as u64 <= SMALL.unpacked_bytes);
}

#[derive(Clone, Debug)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let index = any::<prop::sample::Index>;
    let mutation = prop_oneof![
        4 => (index(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        1 => (index(), prop::collection::vec(any::<u8>(), 1..30))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        1 => (index(), 1usize..40).prop_map(|(at, count)| Mutation::Remove(at, count)),
        1 => (index(), index(), 1usize..600)
            .prop_map(|(from, to, count)| Mutation::Copy(from, to, count)),
    ];
    prop::collection::vec(mutation, 1..6)
}

fn mutate(mut bytes: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match mutation {
            Mutation::Set(at, byte) => bytes[at.index(length)] = *byte,
            Mutation::Insert(at, new) => {
                let at = at.index(length);
                bytes.splice(at..at, new.iter().copied());
            }
            Mutation::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..length.min(at + count));
            }
            Mutation::Copy(from, to, count) => {
                let from = from.index(length);
                let copied = bytes[from..length.min(from + count)].to_vec();
                let to = to.index(length);
                bytes.splice(to..to, copied);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_zip_gives_what_went_in(tree in trees(), methods: u16, streamed: u16) {
        let limits = Limits::default();
        prop_assert_eq!(read_zip(&zip_of(&tree, methods, streamed), &limits).expect("good"), tree);
    }

    #[test]
    fn a_tar_gives_what_went_in(tree in trees()) {
        let bytes = tar_of(&tree);
        prop_assert_eq!(&read_tar(&bytes, &Limits::default()).expect("good"), &tree);
        let packed = tar_bytes::gzip(&bytes);
        prop_assert_eq!(&read_tar_gz(&packed, &Limits::default()).expect("good"), &tree);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        read_all(&bytes);
    }

    #[test]
    fn mutated_zips_do_no_harm(
        tree in trees(), methods: u16, streamed: u16, mutations in mutations()
    ) {
        read_all(&mutate(zip_of(&tree, methods, streamed), &mutations));
    }

    #[test]
    fn mutated_tars_do_no_harm(tree in trees(), mutations in mutations()) {
        let bytes = tar_of(&tree);
        read_all(&mutate(bytes.clone(), &mutations));
        read_all(&tar_bytes::gzip(&mutate(bytes.clone(), &mutations)));
        read_all(&mutate(tar_bytes::gzip(&bytes), &mutations));
    }
}
