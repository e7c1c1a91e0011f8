//! What one transaction will hold, and what is said and done once it is stored.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ordain_kernel::ids::RunId;
use ordain_kernel::realm::Batch;
use ordain_kernel::run::Run;
use ordain_kernel::run::effect::Effect;

use super::message::{Answering, say};
use crate::api::ApiError;
use crate::driver::Finished;
use crate::store::rows::Rows;
use crate::views;

/// What is answered once a transaction is stored.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) rows: Rows,
    pub(super) touched: BTreeSet<RunId>,
    pub(super) effects: VecDeque<Effect>,
    pub(super) finished: Vec<Finished>,
    pub(super) answers: Vec<Answer>,
}

/// What is said to who asked.
pub(super) type Answer = Box<dyn FnOnce(&mut Stored) + Send>;

/// What became of a transaction.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) failed: Option<ApiError>,
    /// Runs that are over and were let go of.
    pub(super) over: BTreeMap<RunId, Run>,
}

impl Pending {
    pub(super) fn add(&mut self, batch: Batch) {
        views::rows_of(batch.entries, &mut self.rows);
        self.touched.extend(batch.touched);
        self.effects.extend(batch.effects);
    }

    /// Answers once it is stored; `of` makes the answer then.
    pub(super) fn answer<S: Send + 'static, T: Send + 'static>(
        &mut self,
        to: Answering<T>,
        answer: Result<S, ApiError>,
        of: impl FnOnce(S, &mut Stored) -> T + Send + 'static,
    ) {
        self.answers.push(Box::new(move |stored| {
            let answer = stored.failed.clone().map_or(answer, Err).map(|answer| of(answer, stored));
            say(to, answer);
        }));
    }
}

impl Stored {
    /// The run, where it is over and nobody had it yet.
    pub(super) fn take(&mut self, run: RunId) -> Option<Box<Run>> {
        self.over.remove(&run).map(Box::new)
    }
}
