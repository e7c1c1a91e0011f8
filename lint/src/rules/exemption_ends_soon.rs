//! An exemption that ends within days is told of while there is still time.

use jiff::SignedDuration;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule =
    Rule::new("exemption-ends-soon", Severity::Info, include_str!("exemption-ends-soon.md"), find).about(About::Declarations);

/// What soon is.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (name, exemption) in &cx.all.exemptions {
        let Some(expires) = &exemption.spec.expires else { continue };
        let left = expires.value.0.duration_since(cx.as_of);
        if left <= SignedDuration::ZERO || left > SOON || exemption.spec.from.value.0 > cx.as_of {
            continue;
        }
        let left = match left.as_hours() {
            0 => "within the hour".to_owned(),
            1 => "in 1 hour".to_owned(),
            hours @ 2..48 => format!("in {hours} hours"),
            hours => format!("in {} days", hours / 24),
        };
        found.push(
            RULE.at(expires.span, format!("exemption `{name}` ends {left}"))
                .related(exemption.spec.exempts.rule.span, "this rule holds again from then on")
                .help("meet the rule by then; a longer need is a new exemption that others approve anew")
                .consequence("the engine would apply it until then, and not one instant longer"),
        );
    }
}
