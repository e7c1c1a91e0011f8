//! An incident as a test: a recorded run written as a Scenario, with the answers that the outside gave, what people
//! did and when, and what it came to. Judges nothing: whether the scenario passes is the rehearsal's to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::expr::duration_text;
use ordain_spec::kind::field::{Field, FieldType, Named};
use ordain_spec::kind::scenario::ResolveOutcome;
use serde_json::{Map, Value, json};

use crate::reason::{Code, Reason};
use crate::replay::{Replayed, Story};
use crate::run::event::{AttemptSettled, Grant};
use crate::run::hold::Request;
use crate::run::{Event, Outcome, Phase, Run, StepState};

/// Codes of answers from outside: which of them a refusal gets is the connector's to say, not the kernel's.
const OUTSIDE: [Code; 6] = [
    Code::ConnectorRefused,
    Code::ConnectorTimeout,
    Code::BreakerOpen,
    Code::OutputInvalid,
    Code::OutcomeUnknown,
    Code::MockNoAnswer,
];

/// The scenario of a recorded run: `spec`, as a document. `found` is what replaying it came to.
#[must_use]
pub fn scenario(story: &Story, found: &Replayed) -> Option<Value> {
    let first = story.told.first()?;
    let Event::Started(started) = &first.event else { return None };
    let runs: BTreeMap<_, _> = found.runs.iter().map(|run| (run.0.id(), run.0.as_ref())).collect();
    let root = *runs.get(&first.run)?;
    let mut teller = Teller { clock: first.at, ..Teller::default() };
    for told in &story.told {
        if let Some(run) = runs.get(&told.run) {
            teller.event(run, told.at, &told.event);
        }
    }
    let Teller { operations, calls, budgets, killed, acts, .. } = teller;
    let mut spec = json!({
        "run": started.reference,
        "as": started.requester.id,
        "mode": started.mode.as_str(),
        "environment": started.environment,
        "at": first.at.to_string(),
    });
    let fields = spec.as_object_mut()?;
    insert(fields, "inputs", started.inputs.clone());
    let mut given = Map::new();
    insert(&mut given, "operations", operations.into_iter().collect());
    insert(&mut given, "budgets", budgets.into_iter().collect());
    insert(&mut given, "killed", killed.into());
    insert(fields, "given", Value::Object(given));
    insert(fields, "act", acts.into());
    fields.insert("expect".into(), expected(root, calls));
    Some(spec)
}

fn insert(fields: &mut Map<String, Value>, name: &str, value: Value) {
    let empty = match &value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    if !empty {
        fields.insert(name.into(), value);
    }
}

fn expected(run: &Run, calls: BTreeMap<String, u64>) -> Value {
    let steps = run.steps.iter().zip(&run.plan.steps);
    let steps: Map<String, Value> = steps
        .map(|(step, planned)| (planned.id.to_string(), json!({"state": step.state.as_str()})))
        .collect();
    let mut expect = json!({"state": run.state().as_str(), "rollback": run.rollback().as_str()});
    let Some(fields) = expect.as_object_mut() else { return expect };
    let inside = run.reasons().into_iter().filter(|reason| !OUTSIDE.contains(&reason.code));
    let mut reasons: Vec<String> = inside.map(|reason| word(&reason)).collect();
    reasons.sort();
    reasons.dedup();
    insert(fields, "reasons", reasons.into());
    insert(fields, "steps", Value::Object(steps));
    insert(fields, "calls", calls.into_iter().map(|(name, count)| (name, json!(count))).collect());
    if !run.is_settled() {
        let waits: Vec<String> = run.waiting_for().iter().map(ToString::to_string).collect();
        insert(fields, "waitingFor", waits.into());
    }
    expect
}

/// The author's word, else the code.
fn word(reason: &Reason) -> String {
    reason.reason.as_ref().map_or_else(|| reason.code.as_str().to_owned(), |own| own.to_string())
}

/// Goes through what happened.
#[derive(Default)]
struct Teller {
    /// What the simulated clock says before the next act.
    clock: Timestamp,
    operations: BTreeMap<String, Value>,
    calls: BTreeMap<String, u64>,
    budgets: BTreeMap<String, Value>,
    killed: Vec<Value>,
    acts: Vec<Value>,
}

