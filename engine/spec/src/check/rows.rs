//! What rows hold: the columns of each source of an export, the record that a notice is about, the file
//! that is delivered, the event of a trigger. The engine gives exactly these facts when it evaluates.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::scope::RUN_STATES;
use crate::catalogue::Declarations;
use crate::expr::facts::STEP_STATES;
use crate::expr::{Field, Scope, Type, facts};
use crate::kind::export::RowSource;
use crate::kind::meta_schema::{MetaField, MetaType};
use crate::kind::metadata::Risk;
use crate::kind::notice::{AuditAction, NoticeSpec};
use crate::kind::scalar::{Effect, Mode, Sensitivity};
use crate::kind::scenario::Assurance;
use crate::kind::trigger::{Change, TriggerSpec};

/// The most characters of a value of the meta schema.
pub const META_CHARACTERS: u64 = 64;
/// The most reasons of a record.
const REASONS: u64 = 1_000;
/// The longest name of a file.
const FILE_NAME: u64 = 255;
/// The longest header.
const HEADER: u64 = 1_024;

/// Columns by their names.
pub type Columns = BTreeMap<Arc<str>, Field>;

const fn meta(ty: Type) -> Field {
    Field::always(ty, Sensitivity::Meta)
}

fn maybe(ty: Type, why: &str) -> Field {
    Field::optional(ty, Sensitivity::Meta, why)
}

fn text(most: u64) -> Type {
    Type::Text { domain: None, max_len: Some(most) }
}

fn name() -> Type {
    text(69)
}

fn digest() -> Type {
    text(71)
}

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Type {
    Type::one_of(words)
}

fn named<const N: usize>(fields: [(&str, Field); N]) -> Columns {
    fields.into_iter().map(|(name, field)| (Arc::from(name), field)).collect()
}

/// The built-in columns of a source: what may leave without a meta schema.
#[must_use]
pub fn columns(source: RowSource) -> Columns {
    match source {
        RowSource::Runs => run(RUN_STATES),
        RowSource::Steps => {
            let only = "only steps with `uses` have it";
            let mut columns = run(STEP_STATES);
            columns.extend(named([
                ("stepId", meta(name())),
                ("capability", maybe(name(), only)),
                ("risk", maybe(words(Risk::ALL.iter().map(|risk| risk.as_str())), only)),
                ("effect", maybe(words(Effect::ALL.iter().map(|effect| effect.as_str())), only)),
                ("attempts", meta(Type::Int)),
            ]));
            columns
        }
        RowSource::Decisions => named([
            ("decisionId", meta(name())),
            ("runId", meta(name())),
            ("stepId", meta(name())),
            ("at", meta(Type::Timestamp)),
            ("outcome", meta(words(["allow", "hold", "deny"]))),
            ("policy", maybe(name(), "no rule decided where none applies")),
            ("rule", maybe(name(), "no rule decided where none applies")),
            ("reason", maybe(name(), "an allowed step needs none")),
        ]),
        RowSource::Approvals => named([
            ("approvalId", meta(name())),
            ("runId", meta(name())),
            ("stepId", meta(name())),
            ("approval", meta(name())),
            ("stage", meta(name())),
            ("state", meta(words(["open", "granted", "rejected", "expired", "withdrawn", "void"]))),
            ("decidedBy", maybe(name(), "nobody has decided yet")),
            ("at", meta(Type::Timestamp)),
            ("assurance", maybe(assurance(), "nobody has decided yet")),
        ]),
        RowSource::Budgets => named([
            ("budget", meta(name())),
            ("unit", meta(name())),
            ("from", meta(Type::Timestamp)),
            ("to", maybe(Type::Timestamp, "a budget per run has no end")),
            ("limit", meta(Type::Int)),
            ("reserved", meta(Type::Int)),
            ("spent", meta(Type::Int)),
        ]),
        RowSource::Audit => record(AuditAction::ALL.iter().copied()),
    }
}

fn assurance() -> Type {
    words(Assurance::ALL.iter().map(|assurance| assurance.as_str()))
}

/// The columns of a run, whose state is one of `states`.
fn run(states: &[&str]) -> Columns {
    let unsettled = "it has not settled yet";
    named([
        ("runId", meta(name())),
        ("runbook", meta(name())),
        ("version", meta(name())),
        ("mode", meta(words(Mode::ALL.iter().map(|mode| mode.as_str())))),
        ("environment", meta(name())),
        ("requester", meta(name())),
        ("state", meta(words(states.iter().copied()))),
        ("rollback", meta(words(["none", "done", "partial", "failed"]))),
        ("startedAt", meta(Type::Timestamp)),
        ("settledAt", maybe(Type::Timestamp, unsettled)),
        ("durationMs", maybe(Type::Int, unsettled)),
        ("planDigest", meta(digest())),
        ("catalogueDigest", meta(digest())),
        ("outcomeDigest", maybe(digest(), unsettled)),
        ("reason", maybe(name(), "what succeeds needs none")),
    ])
}

