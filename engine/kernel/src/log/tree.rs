//! The tree: leaves are appended, its root is known at any time, and every 256 hashes of one level become a tile,
//! from which any subtree can be computed again. Hashes as in RFC 6962 §2.1 (SHA-256, leaves behind a zero byte,
//! nodes behind a one byte); tiles of height 8 as in C2SP `tlog-tiles`.

use sha2::{Digest as _, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

/// Hashes in a whole tile.
pub const TILE: u64 = 256;

/// Levels of the tree that one tile spans.
pub const TILE_HEIGHT: u32 = 8;

/// The hash of a leaf: SHA-256 over a zero byte and the leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    leaf_hash_of(&[leaf])
}

/// The same of a leaf that is its parts one after the other.
#[must_use]
pub fn leaf_hash_of(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new().chain_update([0]);
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The hash of a node: SHA-256 over a one byte and the hashes of its children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of a tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// 256 neighbouring hashes of one level, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// 0: leaves; each next level holds the roots of the tiles below.
    pub level: u32,
    /// Its place among the tiles of its level, from 0.
    pub index: u64,
    /// Its hashes, in order.
    pub hashes: Vec<Hash>,
}

impl Tile {
    /// The root over its hashes: one hash of the next level.
    #[must_use]
    pub fn root(&self) -> Hash {
        root_of(&self.hashes)
    }
}

/// Where hashes come from when a proof is made.
pub trait Tiles {
    /// What went wrong with reading.
    type Error;

    /// The first `count` hashes (1 to 256) of a tile that has at least so many.
    ///
    /// # Errors
    /// When they cannot be read.
    fn tile(&self, level: u32, index: u64, count: usize) -> Result<Vec<Hash>, Self::Error>;
}

/// The right edge of the tree: what is needed to append and to know the root. At most 256 hashes a level of tiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// The tile that is being filled, of each level.
    edge: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over `size` leaves whose unfinished tiles are given, leaves first.
    ///
    /// Returns `None` where they are not those of such a tree.
    #[must_use]
    pub fn resume(size: u64, edge: Vec<Vec<Hash>>) -> Option<Self> {
        let mut left = size;
        for tile in &edge {
            if u64::try_from(tile.len()).ok()? != left % TILE {
                return None;
            }
            left /= TILE;
        }
        (left == 0).then_some(Self { size, edge })
    }

    /// How many hashes of which unfinished tile a tree of that size has: (level, index, count), leaves first.
    #[must_use]
    pub fn edge_of(size: u64) -> Vec<(u32, u64, usize)> {
        let mut edge = Vec::new();
        let (mut left, mut level) = (size, 0);
        while left > 0 {
            edge.push((level, left / TILE, usize::try_from(left % TILE).unwrap_or(0)));
            left /= TILE;
            level += 1;
        }
        edge
    }

    /// Leaves so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash; gives the tiles that became complete, lowest level first.
    pub fn append(&mut self, leaf: Hash) -> Vec<Tile> {
        self.size += 1;
        let (mut full, mut hash, mut count) = (Vec::new(), leaf, self.size);
        for level in 0.. {
            if self.edge.len() <= level {
                self.edge.push(Vec::new());
            }
            let Some(tile) = self.edge.get_mut(level) else { break };
            tile.push(hash);
            if count % TILE != 0 {
                break;
            }
            let hashes = std::mem::take(tile);
            count /= TILE;
            hash = root_of(&hashes);
            full.push(Tile { level: u32::try_from(level).unwrap_or(u32::MAX), index: count - 1, hashes });
        }
        full
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        // The edge from the right: each unfinished tile is a subtree left of what came from the level below.
        let mut root: Option<Hash> = None;
        for tile in &self.edge {
            let mut hashes = tile.clone();
            hashes.extend(root.take());
            root = (!hashes.is_empty()).then(|| root_of(&hashes));
        }
        root.unwrap_or_else(empty_root)
    }
}

/// The root over neighbouring subtrees of equal size, of which the last alone may be smaller.
#[must_use]
pub(super) fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [only] => *only,
        _ => {
            let (left, right) = hashes.split_at(split(hashes.len()));
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// The greatest power of two below `count`, for `count` of at least 2.
pub(super) const fn split(count: usize) -> usize {
    (count.next_power_of_two()) / 2
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    /// All tiles that were ever completed or are being filled.
    #[derive(Default, Clone)]
    pub struct Kept(pub std::collections::BTreeMap<(u32, u64), Vec<Hash>>);

    impl Tiles for Kept {
        type Error = String;
        fn tile(&self, level: u32, index: u64, count: usize) -> Result<Vec<Hash>, String> {
            let tile = self.0.get(&(level, index)).ok_or("no such tile")?;
            tile.get(..count).map(<[Hash]>::to_vec).ok_or_else(|| "a short tile".into())
        }
    }

    /// A tree over `count` leaves that are their numbers, and its tiles.
    pub fn grown(count: u64) -> (Tree, Kept) {
        let (mut tree, mut kept) = (Tree::default(), Kept::default());
        for leaf in 0..count {
            for tile in tree.append(leaf_hash(&leaf.to_be_bytes())) {
                kept.0.insert((tile.level, tile.index), tile.hashes);
            }
        }
        for ((level, index, _), tile) in Tree::edge_of(count).into_iter().zip(&tree.edge) {
            if !tile.is_empty() {
                kept.0.insert((level, index), tile.clone());
            }
        }
        (tree, kept)
    }

    /// RFC 6962 §2.1, word by word.
    pub fn by_the_book(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => leaf_hash(leaf),
            _ => {
                let mut k = 1;
                while k * 2 < leaves.len() {
                    k *= 2;
                }
                node_hash(&by_the_book(&leaves[..k]), &by_the_book(&leaves[k..]))
            }
        }
    }

    fn hex(hash: &Hash) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The vectors of the reference implementation of certificate transparency (`merkle_tree_test`).
    #[test]
    fn the_known_vectors_hold() {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Tree::default();
        assert_eq!(hex(&tree.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (leaf, root) in leaves.iter().zip(roots) {
            tree.append(leaf_hash(leaf));
            assert_eq!(hex(&tree.root()), root);
        }
    }

    #[test]
    fn the_root_is_that_of_the_definition_over_tile_edges() {
        for count in [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 700] {
            let leaves: Vec<Vec<u8>> = (0..count).map(|leaf: u64| leaf.to_be_bytes().to_vec()).collect();
            assert_eq!(grown(count).0.root(), by_the_book(&leaves), "{count} leaves");
        }
    }

    #[test]
    fn a_tree_goes_on_from_its_edge() {
        for count in [0, 1, 255, 256, 300, 65_536, 65_537 + 256] {
            let (mut tree, kept) = grown(count);
            let edge = Tree::edge_of(count)
                .into_iter()
                .map(
                    |(level, index, count)| {
                        if count == 0 { vec![] } else { kept.tile(level, index, count).unwrap() }
                    },
                )
                .collect();
            let mut again = Tree::resume(count, edge).unwrap();
            assert_eq!(again.root(), tree.root(), "{count}");
            assert_eq!(again.append([7; 32]), tree.append([7; 32]));
            assert_eq!(again.root(), tree.root());
        }
        assert_eq!(Tree::resume(3, vec![vec![[0; 32]; 2]]), None);
        assert_eq!(Tree::resume(256, vec![vec![]]), None);
    }
}
