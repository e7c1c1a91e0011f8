//! The version says how much changed.

use ordain_spec::diagnostic::{Diagnostic, Edit, Severity};
use ordain_spec::kind::scalar::Version;

use crate::compared;

use super::{About, Context, FixClass, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("bump-too-small", Severity::Error, include_str!("bump-too-small.md"), find).about(About::Before).fix(FixClass::Safe);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for pair in compared::pairs(cx) {
        if pair.new.version.value <= pair.old.version.value || pair.says_more() {
            continue;
        }
        let Some(why) = added(cx, &pair) else { continue };
        let version = &pair.new.version.value;
        let next = Version::new(version.major, version.minor + 1, 0);
        let message = format!(
            "{} `{}` went from {} to {version} although {why}",
            pair.new.kind, pair.new.name, pair.old.version.value
        );
        let edit = Edit { span: pair.new.version.span, text: cx.written(pair.new.version.span, &next.to_string()) };
        found.push(
            RULE.at(pair.new.version.span, message)
                .help(format!("write {next}"))
                .consequence("the engine would load it; whoever reads the version would expect a repair")
                .fix(true, vec![edit]),
        );
    }
}

/// What is new for those who use it and breaks nobody.
fn added(cx: &Context<'_>, pair: &compared::Pair<'_>) -> Option<String> {
    let (old, new) = compared::inputs(cx, pair)?;
    if !compared::breaking(old, new).is_empty() {
        return None;
    }
    if let Some(name) = new.keys().find(|name| old.get(name).is_none()) {
        return Some(format!("input `{name}` is new"));
    }
    let (old, new) = compared::capabilities(cx, pair)?;
    if let Some(name) = new.spec.output.keys().find(|name| old.spec.output.get(name).is_none()) {
        return Some(format!("output `{name}` is new"));
    }
    if old.spec.effect.value != new.spec.effect.value {
        return Some(format!("its effect was {} and is {}", old.spec.effect.value, new.spec.effect.value));
    }
    let risk = |spec: &ordain_spec::kind::Capability| spec.metadata.risk.as_ref().map(|risk| risk.value);
    match (risk(old), risk(new)) {
        (Some(old), Some(new)) if old != new => Some(format!("its risk was {old} and is {new}")),
        _ => None,
    }
}