/// The audit record of any of these actions.
fn record(actions: impl Iterator<Item = AuditAction> + Clone) -> Columns {
    let (no_run, not_always) = ("not every such record is about a run", "not every record has it");
    let of_run = |ty| if actions.clone().all(AuditAction::has_run) { meta(ty) } else { maybe(ty, no_run) };
    let reason = Type::record([
        ("code", meta(name())),
        ("reason", maybe(name(), "only an author's rule gives one")),
        ("step", maybe(name(), "not every reason is about a step")),
    ]);
    named([
        ("seq", meta(Type::Int)),
        ("at", meta(Type::Timestamp)),
        ("actor", facts::actor()),
        ("assurance", maybe(assurance(), "only people's decisions have it")),
        ("action", meta(words(actions.clone().map(AuditAction::as_str)))),
        ("subject", meta(text(128))),
        ("runId", of_run(name())),
        ("runSeq", of_run(Type::Int)),
        ("stepId", maybe(name(), "not every such record is about a step")),
        ("decisionId", maybe(name(), "not every such record is about a decision")),
        ("reasons", meta(Type::list(reason, Some(REASONS)))),
        ("engineVersion", meta(name())),
        ("catalogueDigest", maybe(digest(), not_always)),
        ("planDigest", of_run(digest())),
        ("payloadDigest", maybe(digest(), not_always)),
        ("prevHash", meta(digest())),
        ("hash", meta(digest())),
    ])
}

/// The columns that the meta schema adds to rows of a source: those that belong to a run or its steps.
#[must_use]
pub fn meta_columns(all: &Declarations, source: RowSource) -> Columns {
    match source {
        RowSource::Audit | RowSource::Budgets => Columns::new(),
        RowSource::Runs | RowSource::Steps | RowSource::Decisions | RowSource::Approvals => added(all),
    }
}

fn added(all: &Declarations) -> Columns {
    let why = "not everything has this tag or output";
    let fields = all.meta_schema.iter().flat_map(|meta| meta.spec.fields.iter());
    fields.map(|(name, field)| (Arc::clone(name), maybe(meta_type(field), why))).collect()
}

/// The type of a meta field's values.
fn meta_type(field: &MetaField) -> Type {
    match field.type_.value.0 {
        MetaType::Enum => {
            words(field.values.iter().flat_map(|values| &values.value).map(|word| &*word.value))
        }
        MetaType::Integer => Type::Int,
        MetaType::Boolean => Type::Bool,
        MetaType::Timestamp => Type::Timestamp,
        MetaType::Digest => digest(),
        MetaType::Id | MetaType::Code => text(META_CHARACTERS),
        MetaType::Pattern => text(META_CHARACTERS * 4),
    }
}

fn row(columns: Columns) -> Scope {
    Scope::new([("row", Field::always(Type::record(columns), Sensitivity::Public))])
}

/// The facts of an export's `filter`.
pub(super) fn of_export(all: &Declarations, source: RowSource) -> Scope {
    let mut all_columns = meta_columns(all, source);
    all_columns.extend(columns(source));
    row(all_columns)
}

/// The facts of a notice: the record, and the fields of its run.
pub(super) fn of_notice(all: &Declarations, notice: &NoticeSpec) -> Scope {
    row(notice_columns(all, notice))
}

/// The columns of what a notice tells of.
pub fn notice_columns(all: &Declarations, notice: &NoticeSpec) -> Columns {
    let actions = || notice.on.iter().map(|action| action.value);
    let without = actions().find(|action| !action.has_run());
    let mut columns = added(all);
    let of_run = run(RUN_STATES).into_iter().map(|(name, field)| match without {
        Some(action) => (name, maybe(field.ty, &format!("`{action}` is not about a run"))),
        None => (name, field),
    });
    columns.extend(of_run);
    columns.extend(record(actions()));
    columns
}

/// The facts of an export's `deliver.with`: what was approved, never what is in it.
pub(super) fn file() -> Scope {
    let file = Type::record([("digest", meta(digest())), ("rows", meta(Type::Int))]);
    Scope::new([("file", meta(file))])
}

/// The facts of a trigger's `inputs`.
pub(super) fn event(trigger: &TriggerSpec) -> Scope {
    let mut fields = vec![("at", meta(Type::Timestamp))];
    if trigger.webhook.is_some() {
        // Like a response: untyped, each value checked against the runbook's inputs.
        fields.push(("json", Field::always(Type::Any, Sensitivity::Public)));
        fields.push(("delivery", meta(text(HEADER))));
    }
    if let Some(watch) = &trigger.watch {
        let changes = || watch.on.iter().map(|change| change.value);
        fields.push(("file", Field::always(text(FILE_NAME), Sensitivity::Public)));
        fields.push(("change", meta(words(changes().map(Change::as_str)))));
        let gone = changes().any(|change| change == Change::Removed);
        let content = if gone { maybe(digest(), "a file that is gone has none") } else { meta(digest()) };
        fields.push(("digest", content));
    }
    Scope::new([("event", Field::always(Type::record(fields), Sensitivity::Public))])
}
