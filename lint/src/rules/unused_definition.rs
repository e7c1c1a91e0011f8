//! What is declared is used by something.

use std::collections::BTreeSet;

use ordain_spec::catalogue::every;
use ordain_spec::expr::Expr;
use ordain_spec::kind::budget::OnBreach;
use ordain_spec::kind::export::Deliver;
use ordain_spec::kind::metadata::Rollback;
use ordain_spec::kind::{Kind, Runbook};
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("unused-definition", Severity::Warning, include_str!("unused-definition.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let used = Used::of(cx);
    for spec in &cx.specs {
        let (what, idle) = match spec.kind {
            Kind::Capability => ("no runbook uses it and no capability is undone by it", !used.capabilities.contains(spec.name)),
            Kind::Connector => ("no capability uses it", !used.connectors.contains(spec.name)),
            Kind::Approval => ("nothing asks for it", !used.approvals.contains(spec.name)),
            _ => continue,
        };
        if idle {
            let kind = spec.kind.as_str().to_ascii_lowercase();
            found.push(
                RULE.at(spec.name_span, format!("{kind} `{}` is declared and {what}", spec.name))
                    .help("remove it, or use it")
                    .consequence("the engine would load it and never come to it"),
            );
        }
    }
    for runbook in every(&cx.all.runbooks) {
        constants(runbook, found);
    }
}

/// Constants that no expression reads.
fn constants(runbook: &Runbook, found: &mut Vec<Diagnostic>) {
    if runbook.spec.constants.is_empty() {
        return;
    }
    let spec = &runbook.spec;
    let mut exprs: Vec<&Expr> = spec.steps.iter().flat_map(ordain_spec::check::step_exprs).collect();
    exprs.extend(spec.outputs.iter().map(|(_, expr)| expr));
    exprs.extend(spec.concurrency.iter().filter_map(|concurrency| concurrency.key.as_ref()));
    let reads = exprs.iter().flat_map(|expr| expr.reads()).filter(|path| path.root() == "constants");
    let reads: Vec<Vec<&str>> = reads.map(|path| path.segments().collect()).collect();
    for (name, entry) in &spec.constants.0 {
        let read = reads.iter().any(|path| match path.as_slice() {
            ["constants"] => true,
            ["constants", of, ..] => *of == &**name,
            _ => false,
        });
        if !read {
            found.push(
                RULE.at(entry.key_span, format!("no expression reads constant `{name}`"))
                    .help("remove it, or read it as `constants.…`")
                    .consequence("the engine would load it and never look at it"),
            );
        }
    }
}

/// The names that something refers to.
#[derive(Default)]
struct Used<'a> {
    capabilities: BTreeSet<&'a str>,
    connectors: BTreeSet<&'a str>,
    approvals: BTreeSet<&'a str>,
}

impl<'a> Used<'a> {
    fn of(cx: &Context<'a>) -> Self {
        let mut used = Self::default();
        for runbook in every(&cx.all.runbooks) {
            for step in &runbook.spec.steps {
                used.capabilities.extend(step.uses.iter().map(|uses| uses.value.name.as_str()));
                used.approvals.extend(step.approval.iter().chain(&step.approve).map(|named| named.value.name.as_str()));
            }
        }
        for capability in every(&cx.all.capabilities) {
            used.connectors.insert(capability.spec.uses.value.name.as_str());
            used.approvals.extend(capability.spec.approval.iter().map(|named| named.value.name.as_str()));
            if let Some(Rollback::Uses { uses, .. }) = capability.metadata.rollback.as_ref().map(|rollback| &rollback.value) {
                used.capabilities.insert(uses.value.name.as_str());
            }
        }
        for policy in cx.all.policies.values() {
            used.approvals.extend(policy.spec.rules.iter().filter_map(|rule| rule.require.as_ref()).map(|named| named.value.name.as_str()));
        }
        for budget in cx.all.budgets.values() {
            if let OnBreach::Approval(named) = &budget.spec.on_breach.value {
                used.approvals.insert(named.value.name.as_str());
            }
        }
        for notice in cx.all.notices.values() {
            used.capabilities.insert(notice.spec.uses.value.name.as_str());
        }
        for export in cx.all.exports.values() {
            used.approvals.extend(export.spec.approval.iter().map(|named| named.value.name.as_str()));
            if let Deliver::Uses { uses, .. } = &export.spec.deliver.value {
                used.capabilities.insert(uses.value.name.as_str());
            }
        }
        used
    }
}
