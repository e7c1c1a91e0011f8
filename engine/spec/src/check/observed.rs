//! What is worth a look in expressions and conditions although it breaks no law: guards that decide nothing,
//! steps that are never reached, rules of policies that cannot matter. Only what is certain for all facts
//! there can be (`expr::space`) is said; what cannot be decided is passed over. Judges nothing: what it
//! weighs is said by the rules of lint.

mod conditions;
mod policies;

pub(super) use policies::of_words;

use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::expr::observe::{Sort, observe as observe_expr};
use crate::expr::{Expr, Scope};
use crate::source::Span;

use super::context::Context;
use super::memory::{Memory, Stamp};
use super::scope::Outputs;
use super::{depends, places};

/// What was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Something within an expression.
    Within(Sort),
    /// A guard that is never true.
    DeadGuard,
    /// A guard that is always true.
    AlwaysTrueGuard,
    /// A step that nothing leads to.
    UnreachableStep,
    /// A rule that another one always overrules.
    ShadowedRule,
    /// A rule that says what another one says already, or nothing.
    RedundantRule,
    /// Rules that together refuse everybody.
    ConflictingRules,
}

/// One observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// What.
    pub what: What,
    /// Where.
    pub span: Span,
    /// What is so.
    pub said: String,
    /// What to do.
    pub help: String,
    /// Other places that belong to it.
    pub related: Vec<(Span, String)>,
}

impl Observed {
    fn new(what: What, span: Span, said: impl Into<String>, help: &str) -> Self {
        Self { what, span, said: said.into(), help: help.to_owned(), related: Vec::new() }
    }

    fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push((span, text.into()));
        self
    }
}

/// Expressions with the facts of their places.
type Sites = Vec<(Expr, Scope)>;

/// The facts of an expression.
fn scope_of<'s>(sites: &'s Sites, expr: &Expr) -> Option<&'s Scope> {
    let span = expr.span();
    sites.iter().find(|(one, _)| one.span() == span).map(|(_, scope)| scope)
}

fn within(sites: &Sites, found: &mut Vec<Observed>) {
    for (expr, scope) in sites {
        let remarks = observe_expr(expr, scope).into_iter();
        found.extend(remarks.map(|one| Observed::new(What::Within(one.sort), one.span, one.said, &one.help)));
    }
}

/// Everything that is worth a look.
pub(super) fn observe(cx: &Context<'_>, outputs: &Outputs, memory: &mut Memory) -> Vec<Observed> {
    let mut found = Vec::new();
    let sink = &mut Vec::<Diagnostic>::new();
    for capability in every(&cx.all.capabilities) {
        memory.observed(cx.stamp(capability.span), depends::capability(cx, capability), &mut found, || {
            let sites = cx.sites(|cx| places::capability_places(cx, capability, sink));
            let mut found = Vec::new();
            within(&sites, &mut found);
            conditions::of_capability(capability, &sites, &mut found);
            found
        });
    }
    for connector in every(&cx.all.connectors) {
        memory.observed(cx.stamp(connector.span), depends::connector(cx, connector), &mut found, || {
            let sites = cx.sites(|cx| {
                for (name, operation) in connector.spec.operations.iter() {
                    places::operation_places(cx, connector, name, operation, sink);
                }
            });
            let mut found = Vec::new();
            within(&sites, &mut found);
            found
        });
    }
    for runbook in every(&cx.all.runbooks) {
        let Some(flow) = cx.flow(runbook) else { continue };
        let key = depends::runbook(cx, runbook, outputs);
        memory.observed(cx.stamp(runbook.span), key, &mut found, || {
            let sites = cx.sites(|cx| places::runbook_places(cx, runbook, flow, outputs, sink));
            let mut found = Vec::new();
            within(&sites, &mut found);
            conditions::of_runbook(flow, &sites, &mut found);
            found
        });
    }
    for policy in cx.all.policies.values() {
        memory.observed(cx.stamp(policy.span), depends::policy(cx, policy), &mut found, || {
            let sites = cx.sites(|cx| places::policy_places(cx, policy, sink));
            let mut found = Vec::new();
            within(&sites, &mut found);
            found
        });
    }
    memory.observed(Stamp::Nothing, policies::key(cx), &mut found, || policies::all(cx));
    let around = cx.sites(|cx| places::around_places(cx, sink));
    within(&around, &mut found);
    memory.turn();
    found.sort_by(|one, other| (one.span, one.what, &one.said).cmp(&(other.span, other.what, &other.said)));
    found.dedup();
    found
}
