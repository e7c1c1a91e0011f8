//! Law `allow-everything`: a policy that allows everybody everything, in whatever words. What its conditions
//! come to is asked of the space of all facts (`expr::space`): only what holds for every one of them is said.

use super::context::{Context, law};
use super::observed::of_words;
use super::scope::about;
use crate::diagnostic::Diagnostic;
use crate::expr::space::{Site, Space, Term, Want, World};
use crate::expr::{Expr, Scope};
use crate::kind::Policy;
use crate::kind::policy::Rule;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for policy in cx.all.policies.values().filter(|policy| policy.spec.applies.is_everything()) {
        // One that says to whom, or names what it is about, leaves somebody or something out.
        let open = |rule: &&Rule| {
            rule.to.is_none() && rule.applies.as_ref().is_none_or(|applies| !applies.names_some())
        };
        let allows: Vec<&Rule> =
            policy.spec.rules.iter().filter(|rule| rule.allow.is_some()).filter(open).collect();
        let Some(expr) = allows.iter().find_map(|rule| rule.allow.as_ref()) else { continue };
        if !holds_always(cx, policy, &allows) {
            continue;
        }
        sink.push(
            law(
                "allow-everything",
                expr.span(),
                format!("policy `{}` allows everybody everything", policy.metadata.name.value),
            )
            .related(cx.first_line(policy.spec.applies.span), "it applies to every step")
            .help("say to whom (`to`), under which condition (`allow`), or to what the policy applies (`applies`)"),
        );
    }
}

/// True where, whoever acts on whatever, one of the rules holds.
fn holds_always(cx: &Context<'_>, policy: &Policy, allows: &[&Rule]) -> bool {
    let asked = |rule: &&Rule| {
        let about = about(cx, &policy.spec.applies, rule.applies.as_ref());
        let conditions = rule.when.iter().chain(&rule.allow);
        conditions.map(|expr| (expr.clone(), cx.rule_scope(&about, expr))).collect()
    };
    let asked: Vec<Vec<(Expr, Scope)>> = allows.iter().map(asked).collect();
    let rules = allows.iter().zip(&asked).map(|(rule, asked)| {
        let mut terms: Vec<Term<'_>> = rule.applies.iter().flat_map(of_words).collect();
        terms.extend(asked.iter().map(|(expr, scope)| Term::Holds(Site { expr, scope, moment: 1 })));
        Term::All(terms)
    });
    let any = [Term::Any(rules.collect())];
    Space::of(&World::default(), &any).find(&[(0, Want::NotTrue)]).is_never()
}
