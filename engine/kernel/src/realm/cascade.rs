//! What one run makes others do: sub-runs start, end and go back with the run above; whoever waits for a lock gets
//! it; and after a restart, what was cut off between two runs is taken up again.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::kind::runbook::OnFailure;

use super::{Batch, Next, Realm};
use crate::actor::Actor;
use crate::ids::RunId;
use crate::run::aged;
use crate::run::{Command, Event, Recorded, Run, StepState, step_state};

impl Realm {
    /// Looks at what happened in one run for what follows in others.
    pub(super) fn follow(&self, id: RunId, recorded: &[Recorded], queue: &mut VecDeque<Next>) {
        let Some(run) = self.runs.get(&id) else { return };
        for one in recorded {
            match &one.event {
                Event::ChildStarted { step, item, child } => {
                    let (step, item, child) = (Arc::clone(step), *item, *child);
                    queue.push_back(Next::StartChild { parent: id, step, item, child });
                }
                Event::Failing { follow, .. } => {
                    for child in open_children(run) {
                        let rollback = *follow == OnFailure::Rollback;
                        let cancel = Command::Cancel { by: Actor::system(), rollback, reason: None };
                        queue.push_back(Next::Handle(child, cancel));
                    }
                }
                Event::UndoStarted { step, item, input: None, .. } => {
                    if let Some(child) = child_of(run, step, *item) {
                        queue.push_back(Next::Handle(child, Command::Undo));
                    }
                }
                Event::Settled(_) => {
                    queue.extend(
                        end_for_parent(self, run).map(|(parent, command)| Next::Handle(parent, command)),
                    );
                    if let Some(lock) = &run.started.lock {
                        queue.push_back(Next::GrantLock(Arc::clone(&lock.name)));
                    }
                }
                _ => {}
            }
        }
    }

    /// What a crash may have cut off between two transactions is nothing: cascades are part of the batch. What can
    /// be open is a lock whose next holder was not told.
    pub(super) fn mend(&mut self, now: Timestamp) -> Batch {
        let mut batch = Batch::default();
        let names: Vec<Arc<str>> = self.world.locks.0.keys().cloned().collect();
        for name in names {
            while let Some(waiting) = self.world.locks.next(&name) {
                if self.handle(waiting.run, Command::LockGranted, now, &mut batch).is_err() {
                    break;
                }
            }
        }
        batch
    }
}

fn child_of(run: &Run, step: &str, item: u32) -> Option<RunId> {
    let planned = run.plan.step(step)?;
    run.steps.get(planned.index)?.items.get(item as usize)?.child
}

fn open_children(run: &Run) -> Vec<RunId> {
    if run.children == 0 {
        return Vec::new();
    }
    let items = run.steps.iter().flat_map(|step| &step.items);
    items.filter(|item| item.work.state == StepState::Waiting).filter_map(|item| item.child).collect()
}

/// What the end of a sub-run means to the run above.
fn end_for_parent(realm: &Realm, run: &Run) -> Option<(RunId, Command)> {
    let parent = run.started.parent.as_ref()?;
    let above = realm.runs.get(&parent.run)?;
    let planned = above.plan.step(&parent.step)?;
    let item = above.steps.get(planned.index)?.items.get(parent.item as usize)?;
    let (step, index) = (Arc::clone(&parent.step), parent.item);
    if item.work.state != StepState::Waiting {
        return Some((parent.run, Command::ChildUndone { step, item: index, rollback: run.rollback() }));
    }
    let end = run.end.as_ref()?;
    let settled = Command::ChildSettled {
        step,
        item: index,
        state: step_state(end.state),
        reasons: end.reasons.clone(),
        output: end.outputs.clone(),
        grounds: end.outputs.as_ref().map(|_| aged::of_results(run)).unwrap_or_default(),
        acted: !run.happened.is_empty(),
        rollback: run.rollback(),
    };
    Some((parent.run, settled))
}
