//! An exemption that is asked for again and again is a rule that does not hold.

use ordain_spec::decode::Spanned;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::kind::Exemption;

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule =
    Rule::new("exemption-renewed", Severity::Warning, include_str!("exemption-renewed.md"), find).about(About::Declarations);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let all: Vec<_> = cx.all.exemptions.values().collect();
    for later in &all {
        let earlier = all.iter().filter(|earlier| begins(earlier, later) && overlap(earlier, later));
        if let Some(earlier) = earlier.min_by_key(|earlier| std::cmp::Reverse(earlier.spec.from.value.0)) {
            let (name, before) = (&later.metadata.name.value, &earlier.metadata.name.value);
            let message = format!("exemption `{name}` renews `{before}`: the same rule, for somebody and something of both");
            found.push(problem(later, message).related(earlier.metadata.name.span, "the one before"));
        }
    }
    let Some(before) = cx.before else { return };
    for later in all {
        let name = &later.metadata.name.value;
        let Some(earlier) = before.checked.declarations.exemptions.get(name) else { continue };
        let ends = |exemption: &Exemption| exemption.spec.expires.as_ref().map(|expires| expires.value.0);
        if let (Some(old), Some(new)) = (ends(earlier), ends(later))
            && new > old
            && overlap(earlier, later)
        {
            found.push(problem(later, format!("exemption `{name}` was to end at {old} and now lasts until {new}")));
        }
    }
}

fn problem(later: &Exemption, message: String) -> Diagnostic {
    let place = later.spec.expires.as_ref().map_or(later.metadata.name.span, |expires| expires.span);
    RULE.at(place, message)
        .help("meet the rule, or change it: what is always exempt is not ruled")
        .consequence("the engine would apply it once its approvers agreed; no single exemption is too long, all of them together are")
}

/// The earlier one begins before the later.
fn begins(earlier: &Exemption, later: &Exemption) -> bool {
    let key = |one: &Exemption| (one.spec.from.value.0, one.metadata.name.value.clone());
    key(earlier) < key(later)
}

/// The same rule, for one of the same people doing one of the same things in one of the same environments.
fn overlap(one: &Exemption, other: &Exemption) -> bool {
    fn share<T: PartialEq>(one: &[Spanned<T>], other: &[Spanned<T>]) -> bool {
        one.iter().any(|one| other.iter().any(|other| other.value == one.value))
    }
    let (a, b) = (&one.spec, &other.spec);
    a.exempts.policy.value == b.exempts.policy.value
        && a.exempts.rule.value == b.exempts.rule.value
        && share(&a.scope.capabilities, &b.scope.capabilities)
        && share(&a.scope.actors, &b.scope.actors)
        && share(&a.scope.environments, &b.scope.environments)
}
