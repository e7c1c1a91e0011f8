//! One proof for many leaves: the hashes of the greatest subtrees that hold none of them, from left to right. With
//! the leaves themselves in their places they make the root, so each leaf is shown to stand where it is said to
//! (RFC 6962 §2.1.1 for all of them at once). Neighbours share nearly everything.

use std::collections::{BTreeMap, BTreeSet};

use super::proof::{largest_power_below, subtree};
use super::tree::{Hash, Tiles, empty_root, node_hash};

/// The most leaves of a tree: what numbers in evidence can say.
const MOST: u64 = 1 << 53;

/// The root over the first `size` leaves.
///
/// # Errors
/// When a tile cannot be read.
pub fn root<T: Tiles>(tiles: &T, size: u64) -> Result<Hash, T::Error> {
    if size == 0 { Ok(empty_root()) } else { subtree(tiles, 0, size) }
}

/// The roots of the whole subtrees over the first `size` leaves, greatest first.
///
/// # Errors
/// When a tile cannot be read.
pub fn edge<T: Tiles>(tiles: &T, size: u64) -> Result<Vec<Hash>, T::Error> {
    let (mut roots, mut begin) = (Vec::new(), 0);
    for bit in (0..u64::BITS).rev().filter(|bit| size >> bit & 1 == 1) {
        let end = begin + (1 << bit);
        roots.push(subtree(tiles, begin, end)?);
        begin = end;
    }
    Ok(roots)
}

/// The hashes that lead from the leaves at `places` to the root of the tree of `size` leaves.
///
/// # Errors
/// When a tile cannot be read.
pub fn joint<T: Tiles>(tiles: &T, places: &BTreeSet<u64>, size: u64) -> Result<Vec<Hash>, T::Error> {
    let (mut hashes, mut open) = (Vec::new(), vec![(0, size)]);
    while let Some((begin, end)) = open.pop() {
        if begin >= end {
            continue;
        }
        if places.range(begin..end).next().is_none() {
            hashes.push(subtree(tiles, begin, end)?);
        } else if end - begin > 1 {
            let middle = begin + largest_power_below(end - begin);
            open.push((middle, end));
            open.push((begin, middle));
        }
    }
    Ok(hashes)
}

/// The root of the tree of `size` leaves that has these leaves in these places, where `hashes` are what is due
/// beside them, all of it and nothing else.
#[must_use]
pub fn joint_root(leaves: &BTreeMap<u64, Hash>, size: u64, hashes: &[Hash]) -> Option<Hash> {
    if size == 0 || size > MOST || leaves.last_key_value().is_some_and(|(last, _)| *last >= size) {
        return None;
    }
    let mut rest = hashes.iter();
    let root = over(leaves, 0, size, &mut rest)?;
    rest.next().is_none().then_some(root)
}

/// At most 53 calls deep.
fn over<'h>(
    leaves: &BTreeMap<u64, Hash>,
    begin: u64,
    end: u64,
    hashes: &mut impl Iterator<Item = &'h Hash>,
) -> Option<Hash> {
    let Some((_, leaf)) = leaves.range(begin..end).next() else { return hashes.next().copied() };
    if end - begin == 1 {
        return Some(*leaf);
    }
    let middle = begin + largest_power_below(end - begin);
    let left = over(leaves, begin, middle, hashes)?;
    Some(node_hash(&left, &over(leaves, middle, end, hashes)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::super::tree::leaf_hash;
    use super::super::tree::tests::grown;
    use super::*;
    use crate::evidence::audit_export::Fold;

    fn leaves(places: &BTreeSet<u64>) -> BTreeMap<u64, Hash> {
        places.iter().map(|place| (*place, leaf_hash(&place.to_be_bytes()))).collect()
    }

    #[test]
    fn any_leaves_together_make_the_root() {
        for size in [1, 2, 3, 7, 255, 256, 257, 600] {
            let (tree, tiles) = grown(size);
            assert_eq!(root(&tiles, size).unwrap(), tree.root());
            let fold = Fold::over(size, &edge(&tiles, size).unwrap()).unwrap();
            assert_eq!(fold.root(), tree.root());
            for step in [1, 2, 3, 5, 64, 255, 1000] {
                let places: BTreeSet<u64> = (0..size).filter(|place| place % step == size % step).collect();
                let hashes = joint(&tiles, &places, size).unwrap();
                let made = joint_root(&leaves(&places), size, &hashes);
                assert_eq!(made, Some(tree.root()), "every {step} of {size}");
            }
        }
    }

    #[test]
    fn another_leaf_another_place_or_another_hash_makes_another_root() {
        let (tree, tiles) = grown(300);
        let places = BTreeSet::from([3, 4, 5, 290]);
        let hashes = joint(&tiles, &places, 300).unwrap();
        let made = |leaves: &BTreeMap<u64, Hash>, size, hashes: &[Hash]| {
            joint_root(leaves, size, hashes) == Some(tree.root())
        };
        let good = leaves(&places);
        assert!(made(&good, 300, &hashes));
        for place in &places {
            let mut other = good.clone();
            other.get_mut(place).unwrap()[0] ^= 1;
            assert!(!made(&other, 300, &hashes));
            let mut moved = good.clone();
            let leaf = moved.remove(place).unwrap();
            moved.insert(place + 7, leaf);
            assert!(!made(&moved, 300, &hashes), "{place} moved");
        }
        for at in 0..hashes.len() {
            let mut other = hashes.clone();
            other[at][31] ^= 1;
            assert!(!made(&good, 300, &other));
        }
        assert!(!made(&good, 300, &hashes[1..]));
        assert!(!made(&good, 300, &[hashes.clone(), vec![[0; 32]]].concat()));
        assert!(!made(&good, 290, &hashes) && !made(&good, 600, &hashes));
        assert!(!made(&good, 0, &hashes) && !made(&good, u64::MAX, &hashes));
    }
}