impl Teller {
    fn event(&mut self, run: &Run, at: Timestamp, event: &Event) {
        match event {
            Event::AttemptStarted(start) => {
                if let Some(name) = call_name(run, &start.step, start.phase) {
                    *self.calls.entry(name).or_default() += 1;
                }
            }
            Event::AttemptSettled(settled) => self.answer(run, settled),
            Event::Decided { budgets: Some(seen), .. } | Event::CountersSeen { budgets: Some(seen), .. } => {
                self.counters(seen);
            }
            // From here on the simulated clock stands until it is told to go on.
            Event::StageOpened { .. } | Event::StepWaiting { .. } => self.clock = self.clock.max(at),
            Event::Granted { step, approval, grant } => {
                let Grant { by, form, assurance, .. } = &**grant;
                let mut act = decision(run, step, approval, "approve", &by.id);
                insert(&mut act, "form", form.clone());
                act.insert("assurance".into(), json!(assurance.as_str()));
                self.act(at, act);
            }
            Event::Refused { step, approval, by, assurance, .. } => {
                let mut act = decision(run, step, approval, "reject", &by.id);
                act.insert("assurance".into(), json!(assurance.as_str()));
                self.act(at, act);
            }
            Event::Withdrawn { step, approval, by, .. } => {
                let act = decision(run, step, approval, "withdraw", &by.id);
                self.act(at, act);
            }
            Event::StageExpired { .. } | Event::TimedOut => self.advance(at),
            Event::Signalled(signal) => {
                let mut act = Map::new();
                act.insert("signal".into(), json!(signal.name));
                act.insert("by".into(), json!(signal.by.id));
                insert(&mut act, "fields", (*signal.fields).clone());
                self.act(at, act);
            }
            Event::Failing { by: Some(by), .. } => {
                let act = [("cancel", json!(true)), ("by", json!(by.id))];
                self.act(at, act.map(|(name, value)| (name.to_owned(), value)).into_iter().collect());
            }
            Event::Paused { by, .. } if by.type_ != ordain_spec::kind::roster::ActorType::System => {
                let act = [("pause", json!(true)), ("by", json!(by.id))];
                self.act(at, act.map(|(name, value)| (name.to_owned(), value)).into_iter().collect());
            }
            Event::Resumed { by, .. } => {
                let act = [("resume", json!(true)), ("by", json!(by.id))];
                self.act(at, act.map(|(name, value)| (name.to_owned(), value)).into_iter().collect());
            }
            Event::Resolving(resolution) => self.resolved(at, resolution),
            Event::ItemStopped { reasons, .. } => self.switches(reasons),
            Event::StepSettled(settled) => {
                // Nobody sent the signal in time.
                if settled.state == StepState::Expired {
                    self.advance(at);
                }
                self.switches(&settled.reasons);
            }
            _ => {}
        }
    }

    fn resolved(&mut self, at: Timestamp, resolution: &crate::run::event::Resolution) {
        let mut act = Map::new();
        act.insert("resolve".into(), json!(resolution.step));
        act.insert("by".into(), json!(resolution.by.id));
        let outcome = match resolution.outcome {
            ResolveOutcome::Succeeded => "succeeded",
            ResolveOutcome::Failed => "failed",
            ResolveOutcome::Undone => "undone",
            ResolveOutcome::Again => "again",
        };
        act.insert("outcome".into(), json!(outcome));
        act.insert("reason".into(), json!(resolution.reason));
        insert(&mut act, "outputs", resolution.outputs.as_deref().cloned().unwrap_or_default());
        self.act(at, act);
    }

    fn act(&mut self, at: Timestamp, act: Map<String, Value>) {
        self.advance(at);
        self.acts.push(Value::Object(act));
    }

    /// Lets the clock run as long as it ran, to the second: what lies below is the machine's, not the people's.
    fn advance(&mut self, at: Timestamp) {
        let passed = at.as_millisecond().saturating_sub(self.clock.as_millisecond()) / 1_000 * 1_000;
        if passed > 0 {
            self.acts.push(json!({"advance": duration_text(passed)}));
        }
        self.clock = self.clock.max(at);
    }

