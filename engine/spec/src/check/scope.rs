//! The facts of every place where an expression may stand, with their types, presence and sensitivity:
//! what `language.md` says in its table of facts. The kernel gives exactly these facts when it evaluates.

mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use whole::{catalogue_facts, invariants};

use super::context::{Context, may_match};
use super::flow::Flow;
use crate::diagnostic::Edit;
use crate::edit::{Side, Written, field_into, item_after};
use crate::expr::{Bounds, Expr, Field, Presence, Scope, Type, check, facts};
use crate::kind::capability::CapabilitySpec;
use crate::kind::connector::{ConnectorType, Operation, Stdout};
use crate::kind::field::FieldMap;
use crate::kind::runbook::Step;
use crate::kind::scalar::Sensitivity;
use crate::kind::selector::Selector;
use crate::kind::{Capability, Connector, Runbook};

/// The states of a run.
pub const RUN_STATES: &[&str] = &[
    "pending",
    "running",
    "waiting",
    "paused",
    "succeeded",
    "failed",
    "denied",
    "rejected",
    "expired",
    "cancelled",
    "stuck",
];
/// Up to so many steps all of them are looked at for the name nearest to a wrong one.
const SHOWN_STEPS: usize = 256;
const fn meta(ty: Type) -> Field {
    Field::always(ty, Sensitivity::Meta)
}

/// `response` of an operation's outputs.
#[must_use]
pub fn response(connector: &Connector, operation: &Operation) -> Field {
    match connector.spec.type_.value {
        ConnectorType::Http => facts::http_response(),
        ConnectorType::Exec => program_response(operation),
        // There is no response, only declared answers: its outputs may be written for either kind.
        ConnectorType::Mock => either_response(),
    }
}

/// Of a program is there what `stdout` says that it is read as, and nothing else.
fn program_response(operation: &Operation) -> Field {
    let mut response = facts::exec_response();
    let Type::Record(fields) = &mut response.ty else { return response };
    let read = operation.stdout.as_ref().map_or(Stdout::None, |stdout| stdout.value);
    for (name, needs) in [("text", Stdout::Text), ("json", Stdout::Json)] {
        if read != needs
            && let Some(field) = Arc::make_mut(fields).get_mut(name)
        {
            field.presence = Presence::Refused {
                code: "unknown-fact",
                message: format!("`response.{name}` is never there: the operation reads `stdout: {read}`")
                    .into(),
                help: Some(format!("write `stdout: {needs}`, or read what is there").into()),
                edit: None,
            };
        }
    }
    response
}

fn either_response() -> Field {
    let (http, exec) = (facts::http_response(), facts::exec_response());
    let (Type::Record(one), Type::Record(other)) = (&http.ty, &exec.ty) else { return http };
    let all = one.iter().chain(other.iter()).map(|(name, field)| (Arc::clone(name), field.clone()));
    Field::always(Type::record(all), http.sensitivity)
}

/// A fact whose fields a field map declares.
#[must_use]
pub fn declared(fields: &FieldMap) -> Field {
    Field::always(Type::fields(fields), Sensitivity::Public)
}

/// `constants`
#[must_use]
pub fn constants(runbook: &Runbook) -> Field {
    let fields = runbook.spec.constants.iter().map(|(name, value)| {
        let mut field = Field::always(json_type(&value.value.0), Sensitivity::Internal);
        (field.bounds.least, field.bounds.most) = (value.value.0.as_i64(), value.value.0.as_i64());
        (Arc::clone(name), field)
    });
    Field::always(Type::record(fields), Sensitivity::Public)
}

fn json_type(value: &serde_json::Value) -> Type {
    match value {
        serde_json::Value::Null => Type::Null,
        serde_json::Value::Bool(_) => Type::Bool,
        serde_json::Value::Number(number) if number.is_i64() => Type::Int,
        serde_json::Value::Number(_) => Type::Double,
        serde_json::Value::String(text) => Type::one_of([text.as_str()]),
        serde_json::Value::Array(items) => {
            // Each once: lists lie in lists.
            let mut types = items.iter().map(json_type);
            let first = types.next().unwrap_or(Type::Any);
            let item = if types.all(|item| item.is_like(&first)) { first } else { Type::Any };
            // A list of words allows all of them, not only the first.
            let words: Option<Vec<&str>> = items.iter().map(serde_json::Value::as_str).collect();
            let item = words.filter(|words| !words.is_empty()).map_or(item, Type::one_of);
            Type::list(item, Some(items.len() as u64))
        }
        serde_json::Value::Object(entries) => Type::record(
            entries
                .iter()
                .map(|(name, value)| (name.as_str(), Field::always(json_type(value), Sensitivity::Internal))),
        ),
    }
}

