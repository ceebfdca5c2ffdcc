use proptest::prelude::*;

use super::proof::{consistency, inclusion};
use super::{Frontier, Growth, Node, ProofError, Segment, verify_consistency, verify_inclusion};
use crate::Hash;

/// The leaves of the tree that Certificate Transparency's own tests use.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
/// The roots of its first 1, 2, … 8 leaves.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// RFC 6962 section 2.1, word for word.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::node(root(left), root(right))
        }
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| Hash::leaf(&index.to_be_bytes())).collect()
}

fn resolve(segments: &[Segment], leaves: &[Hash]) -> Vec<Hash> {
    let node = |node: Node| {
        let width = 1_usize << node.level;
        let start = usize::try_from(node.index).unwrap() * width;
        root(&leaves[start..start + width])
    };
    segments.iter().map(|segment| segment.root(node)).collect()
}

#[test]
fn known_roots() {
    let mut frontier = Frontier::empty();
    assert_eq!(frontier.root(), Hash::empty_root());
    for (leaf, expected) in LEAVES.iter().zip(ROOTS) {
        frontier.push(Hash::leaf(&hex::decode(leaf).unwrap()));
        assert_eq!(frontier.root().to_string(), expected, "size {}", frontier.size());
    }
}

#[test]
fn known_proofs() {
    let leaves: Vec<Hash> =
        LEAVES.iter().map(|leaf| Hash::leaf(&hex::decode(leaf).unwrap())).collect();
    let check = |proof: Vec<Hash>, expected: &[&str]| {
        let proof: Vec<String> = proof.iter().map(ToString::to_string).collect();
        assert_eq!(proof, expected);
    };
    check(resolve(&inclusion(0, 1), &leaves), &[]);
    check(
        resolve(&inclusion(0, 8), &leaves),
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    );
    check(
        resolve(&inclusion(5, 8), &leaves),
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    );
    check(
        resolve(&consistency(6, 8), &leaves),
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    );
    check(
        resolve(&consistency(2, 5), &leaves),
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    );
}

#[test]
fn every_small_tree_proves_every_entry_and_every_past() {
    let all = leaves(40);
    for size in 1..=40_u64 {
        let tree = &all[..usize::try_from(size).unwrap()];
        for index in 0..size {
            let proof = resolve(&inclusion(index, size), tree);
            let leaf = tree[usize::try_from(index).unwrap()];
            assert_eq!(verify_inclusion(leaf, index, size, &proof, root(tree)), Ok(()));
        }
        for from in 1..=size {
            let past = root(&all[..usize::try_from(from).unwrap()]);
            let proof = resolve(&consistency(from, size), tree);
            assert_eq!(verify_consistency(from, past, size, root(tree), &proof), Ok(()));
        }
    }
}

#[test]
fn what_proves_nothing_is_refused() {
    let tree = leaves(5);
    let top = root(&tree);
    let proof = resolve(&inclusion(1, 5), &tree);
    let check = |index, size, proof: &[Hash], expected| {
        assert_eq!(verify_inclusion(tree[1], index, size, proof, top), Err(expected));
    };
    check(5, 5, &proof, ProofError::OutOfRange { index: 5, size: 5 });
    check(0, 0, &[], ProofError::OutOfRange { index: 0, size: 0 });
    check(0, 5, &proof, ProofError::Root);
    check(1, 5, &proof[1..], ProofError::Length);
    check(1, 5, &[proof.as_slice(), &[top]].concat(), ProofError::Length);
    check(1, 2, &proof, ProofError::Length);
    let past = root(&tree[..3]);
    let proof = resolve(&consistency(3, 5), &tree);
    let check = |from, proof: &[Hash], expected| {
        assert_eq!(verify_consistency(from, past, 5, top, proof), Err(expected));
    };
    check(6, &proof, ProofError::OutOfRange { index: 6, size: 5 });
    check(0, &[], ProofError::Root);
    check(5, &[], ProofError::Root);
    check(5, &proof, ProofError::Length);
    check(3, &[], ProofError::Length);
    check(3, &proof[1..], ProofError::Length);
    check(2, &proof, ProofError::Length);
    assert_eq!(verify_consistency(0, Hash::empty_root(), 5, top, &[]), Ok(()));
}

proptest! {
    #[test]
    fn a_growing_tree_is_the_same_as_a_whole_one(before in 0_u64..700, count in 0_u64..700) {
        let all = leaves(before + count);
        let (old, new) = all.split_at(usize::try_from(before).unwrap());
        let mut frontier = Frontier::empty();
        frontier.extend(old.iter().copied());
        let growth = Growth::new(&frontier, new);
        let after = growth.frontier();
        prop_assert_eq!(after.root(), root(&all));
        frontier.extend(new.iter().copied());
        prop_assert_eq!(&after, &frontier);
        for index in (before..before + count).step_by(37) {
            let proof = growth.inclusion(index);
            let leaf = all[usize::try_from(index).unwrap()];
            prop_assert_eq!(
                verify_inclusion(leaf, index, before + count, &proof, after.root()),
                Ok(())
            );
        }
        for level in 0..10 {
            let (first, nodes) = growth.new_nodes(level);
            prop_assert_eq!(first, before >> level);
            prop_assert_eq!(first + nodes.len() as u64, (before + count) >> level);
        }
    }

    #[test]
    fn a_changed_proof_is_refused(
        size in 2_u64..300, index in 0_u64..300, byte in 0_usize..32, place in 0_usize..9
    ) {
        let tree = leaves(size);
        let index = index % size;
        let mut proof = resolve(&inclusion(index, size), &tree);
        let place = place % proof.len();
        let mut changed = *proof[place].as_bytes();
        changed[byte] ^= 1;
        proof[place] = Hash::from_bytes(changed);
        let leaf = tree[usize::try_from(index).unwrap()];
        prop_assert!(verify_inclusion(leaf, index, size, &proof, root(&tree)).is_err());
    }

    #[test]
    fn no_numbers_make_it_panic(a in any::<u64>(), b in any::<u64>(), count in 0_usize..70) {
        let hashes = vec![Hash::empty_root(); count];
        let root = Hash::leaf(b"");
        prop_assert!(verify_inclusion(root, a, b, &hashes, Hash::empty_root()).is_err());
        let found = verify_consistency(a, root, b, Hash::empty_root(), &hashes);
        prop_assert!(found.is_err());
    }
}