    fn answer(&mut self, run: &Run, settled: &AttemptSettled) {
        let Some(name) = call_name(run, &settled.step, settled.phase) else { return };
        let mut answer = match &settled.outcome {
            Outcome::Succeeded { output } => json!({"output": unmasked(run, settled, output)}),
            Outcome::Refused { retryable: true, .. } => json!({"error": "retryable"}),
            Outcome::Refused { .. } => json!({"error": "permanent"}),
            Outcome::Unknown { .. } => json!({"error": "timeout"}),
        };
        let answers = self.operations.entry(name).or_insert_with(|| json!([]));
        let Some(answers) = answers.as_array_mut() else { return };
        if let Some(last) = answers.last_mut().and_then(Value::as_object_mut) {
            let times = last.get("times").and_then(Value::as_u64).unwrap_or(1);
            let same = ["output", "error"].iter().all(|field| last.get(*field) == answer.get(*field));
            if same {
                last.insert("times".into(), json!(times + 1));
                return;
            }
        }
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("times".into(), json!(1));
        }
        answers.push(answer);
    }

    /// What others had spent before the first decision that read a counter.
    fn counters(&mut self, seen: &Value) {
        for (name, standing) in seen.as_object().into_iter().flatten() {
            let number = |field: &str| standing.get(field).and_then(Value::as_i64).unwrap_or(0);
            let spent = number("spent").saturating_add(number("reserved"));
            if spent > 0 {
                self.budgets.entry(name.clone()).or_insert_with(|| json!({"spent": spent}));
            }
        }
    }

    fn switches(&mut self, reasons: &[Reason]) {
        let hit = reasons.iter().filter(|reason| reason.code == Code::KillSwitch);
        for selector in hit.filter_map(|reason| reason.detail.as_ref()?.split('`').nth(1)) {
            if !self.killed.iter().any(|known| *known == *selector) {
                self.killed.push(json!(selector));
            }
        }
    }
}

/// An answer without what a policy masked: in place of that stands a value of its type. Later steps could not read
/// it, so they do the same.
fn unmasked(run: &Run, settled: &AttemptSettled, output: &Value) -> Value {
    let mut output = output.clone();
    let step = run.steps.iter().zip(&run.plan.steps).find(|(_, planned)| planned.id == settled.step);
    let Some((step, planned)) = step.filter(|_| settled.phase == Phase::Do) else { return output };
    let Some(action) = planned.action() else { return output };
    for name in step.items.iter().flat_map(|item| &item.work.masks) {
        if let Some(value) = output.get_mut(&**name) {
            *value = action.capability.spec.output.get(name).map_or(Value::Null, stand_in);
        }
    }
    output
}

/// A value of a field's type that says nothing.
fn stand_in(field: &Field) -> Value {
    let word = field.enum_.as_ref().and_then(|words| words.value.first());
    if let Some(word) = word {
        return word.value.0.clone();
    }
    match field.type_.value {
        FieldType::String => {
            let most = field
                .max_length
                .as_ref()
                .map_or(usize::MAX, |most| usize::try_from(most.value).unwrap_or(usize::MAX));
            json!("masked".chars().take(most).collect::<String>())
        }
        FieldType::Integer | FieldType::Number => {
            field.minimum.as_ref().map_or_else(|| json!(0), |least| least.value.0.clone())
        }
        FieldType::Boolean => json!(false),
        FieldType::Timestamp => json!(Timestamp::UNIX_EPOCH.to_string()),
        FieldType::Duration => json!("0s"),
        FieldType::Array => json!([]),
        FieldType::Object => {
            let fields = field.fields.iter().flat_map(Named::iter).filter(|(_, field)| field.is_required());
            fields.map(|(name, field)| (name.to_string(), stand_in(field))).collect()
        }
    }
}

fn call_name(run: &Run, step: &str, phase: Phase) -> Option<String> {
    let planned = run.plan.step(step)?;
    Some(match phase {
        Phase::Do => planned.action()?.call_name(),
        Phase::Undo => planned.undo()?.action.call_name(),
    })
}

/// A person's decision on a stage of a step.
fn decision(
    run: &Run,
    step: &Arc<str>,
    approval: &crate::ids::ApprovalId,
    verb: &str,
    by: &str,
) -> Map<String, Value> {
    let mut act = Map::new();
    let holds = run.steps.iter().zip(&run.plan.steps).filter(|(_, planned)| planned.id == *step);
    let requests = holds.flat_map(|(step, _)| step.holds.iter().flat_map(|hold| &hold.requests));
    let of = |request: &&Request| request.stages.iter().any(|stage| stage.id == *approval);
    if let Some(request) = requests.into_iter().find(of) {
        act.insert(verb.into(), json!(request.name));
        let stage = request.stages.iter().find(|stage| stage.id == *approval);
        act.extend(stage.map(|stage| ("stage".to_owned(), json!(stage.stage))));
    }
    act.insert("step".into(), json!(step));
    act.insert("by".into(), json!(by));
    act
}