impl Context<'_> {
    /// `budget` where the capability is used, in that runbook or in any.
    pub(super) fn budget(&self, capability: &Capability, runbook: Option<&str>) -> Field {
        let budgets = self
            .all
            .budgets
            .iter()
            .filter(|(_, budget)| may_match(&budget.spec.applies, capability, runbook));
        facts::budget(budgets.map(|(name, _)| name.as_str()))
    }

    /// The facts of a capability's guards, costs, `with` and idempotency key.
    pub(super) fn capability_scope(&self, capability: &Capability) -> Scope {
        Scope::new([
            ("input", declared(&capability.spec.input)),
            ("actor", facts::actor()),
            ("run", facts::run()),
            ("budget", self.budget(capability, None)),
            ("now", facts::now()),
        ])
    }

    /// The facts of a policy's rule that is about these capabilities.
    pub(super) fn rule_scope(&self, capabilities: &[&Arc<Capability>], expr: &Expr) -> Scope {
        let reads = |root: &str| expr.reads().iter().any(|path| path.root() == root);
        let mut scope = Scope::new([
            ("capability", facts::capability()),
            ("step", facts::step()),
            ("actor", facts::actor()),
            ("run", facts::run()),
            ("now", facts::now()),
        ])
        .clearance(Sensitivity::Personal);
        if reads("input") {
            let inputs: Vec<_> = capabilities
                .iter()
                .map(|capability| (capability.metadata.name.value.shared(), fields(&capability.spec.input)))
                .collect();
            scope = scope.with("input", together(&inputs));
        } else {
            scope = scope.with("input", meta(Type::Any));
        }
        let budget = if reads("budget") { self.budgets_of(capabilities) } else { meta(Type::Any) };
        scope.with("budget", budget)
    }

    fn budgets_of(&self, capabilities: &[&Arc<Capability>]) -> Field {
        let mut found = Vec::new();
        for (name, budget) in &self.all.budgets {
            let covered = capabilities
                .iter()
                .filter(|capability| may_match(&budget.spec.applies, capability, None))
                .count();
            if covered == capabilities.len() {
                found.push((name.as_str(), meta(counter())));
            } else if covered > 0 {
                let why = "the budget does not apply to every capability of this rule";
                found.push((name.as_str(), Field::optional(counter(), Sensitivity::Meta, why)));
            }
        }
        meta(Type::record(found))
    }
}

/// One counter of `budget`.
fn counter() -> Type {
    let Type::Record(fields) = facts::budget(["x"]).ty else { return Type::Any };
    fields.get("x").map_or(Type::Any, |field| field.ty.clone())
}

fn fields(map: &FieldMap) -> BTreeMap<Arc<str>, Field> {
    map.iter().map(|(name, field)| (Arc::clone(name), Field::declared(field))).collect()
}

/// Declared fields by their names.
type FieldsByName = BTreeMap<Arc<str>, Field>;

/// One fact out of what several sides declare: a field is there where each has it, of one type.
pub(super) fn together(sides: &[(Arc<str>, FieldsByName)]) -> Field {
    if sides.is_empty() {
        return Field::always(Type::Any, Sensitivity::Public);
    }
    let names: BTreeSet<&Arc<str>> = sides.iter().flat_map(|(_, fields)| fields.keys()).collect();
    let joined = names.into_iter().map(|name| {
        let given: Vec<(&Arc<str>, &Field)> =
            sides.iter().filter_map(|(side, fields)| Some((side, fields.get(name)?))).collect();
        let missing = sides.iter().find(|(_, fields)| !fields.contains_key(name)).map(|(side, _)| side);
        (Arc::clone(name), one_field(&given, missing))
    });
    Field::always(Type::record(joined), Sensitivity::Public)
}

