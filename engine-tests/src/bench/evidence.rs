//! Evidence: how fast a log is verified, proved and packed.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use ordain_kernel::log::tree::{Hash, TILE, Tiles};
use ordain_kernel::log::{inclusion, joint};
use ordain_runtime::keys::Key;

/// A tree of any size whose hashes are made up: what a proof over it costs beside reading tiles.
struct MadeUp;

impl Tiles for MadeUp {
    type Error = Infallible;

    fn tile(&self, level: u32, index: u64, count: usize) -> Result<Vec<Hash>, Infallible> {
        let first = index.wrapping_mul(TILE).to_be_bytes();
        let mut hash = [u8::try_from(level).unwrap_or(u8::MAX); 32];
        hash.iter_mut().zip(first).for_each(|(byte, own)| *byte ^= own);
        Ok(vec![hash; count])
    }
}

/// A signed root and a proof of one record in a log of `size` records, `rounds` times each.
#[must_use]
pub fn proofs(size: u64, rounds: u32) -> Vec<Duration> {
    let key = Key::generate().ok();
    let one = |round: u32| {
        let begun = Instant::now();
        let place = u64::from(round).wrapping_mul(7_919) % size;
        let Ok(root) = joint::root(&MadeUp, size);
        let signed = key.as_ref().map(|key| key.sign_bytes(&root));
        let Ok(proof) = inclusion(&MadeUp, place, size);
        assert!(signed.is_some() && proof.is_some_and(|proof| proof.len() > 20));
        begun.elapsed()
    };
    (0..rounds).map(one).collect()
}
