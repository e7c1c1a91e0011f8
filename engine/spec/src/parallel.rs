//! The same done to many things on all cores, which changes nothing but the time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Stack of each worker: what recurses there may go as deep as on a main thread.
const STACK: usize = 8 << 20;
/// More cores than that bring nothing: what is done between is done by one.
const WORKERS: usize = 8;

/// What `each` makes of the items, in their order. `least` is how many are worth a worker of their own.
pub fn map<T: Sync, R: Send>(items: &[T], least: usize, each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(WORKERS);
    let workers = cores.min(items.len() / least.max(1)).max(1);
    let next = AtomicUsize::new(0);
    // Each takes the next one that nobody has: some cost a hundred times as much as others.
    let work = || {
        let mut made = Vec::with_capacity(items.len() / workers + 1);
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return made };
            made.push((at, each(item)));
        }
    };
    let mut made = thread::scope(|scope| {
        let start = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..workers).filter_map(start).collect();
        let mut made = work();
        for other in others {
            match other.join() {
                Ok(more) => made.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    });
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_comes_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1_000).collect();
        assert_eq!(map(&items, 1, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(map(&[] as &[usize], 0, |item| *item), Vec::<usize>::new());
    }
}