fn one_field(given: &[(&Arc<str>, &Field)], missing: Option<&Arc<str>>) -> Field {
    let sensitivity = given.iter().map(|(_, field)| field.sensitivity).max().unwrap_or(Sensitivity::Public);
    let mut types = given.iter().map(|(side, field)| (*side, &field.ty));
    let Some((first_side, first)) = types.next() else { return Field::always(Type::Any, sensitivity) };
    let mut ty = first.clone();
    for (side, other) in types {
        let Some(joined) = wider(&ty, other) else {
            let why =
                format!("it is {} in `{first_side}` and {} in `{side}`", first.describe(), other.describe());
            return Field { presence: Presence::Mixed(why.into()), ..Field::always(Type::Any, sensitivity) };
        };
        ty = joined;
    }
    let optional = given.iter().find(|(_, field)| field.presence != Presence::Always);
    let presence = match (missing, optional) {
        (Some(side), _) => Presence::Optional(format!("`{side}` has no such field").into()),
        (None, Some((side, _))) => Presence::Optional(format!("it is optional in `{side}`").into()),
        (None, None) => Presence::Always,
    };
    let bounds = given.iter().map(|(_, field)| field.bounds).reduce(Bounds::or).unwrap_or_default();
    Field { ty, presence, sensitivity, bounds }
}

/// The type of values of either.
fn wider(one: &Type, other: &Type) -> Option<Type> {
    if !one.is_like(other) {
        return None;
    }
    Some(match (one, other) {
        (Type::Text { domain: a, max_len: la }, Type::Text { domain: b, max_len: lb }) => {
            let domain = match (a, b) {
                (Some(a), Some(b)) => {
                    Some(a.iter().chain(b.iter()).cloned().collect::<BTreeSet<_>>().into_iter().collect())
                }
                _ => None,
            };
            Type::Text { domain, max_len: la.as_ref().zip(lb.as_ref()).map(|(a, b)| *a.max(b)) }
        }
        (Type::List { item: a, max_items: ma }, Type::List { item: b, max_items: mb }) => {
            let max = ma.as_ref().zip(mb.as_ref()).map(|(a, b)| *a.max(b));
            Type::list(wider(a, b)?, max)
        }
        (Type::Any, _) | (_, Type::Any) => Type::Any,
        _ => one.clone(),
    })
}

/// The facts of a runbook's steps: built for one runbook, then asked step by step.
pub(super) struct Steps<'c, 'a> {
    cx: &'c Context<'a>,
    flow: &'c Flow<'a>,
    base: Scope,
    /// Outputs of sub-runs by the place of the step in the runbook.
    outputs: &'c Outputs,
}

/// What a runbook gives: the types of its outputs.
pub(super) type Given = BTreeMap<Arc<str>, Field>;

/// The types of what runbooks give, by their digest: sub-runs read them. With each the finding it is.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    pub(super) given: BTreeMap<crate::digest::Digest, (super::memory::Stamp, Given)>,
    /// With each what its expressions are checked against.
    pub(super) keys: BTreeMap<crate::digest::Digest, Vec<super::memory::Stamp>>,
}

impl<'c, 'a> Steps<'c, 'a> {
    pub(super) fn of(
        cx: &'c Context<'a>,
        runbook: &'a Runbook,
        flow: &'c Flow<'a>,
        outputs: &'c Outputs,
    ) -> Self {
        let base = Scope::new([
            ("inputs", declared(&runbook.spec.inputs)),
            ("constants", constants(runbook)),
            ("run", facts::run()),
        ]);
        Self { cx, flow, base, outputs }
    }

    /// `inputs constants run`: of the key of `concurrency`.
    pub(super) fn start(&self) -> Scope {
        self.base.clone()
    }

    /// `inputs constants steps run`: of the runbook's outputs.
    pub(super) fn end(&self, exprs: &[&Expr]) -> Scope {
        let surely = self.flow.surely_succeeded();
        let why = |id: &str| format!("step `{id}` need not have succeeded when the run does");
        let named = mentioned(exprs, self.flow);
        let steps = named.into_iter().filter_map(|id| {
            let at = *self.flow.index.get(&id)?;
            let sure = surely.get(at).copied().unwrap_or(false);
            let field = self.fact(at, (!sure).then(|| why(&id)));
            Some((id, field))
        });
        self.base.clone().with("steps", Field::always(Type::record(steps), Sensitivity::Public))
    }

