//! What a run was asked, once more: `when`, guards, policies at the place in its journal where they were asked. For that
//! the counters of all runs that conditions and quotas read stand in its journal. Nothing here changes a run's state.

use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::PlanStep;
use ordain_spec::expr::{COST_LIMIT, Expr};

use super::attempt::action;
use super::event::Event;
use super::state::{Phase, Run};
use super::turn::{Done, Turn};
use super::{Rejection, booker};
use crate::decision::Decision;
use crate::reason::Reason;
use crate::world::World;

impl Run {
    /// What the policies of that world say of an item at that instant.
    pub(crate) fn decided_again(
        &mut self,
        world: &mut World,
        at: Timestamp,
        step: &str,
        item: u32,
        phase: Phase,
    ) -> Result<Decision, Rejection> {
        let turn = Turn::new(self, world, at);
        turn.ask_policies(turn.find(step)?, item, phase)
    }

    /// What the `when` that a step is declared with comes to at that instant; none where it has no value.
    pub(crate) fn when_again(
        &mut self,
        world: &mut World,
        at: Timestamp,
        declared: &PlanStep,
    ) -> Result<Option<bool>, Rejection> {
        let Some(when) = &declared.spec.when else { return Ok(Some(true)) };
        let turn = Turn::new(self, world, at);
        let planned = turn.planned(turn.find(&declared.id)?)?;
        Ok(when.is_true(&turn.scene(planned), COST_LIMIT).ok())
    }

    /// Which of the guards that a step is declared with do not hold for an item at that instant.
    pub(crate) fn guards_again(
        &mut self,
        world: &mut World,
        at: Timestamp,
        item: u32,
        phase: Phase,
        declared: &PlanStep,
    ) -> Result<Vec<Reason>, Rejection> {
        let turn = Turn::new(self, world, at);
        turn.guards_as(turn.find(&declared.id)?, item, phase, declared)
    }
}

/// True where `when` or a guard of the step reads counters of budgets.
pub(crate) fn reads_budgets(declared: &PlanStep, phase: Phase) -> bool {
    let own = (phase == Phase::Do).then(|| {
        let guards = declared.spec.guards.iter().map(|guard| &guard.expr);
        declared.spec.when.iter().chain(guards)
    });
    let capability = action(declared, phase).map(|action| &action.capability.spec.guards);
    let guards = capability.into_iter().flatten().map(|guard| &guard.expr);
    let reads = |expr: &Expr| expr.reads().iter().any(|path| path.segments().next() == Some("budget"));
    own.into_iter().flatten().chain(guards).any(reads)
}

impl Turn<'_> {
    /// Keeps the counters that conditions of the step are about to read.
    pub(super) fn see_budgets(&mut self, step: usize, item: u32, phase: Phase) -> Done {
        let planned = self.planned(step)?;
        let Some(action) = action(planned, phase).filter(|_| reads_budgets(planned, phase)) else {
            return Ok(());
        };
        let budgets = Some(Arc::new(self.world.budget_facts(self.run, action, self.now).to_json()));
        let step = self.id(step)?;
        self.emit(Event::CountersSeen { step, item, phase, budgets, quotas: Vec::new() })
    }

    /// Keeps the counters of the quotas that the step is about to count on.
    pub(super) fn see_quotas(&mut self, step: usize, item: u32, phase: Phase, first: bool) -> Done {
        let planned = self.planned(step)?;
        let declared = action(planned, phase).filter(|_| first && phase == Phase::Do);
        let Some(action) = declared.filter(|action| !action.capability.spec.quotas.is_empty()) else {
            return Ok(());
        };
        let booker = booker(self.run, action);
        let quotas = self.world.quotas.counted(&action.capability.spec.quotas, &booker, self.now);
        let step = self.id(step)?;
        self.emit(Event::CountersSeen { step, item, phase, budgets: None, quotas })
    }
}
