//! What an exemption names can meet the rule that it exempts from.

use std::sync::Arc;

use ordain_spec::catalogue::every;
use ordain_spec::check::context::may_match;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::edit::taken_out;
use ordain_spec::kind::policy::Rule as PolicyRule;
use ordain_spec::kind::{Exemption, Policy};
use ordain_spec::source::Span;

use super::{Context, FixClass, Rule};

/// See its page.
pub const RULE: Rule = Rule::new(
    "exemption-matches-nothing",
    Severity::Error,
    include_str!("exemption-matches-nothing.md"),
    find,
)
.fix(FixClass::Unsafe);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        let exempts = &exemption.spec.exempts;
        let Some(policy) = cx.all.policies.get(&exempts.policy.value) else { continue };
        let Some(rule) = policy.spec.rules.iter().find(|rule| rule.id.value == exempts.rule.value) else { continue };
        capabilities(cx, exemption, policy, rule, found);
        environments(cx, exemption, policy, rule, found);
    }
}

/// Capabilities that the rule is never about, or that nothing uses.
fn capabilities(cx: &Context<'_>, exemption: &Exemption, policy: &Policy, rule: &PolicyRule, found: &mut Vec<Diagnostic>) {
    let named = &exemption.spec.scope.capabilities;
    let places: Vec<Span> = named.iter().map(|one| one.span).collect();
    for (at, one) in named.iter().enumerate() {
        let name = &one.value.0;
        let selected = every(&cx.all.capabilities).filter(|capability| capability.metadata.name.value == *name).any(|capability| {
            let narrower = rule.applies.as_ref();
            may_match(&policy.spec.applies, capability, None) && narrower.is_none_or(|narrower| may_match(narrower, capability, None))
        });
        if !selected {
            let what = format!("`{name}` never meets rule `{}` of policy `{}`", rule.id.value, policy.metadata.name.value);
            let selector = rule.applies.as_ref().map_or(policy.spec.applies.span, |applies| applies.span);
            found.push(problem(cx, exemption, &places, at, what).related(selector, "what the rule is about"));
        }
    }
}

/// Environments that the rule is never asked in.
fn environments(cx: &Context<'_>, exemption: &Exemption, policy: &Policy, rule: &PolicyRule, found: &mut Vec<Diagnostic>) {
    let named = &exemption.spec.scope.environments;
    let places: Vec<Span> = named.iter().map(|one| one.span).collect();
    for (at, one) in named.iter().enumerate() {
        let selectors = std::iter::once(&policy.spec.applies).chain(&rule.applies);
        let elsewhere = selectors.filter_map(|selector| selector.environments.as_ref().map(|names| (selector.span, names)));
        let mut elsewhere = elsewhere.filter(|(_, names)| names.iter().all(|name| name.value != one.value.0));
        if let Some((place, _)) = elsewhere.next() {
            let name: &Arc<str> = &one.value.0;
            let what = format!("rule `{}` of policy `{}` is never asked in `{name}`", rule.id.value, policy.metadata.name.value);
            found.push(problem(cx, exemption, &places, at, what).related(place, "where it is asked"));
        }
    }
}

fn problem(cx: &Context<'_>, exemption: &Exemption, places: &[Span], at: usize, what: String) -> Diagnostic {
    let place = places.get(at).copied().unwrap_or(exemption.span);
    let name = &exemption.metadata.name.value;
    let problem = RULE
        .at(place, format!("{what}, so exemption `{name}` exempts nothing there"))
        .consequence("the engine would read it and never apply it; a later change of the policy could give it a meaning that nobody approved");
    let edit = cx.all.sources.get(place.file).and_then(|file| taken_out(&file.text, places, at));
    match edit {
        Some(edit) => problem.help("take it out of the scope").fix(false, vec![edit]),
        None => problem.help("remove the exemption, or name what it is for"),
    }
}