    /// The facts of a step; `exprs` are all expressions that will be checked against them.
    pub(super) fn at(&self, at: usize, step: &Step, runbook: &str, exprs: &[&Expr]) -> Scope {
        let steps = mentioned(exprs, self.flow).into_iter().filter_map(|id| {
            let from = *self.flow.index.get(&id)?;
            Some((Arc::clone(&id), self.seen(from, at, &id, step)))
        });
        let steps = Field::always(Type::record(steps), Sensitivity::Public);
        let scope =
            self.base.clone().with("steps", steps).with("actor", facts::actor()).with("now", facts::now());
        let reads_budget = exprs.iter().any(|expr| expr.reads().iter().any(|path| path.root() == "budget"));
        let capability = step.uses.as_ref().and_then(|reference| self.cx.all.capability(reference).ok());
        let budget = match capability {
            Some(capability) if reads_budget => self.cx.budget(capability, Some(runbook)),
            Some(_) => meta(Type::Any),
            // A reference that means nothing is reported once.
            None if step.uses.is_some() => meta(Type::Any),
            None => meta(Type::record::<Arc<str>>([])),
        };
        scope.with("budget", budget)
    }

    /// `steps.<from>` as the step `at` sees it.
    fn seen(&self, from: usize, at: usize, id: &str, step: &Step) -> Field {
        if from == at {
            return self.own(id, step);
        }
        if !self.flow.is_ancestor(from, at) {
            let here = &step.id.value;
            let presence = Presence::Refused {
                code: "use-before-produce",
                message: format!(
                    "step `{here}` does not come after step `{id}`, so there is nothing to read yet"
                )
                .into(),
                help: Some(format!("add `{id}` to the `needs` of step `{here}`").into()),
                edit: self.needing(from, at, id, step).map(Arc::new),
            };
            return Field { presence, ..Field::always(Type::Any, Sensitivity::Public) };
        }
        let sure = self.flow.has_succeeded(from, at);
        let here = &step.id.value;
        let why = || format!("step `{here}` may run where step `{id}` did not succeed");
        self.fact(from, (!sure).then(why))
    }

    /// The edit that makes a step need another; none where the two would then wait for each other.
    fn needing(&self, from: usize, at: usize, id: &str, step: &Step) -> Option<Edit> {
        let file = self.cx.all.sources.get(step.span.file)?;
        if self.flow.is_ancestor(at, from) {
            return None;
        }
        if let Some(last) = step.needs.last() {
            return item_after(&file.text, file.notation, last.span, id, "need");
        }
        // An empty list is written somewhere: a second one would be a duplicate.
        let value = ("needs", Written::ListOf(id));
        let written = file.slice(step.span).contains("need");
        if written { None } else { field_into(&file.text, file.notation, step.span, value, Side::Head) }
    }

    /// A step's own results: not there yet. What reviewers fill in comes after what they agreed to.
    fn own(&self, id: &str, step: &Step) -> Field {
        let refused = |code, message: String, help: &str| Field {
            presence: Presence::Refused {
                code,
                message: message.into(),
                help: Some(help.into()),
                edit: None,
            },
            ..Field::always(Type::Any, Sensitivity::Public)
        };
        let early = || {
            let message = format!("step `{id}` has not run when this is read");
            refused(
                "use-before-produce",
                message,
                "its own outputs are `outputs`, in `ensures` and `until` alone",
            )
        };
        let form = refused(
            "approval-not-bound",
            format!("the form of step `{id}` is filled in after its arguments were shown and agreed to"),
            "ask in an `approve` step before it, and read that step's form",
        );
        let governed = step.approval.is_some() || step.approve.is_some() || step.uses.is_some();
        if !governed {
            return early();
        }
        let fields = [("state", early()), ("outputs", early()), ("attempts", early()), ("approval", form)];
        Field::always(Type::record(fields), Sensitivity::Public)
    }

    /// `steps.<id>`; `unsure` says why its outputs may be absent.
    fn fact(&self, at: usize, unsure: Option<String>) -> Field {
        let Some(step) = self.flow.steps.get(at) else { return meta(Type::Any) };
        let unsure: Option<Arc<str>> = unsure.map(Into::into);
        let veil = |mut field: Field| {
            if let (Some(why), Presence::Always | Presence::Optional(_)) = (&unsure, &field.presence) {
                field.presence = Presence::Skippable(Arc::clone(why));
            }
            field
        };
        let outputs = match self.outputs_of(step) {
            Some(outputs) => Type::record(outputs.into_iter().map(|(name, field)| (name, veil(field)))),
            None => Type::Any,
        };
        let forms = self.forms(step).into_iter().map(|(name, field)| (name, veil(field)));
        facts::ancestor(outputs, Type::record(forms))
    }

