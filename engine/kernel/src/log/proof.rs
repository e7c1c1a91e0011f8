//! Proofs over the tree: that a leaf is in it (RFC 6962 §2.1.1) and that one tree is the beginning of another
//! (§2.1.2). Verification as in RFC 9162 §2.1.3.2 and §2.1.4.2.

use super::tree::{Hash, TILE, TILE_HEIGHT, Tiles, node_hash, root_of, split};

/// The hashes that lead from the leaf at `index` to the root of a tree of `size` leaves, lowest first.
///
/// # Errors
/// When a tile cannot be read. An index outside of the tree has no proof: `Ok(None)`.
pub fn inclusion<T: Tiles>(tiles: &T, index: u64, size: u64) -> Result<Option<Vec<Hash>>, T::Error> {
    if index >= size {
        return Ok(None);
    }
    let (mut begin, mut end, mut path) = (0, size, Vec::new());
    while end - begin > 1 {
        let middle = begin + largest_power_below(end - begin);
        if index < middle {
            path.push(subtree(tiles, middle, end)?);
            end = middle;
        } else {
            path.push(subtree(tiles, begin, middle)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(Some(path))
}

/// The hashes that show that the tree of the first `old` leaves is the beginning of that of `size` leaves.
///
/// # Errors
/// When a tile cannot be read. `Ok(None)` where `old` is greater than `size`.
pub fn consistency<T: Tiles>(tiles: &T, old: u64, size: u64) -> Result<Option<Vec<Hash>>, T::Error> {
    if old > size {
        return Ok(None);
    }
    if old == 0 || old == size {
        return Ok(Some(Vec::new()));
    }
    let (mut begin, mut end, mut path) = (0, size, Vec::new());
    while end != old {
        let middle = begin + largest_power_below(end - begin);
        if old <= middle {
            path.push(subtree(tiles, middle, end)?);
            end = middle;
        } else {
            path.push(subtree(tiles, begin, middle)?);
            begin = middle;
        }
    }
    if begin > 0 {
        path.push(subtree(tiles, begin, end)?);
    }
    path.reverse();
    Ok(Some(path))
}

/// True when `proof` leads from `leaf` at `index` to `root` of a tree of `size` leaves.
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(step, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// True when `proof` shows that the tree of `old` leaves with `old_root` is the beginning of the tree of `size`
/// leaves with `root`.
#[must_use]
pub fn verify_consistency(old: u64, old_root: &Hash, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    if old > size {
        return false;
    }
    if old == size {
        return proof.is_empty() && old_root == root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == super::tree::empty_root();
    }
    let mut steps = proof.iter();
    let mut begin = if old.is_power_of_two() { Some(old_root) } else { steps.next() };
    let Some(first) = begin.take() else { return false };
    let (mut at, mut last) = (old - 1, size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut older, mut newer) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            older = node_hash(step, &older);
            newer = node_hash(step, &newer);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            newer = node_hash(&newer, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && older == *old_root && newer == *root
}

pub(super) const fn largest_power_below(count: u64) -> u64 {
    count.next_power_of_two() / 2
}

/// The root of the leaves from `begin` to `end` (exclusive): of a subtree whose size is a power of two, or that
/// ends where the tree ends.
pub(super) fn subtree<T: Tiles>(tiles: &T, begin: u64, end: u64) -> Result<Hash, T::Error> {
    let count = end - begin;
    if count > 1 && !count.is_power_of_two() {
        let middle = begin + largest_power_below(count);
        return Ok(node_hash(&subtree(tiles, begin, middle)?, &subtree(tiles, middle, end)?));
    }
    // A whole subtree is a run of hashes in one tile of the level that is near enough.
    let level = count.trailing_zeros() / TILE_HEIGHT;
    let shift = level * TILE_HEIGHT;
    let (first, length) = (begin >> shift, count >> shift);
    let inside = usize::try_from(first % TILE).unwrap_or(0);
    let until = inside + usize::try_from(length).unwrap_or(0);
    let tile = tiles.tile(level, first / TILE, until)?;
    let hashes = tile.get(inside..until).unwrap_or_default();
    debug_assert!(hashes.len() == 1 || split(hashes.len()) * 2 == hashes.len());
    Ok(root_of(hashes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::super::tree::leaf_hash;
    use super::super::tree::tests::{by_the_book, grown};
    use super::*;

    const SIZES: &[u64] = &[1, 2, 3, 7, 8, 255, 256, 257, 300, 511, 513, 600];

    #[test]
    fn every_leaf_of_a_tree_is_proved_and_no_other() {
        for &size in SIZES {
            let (tree, tiles) = grown(size);
            let root = tree.root();
            for index in 0..size {
                let proof = inclusion(&tiles, index, size).unwrap().unwrap();
                let leaf = leaf_hash(&index.to_be_bytes());
                assert!(verify_inclusion(&leaf, index, size, &proof, &root), "{index} of {size}");
                let stranger = leaf_hash(&(index + 1).to_be_bytes());
                assert!(!verify_inclusion(&stranger, index, size, &proof, &root));
                assert!(!verify_inclusion(&leaf, index + 1, size, &proof, &root));
                let mut longer = proof.clone();
                longer.push(root);
                assert!(!verify_inclusion(&leaf, index, size, &longer, &root));
                if let Some(shorter) = proof.get(1..) {
                    assert!(!verify_inclusion(&leaf, index, size, shorter, &root));
                }
            }
            assert_eq!(inclusion(&tiles, size, size).unwrap(), None);
        }
    }

    #[test]
    fn every_beginning_of_a_tree_is_proved_and_no_other() {
        for &size in SIZES {
            let (tree, tiles) = grown(size);
            let root = tree.root();
            for old in 0..=size {
                let old_root = grown(old).0.root();
                let proof = consistency(&tiles, old, size).unwrap().unwrap();
                assert!(verify_consistency(old, &old_root, size, &root, &proof), "{old} of {size}");
                if old > 0 && old < size {
                    assert!(!verify_consistency(old, &[9; 32], size, &root, &proof));
                    assert!(!verify_consistency(old, &old_root, size, &[9; 32], &proof));
                    let mut other = proof.clone();
                    other[0][0] ^= 1;
                    assert!(!verify_consistency(old, &old_root, size, &root, &other));
                    assert!(!verify_consistency(old, &old_root, size, &root, &proof[..proof.len() - 1]));
                }
            }
        }
    }

    #[test]
    fn subtrees_above_the_first_level_of_tiles_are_read_from_the_second() {
        let size = 65_536 + 256 + 3;
        let (tree, tiles) = grown(size);
        let leaves: Vec<Vec<u8>> = (0..size).map(|leaf| leaf.to_be_bytes().to_vec()).collect();
        assert_eq!(tree.root(), by_the_book(&leaves));
        for index in [0, 255, 256, 65_535, 65_536, size - 1] {
            let proof = inclusion(&tiles, index, size).unwrap().unwrap();
            assert!(verify_inclusion(&leaf_hash(&index.to_be_bytes()), index, size, &proof, &tree.root()));
        }
    }
}
