//! The log as a tree, kept beside it: whole tiles as rows, the rest made of the last records when the store is
//! opened. A view: `rebuild` makes it anew from the records, and what is signed is compared with them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use ordain_kernel::audit::leaf_at;
use ordain_kernel::evidence::audit_export::Fold;
use ordain_kernel::log::joint;
use ordain_kernel::log::tree::{Hash, TILE, Tile, Tiles, Tree};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::StoreError;
use super::read::Reader;
use super::rows::AuditRow;

/// How many records are read at a time.
const PAGE: i64 = 4_096;

/// The hash of a record as a leaf of the log.
pub fn leaf_of(row: &AuditRow) -> Hash {
    leaf_at(&row.record, row.seq.unsigned_abs())
}

/// The tree with these records more, and the tiles that became whole. The tree that is given stays what it is.
pub fn grown(tree: &Tree, rows: &[AuditRow]) -> (Tree, Vec<Tile>) {
    let (mut tree, mut whole) = (tree.clone(), Vec::new());
    for row in rows {
        whole.extend(tree.append(leaf_of(row)));
    }
    (tree, whole)
}

/// Writes whole tiles.
///
/// # Errors
/// When the data base refuses.
pub async fn write(connection: &mut SqliteConnection, tiles: &[Tile]) -> Result<(), sqlx::Error> {
    for tile in tiles {
        sqlx::query("insert into tile(level, place, root, hashes) values (?, ?, ?, ?)")
            .bind(i64::from(tile.level))
            .bind(number(tile.index))
            .bind(tile.root().as_slice())
            .bind(tile.hashes.concat())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Makes all tiles anew from the records, and the tree over them.
///
/// # Errors
/// When the data base refuses, or a row is no record.
pub async fn rebuild(connection: &mut SqliteConnection) -> Result<Tree, StoreError> {
    let (mut tree, mut after) = (Tree::default(), 0_i64);
    loop {
        let rows = sqlx::query("select seq, run, record from audit where seq > ? order by seq limit ?")
            .bind(after)
            .bind(PAGE)
            .fetch_all(&mut *connection)
            .await?;
        let rows: Vec<AuditRow> = rows.iter().map(super::read::audit_row).collect::<Result<_, _>>()?;
        let Some(last) = rows.last() else { return Ok(tree) };
        after = last.seq;
        let (next, whole) = grown(&tree, &rows);
        write(connection, &whole).await?;
        tree = next;
    }
}

impl Reader {
    /// The tree over the first `size` records, as far as it is not in whole tiles; none where tiles are missing.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn tree(&self, size: u64) -> Result<Option<Tree>, StoreError> {
        let mut edge = Vec::new();
        for (level, place, count) in Tree::edge_of(size) {
            edge.push(self.hashes(level, place, count).await?);
        }
        Ok(Tree::resume(size, edge))
    }

    /// The first `count` hashes of a tile.
    async fn hashes(&self, level: u32, place: u64, count: usize) -> Result<Vec<Hash>, StoreError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let stored = sqlx::query("select hashes from tile where level = ? and place = ?")
            .bind(i64::from(level))
            .bind(number(place))
            .fetch_optional(self.pool())
            .await?;
        if let Some(row) = stored {
            let hashes: Vec<u8> = row.try_get(0)?;
            return Ok(hashes.as_chunks().0.iter().take(count).copied().collect());
        }
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        if level == 0 {
            let rows = self.audit(number(place * TILE), limit).await?;
            return Ok(rows.iter().map(leaf_of).collect());
        }
        let rows = sqlx::query("select root from tile where level = ? and place >= ? order by place limit ?")
            .bind(i64::from(level - 1))
            .bind(number(place * TILE))
            .bind(limit)
            .fetch_all(self.pool())
            .await?;
        let hashes = rows.iter().map(|row| {
            let root: Vec<u8> = row.try_get(0)?;
            root.try_into().map_err(|_| StoreError::Corrupt("a tile's root is no hash".into()))
        });
        hashes.collect()
    }

    /// The root over the first `size` records, as the tiles say.
    ///
    /// # Errors
    /// When the data base refuses, or tiles are missing.
    pub async fn root(&self, size: u64) -> Result<Hash, StoreError> {
        self.with_tiles(|tiles| joint::root(tiles, size)).await
    }

    /// The tree over the first `size` records as its whole subtrees, to go on from.
    ///
    /// # Errors
    /// As [`Reader::root`].
    pub async fn fold(&self, size: u64) -> Result<Fold, StoreError> {
        let roots = self.with_tiles(|tiles| joint::edge(tiles, size)).await?;
        Fold::over(size, &roots).ok_or_else(|| StoreError::Corrupt("the tree of the log is not whole".into()))
    }

    /// The joint proof of the records with these numbers (`seq`) in the log of `size` records.
    ///
    /// # Errors
    /// As [`Reader::root`].
    pub async fn joint_proof(&self, seqs: &BTreeSet<u64>, size: u64) -> Result<Vec<Hash>, StoreError> {
        let places = seqs.iter().filter_map(|seq| seq.checked_sub(1)).collect();
        self.with_tiles(|tiles| joint(tiles, &places, size)).await
    }

    /// Which tiles are asked for does not hang on what stands in them: asked once without, then with all of them.
    async fn with_tiles<T>(&self, work: impl Fn(&Fetched) -> Result<T, Infallible>) -> Result<T, StoreError> {
        let mut tiles = Fetched::default();
        let Ok(_) = work(&tiles);
        for ((level, place), count) in tiles.wanted.take() {
            let hashes = self.hashes(level, place, count).await?;
            if hashes.len() < count {
                return Err(StoreError::Corrupt("the tree of the log is not whole".into()));
            }
            tiles.known.insert((level, place), hashes);
        }
        let Ok(made) = work(&tiles);
        Ok(made)
    }
}

/// Tiles that were read, and those that are asked for.
#[derive(Default)]
struct Fetched {
    known: BTreeMap<(u32, u64), Vec<Hash>>,
    wanted: RefCell<BTreeMap<(u32, u64), usize>>,
}

impl Tiles for Fetched {
    type Error = Infallible;

    fn tile(&self, level: u32, index: u64, count: usize) -> Result<Vec<Hash>, Infallible> {
        let hashes = self.known.get(&(level, index)).and_then(|hashes| hashes.get(..count));
        Ok(hashes.map_or_else(
            || {
                let mut wanted = self.wanted.borrow_mut();
                let most = wanted.entry((level, index)).or_default();
                *most = count.max(*most);
                vec![[0; 32]; count]
            },
            <[Hash]>::to_vec,
        ))
    }
}

/// Numbers of records stay below what an integer of the data base holds.
fn number(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}
