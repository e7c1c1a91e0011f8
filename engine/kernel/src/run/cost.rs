//! What an attempt costs before it is made, in every unit, and what a step that waits for people would reserve.
//! Nothing here books anything.

use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::PlanStep;
use ordain_spec::expr::{COST_LIMIT, Value};

use super::attempt::action;
use super::facts::{Place, Scene, typed};
use super::gate::booker;
use super::state::{Phase, Run, Work};
use crate::budget::{self, Cost};
use crate::reason::{Code, Reason};
use crate::world::World;

/// The unit that is one an attempt and needs no declaration.
pub(super) const CALLS: &str = "calls";

/// The estimated cost in every unit: the first attempt's is the whole, each further one's its call.
pub(super) fn estimate(
    run: &Run,
    world: &World,
    now: Timestamp,
    planned: &PlanStep,
    work: &Work,
    phase: Phase,
) -> Result<Vec<Cost>, Reason> {
    let mut costs = vec![Cost { unit: CALLS.into(), amount: 1 }];
    let Some(action) = action(planned, phase).filter(|_| work.attempts == 0) else { return Ok(costs) };
    let scene = Scene::new(run, world, now, Place::Capability, Some(planned));
    let scene = if phase == Phase::Undo { scene.undoing() } else { scene };
    let scene = scene.with("input", typed(&work.input, &action.capability.spec.input));
    for cost in &action.capability.spec.costs {
        let unit = cost.unit.value.as_str();
        let amount = match cost.estimate.eval(&scene, COST_LIMIT) {
            Ok(Value::Int(amount)) => amount,
            Ok(_) => {
                let detail = format!("the cost in `{unit}` is no integer");
                return Err(Reason::new(Code::ExpressionError, detail));
            }
            Err(error) => return Err(Reason::new(Code::ExpressionError, error.message)),
        };
        let max = cost.max.as_ref().map_or(i64::MAX, |max| max.value);
        if phase == Phase::Do && (amount < 0 || amount > max) {
            let detail = format!("{amount} {unit} estimated; from 0 to {max} are declared");
            return Err(Reason::new(Code::CostOverMax, detail));
        }
        if unit == CALLS {
            costs.clear();
        }
        costs.push(Cost { unit: unit.into(), amount });
    }
    Ok(costs)
}

/// What a step would reserve in one budget if it started now.
pub(crate) struct Effect {
    /// The budget.
    pub name: Arc<str>,
    /// Its unit.
    pub unit: Arc<str>,
    /// Over all items that have not begun.
    pub amount: i64,
    /// What is left of the limit before it.
    pub remaining: i64,
}

/// What a step would reserve in each budget that applies, by name.
pub(crate) fn effects(run: &Run, world: &World, planned: &PlanStep, now: Timestamp) -> Vec<Effect> {
    let (Some(action), Some(step), Some(active)) =
        (planned.action(), run.steps.get(planned.index), &world.active)
    else {
        return Vec::new();
    };
    let unbegun = step.items.iter().map(|item| &item.work).filter(|work| work.attempts == 0);
    let costs: Vec<Cost> = unbegun
        .filter_map(|work| estimate(run, world, now, planned, work, Phase::Do).ok())
        .flatten()
        .collect();
    let booker = booker(run, action);
    let applying = active.catalogue.budgets.values().filter_map(|budget| {
        let standing = budget::standing(budget, &booker, &world.budgets, now)?;
        let unit = budget.spec.unit.value.shared();
        let amounts = costs.iter().filter(|cost| cost.unit == unit).map(|cost| cost.amount);
        Some(Effect {
            name: budget.metadata.name.value.shared(),
            amount: amounts.fold(0, i64::saturating_add),
            unit,
            remaining: standing.remaining,
        })
    });
    applying.collect()
}