    /// What a step gives; `None` where what it uses is not known.
    fn outputs_of(&self, step: &Step) -> Option<BTreeMap<Arc<str>, Field>> {
        let one = self.outputs_of_one(step)?;
        let Some(each) = &step.for_each else { return Some(one) };
        let max = each.max_items.as_ref().map(|max| max.value);
        let listed = one.into_iter().map(|(name, field)| {
            let ty = Type::list(field.ty, max);
            (name, Field::always(ty, field.sensitivity))
        });
        Some(listed.collect())
    }

    /// What a step gives for one item.
    pub(super) fn outputs_of_one(&self, step: &Step) -> Option<BTreeMap<Arc<str>, Field>> {
        if let Some(reference) = &step.uses {
            return self.cx.all.capability(reference).ok().map(|capability| fields(&capability.spec.output));
        }
        if let Some(reference) = &step.runbook {
            let runbook = self.cx.all.runbook(reference).ok()?;
            return self.outputs.given.get(&runbook.digest).map(|(_, given)| given.clone());
        }
        match &step.signal {
            Some(signal) => Some(fields(&signal.fields)),
            None => self.cx.is_whole(step.span).then(BTreeMap::new),
        }
    }

    /// The fields of the forms of a step's approvals.
    fn forms(&self, step: &Step) -> BTreeMap<Arc<str>, Field> {
        let capability = step.uses.as_ref().and_then(|reference| self.cx.all.capability(reference).ok());
        let of_capability = capability.and_then(|capability| capability.spec.approval.as_ref());
        let named = step.approval.iter().chain(&step.approve).chain(of_capability);
        let approvals = named.filter_map(|reference| self.cx.all.approval(reference).ok());
        approvals.flat_map(|approval| &approval.spec.stages).flat_map(|stage| fields(&stage.form)).collect()
    }
}

/// The steps that expressions mention; all of them where a name is wrong or `steps` is read as a whole,
/// so that the message can name the nearest.
fn mentioned(exprs: &[&Expr], flow: &Flow<'_>) -> BTreeSet<Arc<str>> {
    let mut found = BTreeSet::new();
    for path in exprs.iter().flat_map(|expr| expr.reads()).filter(|path| path.root() == "steps") {
        match path.segments().nth(1) {
            Some(id) if flow.index.contains_key(id) => {
                found.insert(Arc::from(id));
            }
            _ if flow.steps.len() <= SHOWN_STEPS => return flow.index.keys().cloned().collect(),
            _ => {}
        }
    }
    found
}

/// The facts of an operation: its input as every capability that uses it gives it.
pub(super) fn operation_input(cx: &Context<'_>, connector: &Connector, operation: &str) -> Field {
    let sides: Vec<_> = cx
        .callers(connector, operation)
        .iter()
        .map(|capability| (capability.metadata.name.value.shared(), passed(cx, capability)))
        .collect();
    together(&sides)
}

/// What a capability passes to its operation.
pub(super) fn passed(cx: &Context<'_>, capability: &Capability) -> BTreeMap<Arc<str>, Field> {
    let CapabilitySpec { with: Some(with), .. } = &capability.spec else {
        return fields(&capability.spec.input);
    };
    let scope = cx.capability_scope(capability);
    let field = |arg: &crate::expr::Arg| {
        let checked = arg.check(&scope, None, &crate::expr::Known::default());
        Field::always(checked.ty, checked.sensitivity)
    };
    with.iter().map(|(name, arg)| (Arc::clone(name), field(arg))).collect()
}

/// The capabilities that a policy's rule can be about, where both selectors match.
pub(super) fn about<'a>(
    cx: &Context<'a>,
    policy: &Selector,
    rule: Option<&Selector>,
) -> Vec<&'a Arc<Capability>> {
    let all = cx.all.capabilities_of(policy).into_iter();
    all.filter(|capability| may_match(policy, capability, None))
        .filter(|capability| rule.is_none_or(|rule| may_match(rule, capability, None)))
        .collect()
}

/// What a runbook gives, for the runbooks that run it as a step.
pub(super) fn gives(steps: &Steps<'_, '_>, runbook: &Runbook) -> Given {
    let exprs: Vec<&Expr> = runbook.spec.outputs.iter().map(|(_, expr)| expr).collect();
    let scope = steps.end(&exprs);
    let field = |expr: &Expr| {
        let checked = check(expr, &scope, crate::expr::Expect::Anything, &crate::expr::Known::default());
        Field::always(checked.ty, checked.sensitivity)
    };
    runbook.spec.outputs.iter().map(|(name, expr)| (Arc::clone(name), field(expr))).collect()
}
