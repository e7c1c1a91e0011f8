//! What there is to say about a step, as labelled lines: the same words for the terminal and others.

use ordain_spec::kind::Approval;
use ordain_spec::kind::capability::{Guard, Idempotency};
use ordain_spec::kind::metadata::{FailureMode, NoRollback, Risk, Rollback};
use ordain_spec::kind::runbook::{Backoff, NeedOn, OnFailure};
use ordain_spec::kind::scalar::{DurationMs, Effect};

use super::paint::{Ink, Line};
use crate::model::{Action, Body, Gate, GateSource, Plan, PlanStep};
use crate::words::{count, duration, expression, number};

/// A label and what it says.
pub type Said = (&'static str, Line);

fn plain(text: &str) -> Line {
    Line::default().with(Ink::Plain, text)
}

/// The mark of a step in the lanes: a diamond where people decide.
pub fn mark(step: &PlanStep) -> (&'static str, Ink) {
    match &step.body {
        Body::Use(_) if step.approvals.is_empty() && !step.gates.iter().any(|gate| gate.certain) => {
            ("●", Ink::Strong)
        }
        Body::Use(_) | Body::Approve(_) => ("◆", Ink::People),
        Body::SubRun(_) => ("▣", Ink::Strong),
        Body::Wait { .. } => ("○", Ink::Dim),
        Body::Signal => ("◇", Ink::Note),
        Body::Export(_) => ("▷", Ink::People),
    }
}

/// What the step does, in one or two words: `payments.refund@1.4.0`, `runbook canary@1.0.0`, `wait 30s`.
pub fn body(step: &PlanStep) -> String {
    match &step.body {
        Body::Use(action) => action.uses(),
        Body::SubRun(plan) => match plan.flow() {
            Some(export) => format!("export {export}"),
            None => format!("runbook {}", titled(plan)),
        },
        Body::Approve(approval) => format!("approve {}", approval.metadata.name.value),
        Body::Wait { ms } => format!("wait {}", duration(*ms)),
        Body::Signal => {
            let name =
                step.spec.signal.as_ref().map(|signal| signal.name.value.to_string()).unwrap_or_default();
            format!("signal {name}")
        }
        Body::Export(export) => format!("export {}", export.metadata.name.value),
    }
}

/// `name@version`
pub fn titled(plan: &Plan) -> String {
    match plan.version().as_str() {
        "" => plan.name().to_owned(),
        version => format!("{}@{version}", plan.name()),
    }
}

pub const fn risk_ink(risk: Risk) -> Ink {
    match risk {
        Risk::Low => Ink::Good,
        Risk::Medium => Ink::Note,
        Risk::High => Ink::Alarm,
        Risk::Critical => Ink::Worst,
    }
}

pub const fn effect_ink(effect: Effect) -> Ink {
    match effect {
        Effect::Read => Ink::Dim,
        Effect::Write => Ink::Plain,
        Effect::Irreversible => Ink::Worst,
    }
}

/// The risk of a step's capability, where it uses one that declares it.
pub fn risk(step: &PlanStep) -> Option<Risk> {
    step.action()?.capability.metadata.risk.as_ref().map(|risk| risk.value)
}

/// Everything below a step's own line, in the order in which a run meets it.
pub fn details(plan: &Plan, step: &PlanStep, needs_in_words: bool) -> Vec<Said> {
    let mut said = Vec::new();
    if needs_in_words && !step.needs.is_empty() {
        said.push(("after", needs(plan, step)));
    }
    if let Some(when) = &step.spec.when {
        said.push(("when", plain(&expression(when))));
    }
    if let Some(each) = &step.spec.for_each {
        let list = format!("{} in {}", each.item_name(), expression(&each.in_));
        let bounds = format!(
            ", {} at most, {} at once",
            count(step.max_items, "item", "items"),
            each.max_parallel.value
        );
        said.push(("for each", plain(&list).with(Ink::Dim, &bounds)));
    }
    let action = step.action();
    for guard in action.iter().flat_map(|action| &action.capability.spec.guards).chain(&step.spec.guards) {
        said.push(("only if", guarded(guard)));
    }
    said.extend(asks(step));
    if let Some(action) = action {
        said.extend(costs(step, action));
        said.push(("calls", calls(step, action)));
    }
    said.extend(repeats(step));
    said.extend(waits(step));
    for ensure in &step.spec.ensures {
        said.push(("ensures", guarded(ensure)));
    }
    said.extend(failure(step));
    said.extend(action.and_then(|action| undo(action)));
    said
}

/// `check, promote in whatever way`
pub fn needs(plan: &Plan, step: &PlanStep) -> Line {
    let mut line = Line::default();
    for (at, need) in step.needs.iter().enumerate() {
        let id = plan.steps.get(need.step).map_or("?", |earlier| &*earlier.id);
        line.add(Ink::Plain, if at > 0 { ", " } else { "" }).add(Ink::Plain, id);
        match need.on {
            NeedOn::Success => {}
            NeedOn::Ok => {
                line.add(Ink::Dim, " done or skipped");
            }
            NeedOn::Any => {
                line.add(Ink::Note, " however it settles");
            }
        }
    }
    line
}

fn guarded(guard: &Guard) -> Line {
    plain(&expression(&guard.expr)).with(Ink::Dim, &format!("  {}", guard.id.value))
}

fn asks(step: &PlanStep) -> Vec<Said> {
    let mut said = Vec::new();
    if let Body::Approve(approval) = &step.body {
        said.push(("asks", stages(approval)));
    }
    for approval in &step.approvals {
        let name = approval.metadata.name.value.as_str();
        let mut line = Line::default().with(Ink::People, name).with(Ink::Dim, ": ");
        line.append(&stages(approval));
        said.push(("asks", line));
    }
    for gate in &step.gates {
        if !step.approvals.iter().any(|approval| approval.metadata.name.value.as_str() == &*gate.approval) {
            said.push((if gate.certain { "asks" } else { "may ask" }, gated(gate)));
        }
    }
    said
}

fn gated(gate: &Gate) -> Line {
    let mut line = Line::default().with(Ink::People, &gate.approval);
    match &gate.source {
        GateSource::Policy { name, rule } => line.add(Ink::Dim, &format!(" by policy {name}, rule {rule}")),
        GateSource::Budget { name } => line.add(Ink::Dim, &format!(" when budget {name} is exceeded")),
    };
    if let Some(when) = &gate.when {
        line.add(Ink::Dim, ", when ").add(Ink::Plain, when);
    }
    line
}

/// `peer 1 of group:data within 4h, then risk 2 of group:risk, user:alice within 8h signed`
pub fn stages(approval: &Approval) -> Line {
    let mut line = Line::default();
    for (at, stage) in approval.spec.stages.iter().enumerate() {
        let who: Vec<String> = stage.any_of.iter().map(|principal| principal.value.to_string()).collect();
        line.add(Ink::Dim, if at > 0 { ", then " } else { "" })
            .add(Ink::Strong, stage.id.value.as_str())
            .add(Ink::Plain, &format!(" {} of {}", stage.quorum.value, who.join(", ")));
        if let Some(expires) = &stage.expires {
            line.add(Ink::Dim, &format!(" within {}", duration(expires.value.0)));
        }
        if stage.step_up.value {
            line.add(Ink::Note, " with a fresh second factor or a signature");
        }
    }
    if approval.spec.requester_may_approve.value {
        line.add(Ink::Note, "; the requester may approve");
    }
    line
}

fn costs(step: &PlanStep, action: &Action) -> Option<Said> {
    let costs = &action.capability.spec.costs;
    if costs.is_empty() {
        return None;
    }
    let each: Vec<String> = costs
        .iter()
        .map(|cost| match &cost.max {
            Some(max) => format!("{} {}", number(max.value), cost.unit.value),
            None => format!("{} without bound", cost.unit.value),
        })
        .collect();
    let mut line = plain(&format!("{} at most", each.join(", ")));
    if step.is_for_each() {
        line.add(Ink::Dim, " an item");
    }
    Some(("costs", line))
}

/// `stripe.create-refund (http), 10s at most, key input.payment`
fn calls(step: &PlanStep, action: &Action) -> Line {
    let mut line = Line::default()
        .with(Ink::Plain, &action.call_name())
        .with(Ink::Dim, &format!(" ({})", action.connector.spec.type_.value));
    if let Some(ms) = step.timeout_ms {
        line.add(Ink::Dim, &format!(", {} at most", duration(ms)));
    }
    if action.capability.spec.effect.value != Effect::Read {
        let repeatable = match &action.idempotency {
            Idempotency::Step => "; repeats are harmless by the step's key".to_owned(),
            Idempotency::Key(key) => format!("; repeats are harmless by the key {}", expression(key)),
            Idempotency::Natural => "; repeats are harmless".to_owned(),
            Idempotency::None => "; never repeated".to_owned(),
        };
        line.add(Ink::Dim, &repeatable);
    }
    line
}

fn repeats(step: &PlanStep) -> Vec<Said> {
    let mut said = Vec::new();
    if let Some(repeat) = &step.spec.repeat {
        let pace = format!("every {} until ", duration(repeat.every.value.0));
        let bound = format!(", {} at most", count(repeat.max.value, "round", "rounds"));
        let until = expression(&repeat.until);
        said.push((
            "repeats",
            Line::default().with(Ink::Dim, &pace).with(Ink::Plain, &until).with(Ink::Dim, &bound),
        ));
    }
    if let Some(retry) = &step.spec.retry
        && retry.attempts.value > 1
    {
        let DurationMs(initial) = retry.initial;
        let pauses = match retry.backoff {
            Backoff::Constant => format!(", {} apart", duration(initial)),
            Backoff::Exponential => {
                format!(", {} apart, doubling to {}", duration(initial), duration(retry.max.0))
            }
        };
        let attempts = count(retry.attempts.value, "attempt", "attempts");
        said.push(("retries", plain(&attempts).with(Ink::Dim, &format!(" at most{pauses}"))));
    }
    said
}

fn waits(step: &PlanStep) -> Option<Said> {
    let signal = step.spec.signal.as_ref()?;
    let from: Vec<String> = signal.from.iter().map(|principal| principal.value.to_string()).collect();
    let fields: Vec<&str> = signal.fields.keys().map(|name| &**name).collect();
    let mut line = plain(&format!("a signal from {}", from.join(", ")));
    line.add(Ink::Dim, &format!(" within {}", duration(signal.timeout.value.0)));
    if !fields.is_empty() {
        line.add(Ink::Dim, &format!(", with {}", fields.join(", ")));
    }
    Some(("waits for", line))
}

fn failure(step: &PlanStep) -> Option<Said> {
    if step.spec.on_failure.is_some() {
        return Some(("if it fails", plain("the run goes on without it")));
    }
    let mode = step.action()?.capability.metadata.failure_mode.as_ref()?.value;
    match mode {
        FailureMode::Retry => None,
        FailureMode::Rollback => Some(("if it fails", plain("the run rolls back"))),
        FailureMode::Halt => Some((
            "if it fails",
            Line::default().with(Ink::Note, "the run is stuck until a person resolves it"),
        )),
    }
}

fn undo(action: &Action) -> Option<Said> {
    if let Some(undo) = &action.undo {
        let call = format!(" ({})", undo.action.call_name());
        return Some((
            "undone by",
            Line::default().with(Ink::Name, &undo.action.uses()).with(Ink::Dim, &call),
        ));
    }
    if action.capability.spec.effect.value == Effect::Read {
        return None;
    }
    match action.capability.metadata.rollback.as_ref().map(|rollback| &rollback.value) {
        Some(Rollback::None { none, why }) => {
            let (word, ink) = match none {
                NoRollback::Needless => ("nothing to undo", Ink::Dim),
                NoRollback::Impossible => ("cannot be undone", Ink::Alarm),
            };
            Some(("undo", Line::default().with(ink, word).with(Ink::Dim, &format!(": {}", why.0))))
        }
        Some(Rollback::Uses { .. }) | None => None,
    }
}

/// What a failure does to the run, in the runbook's own words.
pub const fn on_failure(plan: OnFailure) -> &'static str {
    match plan {
        OnFailure::Stop => "a failure stops it",
        OnFailure::Rollback => "a failure rolls it back",
    }
}
