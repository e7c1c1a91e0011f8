//! What every law looks at: the declarations, and what follows from them alone (who uses what, how steps
//! hang together). Computed once; holds nothing that is not declared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::arguments::{self, Given};
use super::calls::{self, Call, User};
use super::flow::Flow;
use super::memory::{Reading, Stamp};
use super::people::People;
use crate::catalogue::{Declarations, Head, every};
use crate::decode::{Spanned, pretended};
use crate::diagnostic::{Diagnostic, Edit, meant};
use crate::digest::Digest;
use crate::edit::{Side, TODO, Written, field_into};
use crate::expr::{Expr, Scope};
use crate::kind::capability::Idempotency;
use crate::kind::connector::Operation;
use crate::kind::metadata::Risk;
use crate::kind::runbook::Step;
use crate::kind::scalar::{Effect, Reference};
use crate::kind::selector::Selector;
use crate::kind::{Approval, Capability, Connector, Kind, Runbook};
use crate::source::Span;

/// What the engine does about a broken law, where nothing more precise can be said.
pub(super) const REFUSES: &str = "the engine refuses the catalogue";

/// A broken law.
pub(super) fn law(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::law(code, span, message).consequence(REFUSES)
}

/// Reports a text that only stands for one: where it counts, it counts as missing.
pub(super) fn real(name: &str, text: &Spanned<Arc<str>>, sink: &mut Vec<Diagnostic>) {
    sink.extend(pretended(name, &text.value, text.span).map(|problem| problem.consequence(REFUSES)));
}

/// A step with `uses`, and the capability it means.
pub struct Use<'a> {
    /// Where the step stands.
    pub runbook: &'a Arc<Runbook>,
    /// The step.
    pub step: &'a Step,
    /// Its `uses`.
    pub reference: &'a Spanned<Reference>,
    /// What that means.
    pub capability: &'a Arc<Capability>,
}

impl Use<'_> {
    /// The capability's risk; the highest where it is missing (which is a broken law of its own).
    #[must_use]
    pub fn risk(&self) -> Risk {
        risk(self.capability)
    }
}

/// The risk of a capability, the highest where none is given.
#[must_use]
pub fn risk(capability: &Capability) -> Risk {
    capability.metadata.risk.as_ref().map_or(Risk::Critical, |risk| risk.value)
}

/// The idempotency of a capability with its default applied.
#[must_use]
pub fn idempotency(capability: &Capability) -> Idempotency {
    let default =
        if capability.spec.effect.value == Effect::Read { Idempotency::Natural } else { Idempotency::None };
    capability.spec.idempotency.as_ref().map_or(default, |declared| declared.value.clone())
}

/// `runbook \`refund\``, for messages.
pub fn said(kind: Kind, name: &str) -> String {
    format!("{} `{name}`", crate::decode::kebab(kind.as_str()))
}

/// What somebody wants to know of the expressions that are looked at.
#[derive(Default)]
enum Ear {
    /// Nothing.
    #[default]
    Deaf,
    /// The facts of the one that stands there.
    Place(Span, Option<Scope>),
    /// All of them, with their facts.
    Sites(Vec<(Expr, Scope)>),
}

/// Everything that laws ask about; rules of lint ask it too.
pub struct Context<'a> {
    /// What is declared.
    pub all: &'a Declarations,
    /// Who is behind principals.
    pub people: People<'a>,
    /// Every step that uses a capability.
    pub uses: Vec<Use<'a>>,
    /// Every use of a capability, in runbooks and around them.
    pub(super) calls: Vec<Call<'a>>,
    /// Which reading of each file this is; nothing is remembered where that is not told.
    readings: Vec<Reading>,
    /// What somebody wants to know of the expressions that are looked at.
    ear: Mutex<Ear>,
    /// Places where something could not be read, sorted.
    lost: Vec<Span>,
    /// Places where anything is wrong with how it is written, sorted.
    faults: Vec<Span>,
    /// By the digest of the runbook.
    flows: BTreeMap<Digest, Flow<'a>>,
    heads: OnceLock<Vec<Head<'a>>>,
    given: OnceLock<Vec<Given<'a>>>,
    /// By the digest of the connector and the name of the operation: who carries it out through them.
    callers: BTreeMap<(Digest, Arc<str>), Vec<&'a Arc<Capability>>>,
}

