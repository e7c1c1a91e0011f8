//! Sub-runs, as the run above sees them: an item starts one, and its end is the item's. The realm starts and ends
//! them; nothing here touches another run.

use super::Phase;
use super::event::Event;
use super::turn::{Done, Turn};

impl Turn<'_> {
    /// Starts the sub-run of an item, behind the same guards as everything.
    pub fn start_child(&mut self, step: usize, item: u32) -> Done {
        if self.fresh != Some(step) {
            self.see_budgets(step, item, Phase::Do)?;
            let reasons = self.item_guards(step, item, Phase::Do)?;
            let stale = self.stale(step)?;
            let reasons: Vec<_> = reasons.into_iter().chain(stale).collect();
            if !reasons.is_empty() {
                return self.stop_item(step, item, Phase::Do, super::StepState::Denied, reasons);
            }
        }
        if !self.is_bound(step, item, None)? {
            return Ok(());
        }
        let id = self.id(step)?;
        let child = self.run.id().child(&id, item);
        self.emit(Event::ChildStarted { step: id, item, child })
    }
}
