//! A limit that may be passed by much is no limit.

use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("large-grace", Severity::Warning, include_str!("large-grace.md"), find);

/// Above this part of the limit.
const LARGE: u32 = 20;

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for budget in cx.all.budgets.values() {
        let (spec, name) = (&budget.spec, &budget.metadata.name.value);
        if spec.grace.value.0 > LARGE {
            let message = format!("budget `{name}` may be passed by {}%", spec.grace.value.0);
            found.push(
                RULE.at(spec.grace.span, message)
                    .related(spec.limit.span, "the limit that people read")
                    .help(format!("write the limit that is meant, with a grace of at most {LARGE}%"))
                    .consequence("the engine would reserve up to limit and grace together"),
            );
        }
    }
}