impl<'a> Context<'a> {
    /// `read` is what was wrong when the files were read.
    #[must_use]
    pub fn new(all: &'a Declarations, read: &[Diagnostic]) -> Self {
        let calls = calls::all(all);
        let uses = calls.iter().filter_map(|call| match call.by {
            User::Step(runbook, step) => {
                Some(Use { runbook, step, reference: call.reference, capability: call.capability })
            }
            User::Notice(_) | User::Delivery(_) => None,
        });
        let uses = uses.collect();
        let mut flows = BTreeMap::new();
        for runbook in every(&all.runbooks) {
            flows.insert(runbook.digest, Flow::of(&runbook.spec.steps));
        }
        let mut callers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for capability in every(&all.capabilities) {
            if let Ok(connector) = all.connector(&capability.spec.uses) {
                let key = (connector.digest, capability.spec.operation.value.shared());
                callers.entry(key).or_default().push(capability);
            }
        }
        let lost = places(read.iter().filter(|problem| problem.code != "unknown-field"));
        Self {
            all,
            readings: Vec::new(),
            ear: Mutex::default(),
            lost,
            faults: places(read.iter()),
            people: People::of(all.roster.as_deref()),
            uses,
            calls,
            heads: OnceLock::new(),
            given: OnceLock::new(),
            flows,
            callers,
        }
    }

    /// The same, told which reading of each file this is.
    pub(super) fn of_readings(mut self, readings: Vec<Reading>) -> Self {
        self.readings = readings;
        self
    }

    /// What every spec has, as [`Declarations::heads`] gives it.
    pub fn heads(&self) -> &[Head<'a>] {
        self.heads.get_or_init(|| self.all.heads())
    }

    /// Every place that gives arguments to declared fields.
    pub(super) fn given(&self) -> &[Given<'a>] {
        self.given.get_or_init(|| arguments::given(self))
    }

    /// The facts of the expression that stands at a place, while `judge` looks at all of them.
    pub(super) fn facts_at(&self, place: Span, judge: impl FnOnce(&Self)) -> Option<Scope> {
        match self.heard(Ear::Place(place, None), judge) {
            Ear::Place(_, facts) => facts,
            Ear::Deaf | Ear::Sites(_) => None,
        }
    }

    /// Every expression that `judge` looks at, with the facts of its place.
    pub(super) fn sites(&self, judge: impl FnOnce(&Self)) -> Vec<(Expr, Scope)> {
        match self.heard(Ear::Sites(Vec::new()), judge) {
            Ear::Sites(sites) => sites,
            Ear::Deaf | Ear::Place(..) => Vec::new(),
        }
    }

    fn heard(&self, ear: Ear, judge: impl FnOnce(&Self)) -> Ear {
        *self.ear() = ear;
        judge(self);
        std::mem::take(&mut *self.ear())
    }

    fn ear(&self) -> MutexGuard<'_, Ear> {
        self.ear.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An expression is looked at, against these facts.
    pub(super) fn asked(&self, expr: &Expr, facts: &Scope) {
        match &mut *self.ear() {
            Ear::Deaf => {}
            Ear::Place(place, found) => {
                let span = expr.span();
                if span.file == place.file && span.start <= place.start && place.start <= span.end {
                    *found = Some(facts.clone());
                }
            }
            Ear::Sites(sites) => sites.push((expr.clone(), facts.clone())),
        }
    }

    /// Which spec of which reading stands at a place.
    pub(super) fn stamp(&self, span: Span) -> Stamp {
        Stamp::of(&self.readings, span)
    }

