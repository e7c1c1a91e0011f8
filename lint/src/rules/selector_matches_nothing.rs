//! What a selector names is there.

use ordain_spec::catalogue::Releases;
use ordain_spec::check::context::may_match;
use ordain_spec::decode::Spanned;
use ordain_spec::diagnostic::nearest;
use ordain_spec::kind::selector::{NamePattern, Selector};
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("selector-matches-nothing", Severity::Error, include_str!("selector-matches-nothing.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for policy in cx.all.policies.values() {
        let name = &policy.metadata.name.value;
        let whole = selector(cx, &policy.spec.applies, None, &format!("policy `{name}`"), found);
        for rule in policy.spec.rules.iter().filter(|_| whole) {
            if let Some(applies) = &rule.applies {
                let what = format!("rule `{}` of policy `{name}`", rule.id.value);
                selector(cx, applies, Some(&policy.spec.applies), &what, found);
            }
        }
    }
    for budget in cx.all.budgets.values() {
        selector(cx, &budget.spec.applies, None, &format!("budget `{}`", budget.metadata.name.value), found);
    }
    for hold in cx.all.retention.iter().flat_map(|retention| &retention.spec.holds) {
        let what = Subject { what: &format!("hold `{}`", hold.id.value), ..HOLD };
        patterns("runbook", hold.runbooks.as_deref(), &cx.all.runbooks, &what, found);
    }
}

/// Whose names are looked at.
struct Subject<'a> {
    what: &'a str,
    consequence: &'static str,
    help: &'static str,
}

const APPLIES: Subject<'static> = Subject { what: "", consequence: CONSEQUENCE, help: "correct it, or remove it" };

const HOLD: Subject<'static> = Subject {
    what: "",
    consequence: "what it was to keep is erased as soon as it is due",
    help: "correct it; where the runbook is gone and its runs are to be kept, suppress this with the reason",
};

/// Reports the names that match nothing, else the selector as a whole if it does. True where all is well.
fn selector(cx: &Context<'_>, selector: &Selector, above: Option<&Selector>, what: &str, found: &mut Vec<Diagnostic>) -> bool {
    let before = found.len();
    let named = Subject { what, ..APPLIES };
    patterns("capability", selector.capabilities.as_deref(), &cx.all.capabilities, &named, found);
    patterns("runbook", selector.runbooks.as_deref(), &cx.all.runbooks, &named, found);
    if found.len() > before {
        return false;
    }
    let matches = cx.all.capabilities_of(selector).into_iter().any(|capability| {
        may_match(selector, capability, None) && above.is_none_or(|above| may_match(above, capability, None))
    });
    if !matches && !selector.is_everything() {
        found.push(
            RULE.at(selector.span, format!("`applies` of {what} selects no capability of the catalogue"))
                .help("different keys must all match: loosen one of them, or remove it")
                .consequence(CONSEQUENCE),
        );
    }
    found.len() == before
}

const CONSEQUENCE: &str = "the engine would never ask it, also where its author believes it holds";

fn patterns<T>(kind: &str, patterns: Option<&[Spanned<NamePattern>]>, known: &Releases<T>, subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for pattern in patterns.unwrap_or_default() {
        if pattern.value.within(known).next().is_some() {
            continue;
        }
        let written = if pattern.value.prefix { format!("{}*", pattern.value.text) } else { pattern.value.text.to_string() };
        let problem = RULE.at(pattern.span, format!("`{written}` in {} matches no {kind}", subject.what)).consequence(subject.consequence);
        let stem = pattern.value.text.trim_end_matches('.');
        found.push(match nearest(stem, known.keys().map(AsRef::as_ref)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(subject.help),
        });
    }
}