    /// How the steps of a runbook hang together.
    pub fn flow(&self, runbook: &Runbook) -> Option<&Flow<'a>> {
        self.flows.get(&runbook.digest)
    }

    /// The capabilities that are carried out by this operation.
    pub fn callers(&self, connector: &Connector, operation: &str) -> &[&'a Arc<Capability>] {
        self.callers.get(&(connector.digest, operation.into())).map_or(&[], Vec::as_slice)
    }

    /// The operation that carries a capability out.
    pub fn operation(&self, capability: &Capability) -> Option<(&'a Arc<Connector>, &'a Operation)> {
        let connector = self.all.connector(&capability.spec.uses).ok()?;
        connector
            .spec
            .operations
            .get(capability.spec.operation.value.as_str())
            .map(|operation| (connector, operation))
    }

    /// The approvals that a use stands behind by itself: the capability's and the step's.
    pub fn approvals_of(&self, step: &Step, capability: &Capability) -> Vec<&'a Arc<Approval>> {
        let named = capability.spec.approval.iter().chain(&step.approval);
        named.filter_map(|reference| self.all.approval(reference).ok()).collect()
    }

    /// True where everything in a place could be read: what is absent there is absent in the file.
    pub fn is_whole(&self, place: Span) -> bool {
        is_free_of(&self.lost, place)
    }

    /// True where everything in a place could be read and is known: nothing there was meant to be more than it is.
    pub fn is_faultless(&self, place: Span) -> bool {
        is_free_of(&self.faults, place)
    }

    /// True where the word of a field stands in a place, in either notation.
    pub(super) fn mentions(&self, place: Span, field: &str) -> bool {
        let written = self.all.sources.get(place.file).map_or("", |file| file.slice(place));
        written.contains(field) || written.contains(&crate::decode::kebab(field))
    }

    /// True where the type of a connector is what its author wrote: no law of that type is asked of another one.
    pub(super) fn is_of_known_type(&self, connector: &Connector) -> bool {
        self.is_whole(connector.spec.type_.span)
    }

    /// True for a place in the built-in set.
    pub fn is_built_in(&self, span: Span) -> bool {
        self.all.sources.get(span.file).is_some_and(|file| file.path.starts_with("std:"))
    }

    /// The first line of what stands at a place.
    pub fn first_line(&self, span: Span) -> Span {
        let Some(file) = self.all.sources.get(span.file) else { return span };
        let text = file.slice(span);
        let line = text.split('\n').next().unwrap_or_default().trim_end();
        Span::new(span.file, span.start, span.start.saturating_add(u32::try_from(line.len()).unwrap_or(0)))
    }
}

/// The places of problems, sorted.
fn places<'d>(problems: impl Iterator<Item = &'d Diagnostic>) -> Vec<Span> {
    let mut places: Vec<Span> = problems.filter_map(|problem| Some(problem.primary.as_ref()?.span)).collect();
    places.sort();
    places
}

/// True where none of the places, which are sorted, begins in another.
fn is_free_of(places: &[Span], whole: Span) -> bool {
    let from = places.partition_point(|place| (place.file, place.start) < (whole.file, whole.start));
    places.get(from).is_none_or(|place| place.file != whole.file || place.start >= whole.end)
}

/// A broken law with the edit that adds the missing field, for the author to fill in.
pub(super) fn with_todo(cx: &Context<'_>, problem: Diagnostic, map: Span, field: &str) -> Diagnostic {
    let file = cx.all.sources.get(map.file);
    let todo = (field, Written::Text(TODO));
    let edit = file.and_then(|file| field_into(&file.text, file.notation, map, todo, Side::Head));
    match edit {
        Some(edit) => problem.fix(false, vec![edit]),
        None => problem,
    }
}

/// A word in the place of another, with the quotation marks that are there.
pub(super) fn reworded(cx: &Context<'_>, span: Span, word: &str) -> Edit {
    let there = cx.all.sources.get(span.file).map_or("", |file| file.slice(span));
    let quote = there.chars().next().filter(|first| matches!(first, '\'' | '"'));
    Edit { span, text: quote.map_or_else(|| word.to_owned(), |quote| format!("{quote}{word}{quote}")) }
}

/// A broken law with the repair of a misspelt word, where one word was surely meant.
pub(super) fn with_meant<'k>(
    cx: &Context<'_>,
    problem: Diagnostic,
    (word, span): (&str, Span),
    known: impl IntoIterator<Item = &'k str>,
) -> Diagnostic {
    // What is no name itself is to be mended first.
    let is_word =
        |near: &str| near.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    match meant(word, known).filter(|near| is_word(near)) {
        Some(near) => problem.fix(true, vec![reworded(cx, span, near)]),
        None => problem,
    }
}

/// True where a selector can match a use of the capability at all; environment and mode stay open.
/// `runbook` is any where `None`.
pub fn may_match(selector: &Selector, capability: &Capability, runbook: Option<&str>) -> bool {
    fn any<T>(list: Option<&Vec<Spanned<T>>>, test: impl Fn(&T) -> bool) -> bool {
        list.is_none_or(|list| list.iter().any(|item| test(&item.value)))
    }
    let name = capability.metadata.name.value.as_str();
    any(selector.capabilities.as_ref(), |pattern| pattern.matches(name))
        && any(selector.risk.as_ref(), |wanted| *wanted == risk(capability))
        && any(selector.effect.as_ref(), |effect| *effect == capability.spec.effect.value)
        && runbook.is_none_or(|runbook| any(selector.runbooks.as_ref(), |pattern| pattern.matches(runbook)))
}
