//! What means something else has another version.

use ordain_spec::diagnostic::{Diagnostic, Edit, Severity};
use ordain_spec::kind::scalar::Version;

use crate::compared;

use super::{About, Context, FixClass, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("changed-without-bump", Severity::Error, include_str!("changed-without-bump.md"), find).about(About::Before).fix(FixClass::Safe);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(before) = cx.before else { return };
    let old = compared::releases(&before.checked.declarations);
    for (key, releases) in compared::releases(cx.all) {
        for new in releases {
            let same = old.get(&key).into_iter().flatten().find(|old| old.version.value == new.version.value);
            if same.is_none_or(|old| old.digest == new.digest) {
                continue;
            }
            let version = &new.version.value;
            let next = Version::new(version.major, version.minor, version.patch + 1);
            let message = format!("{} `{}` means something else than before and is still {version}", new.kind, new.name);
            found.push(
                RULE.at(new.version.span, message)
                    .help(format!("give it a new version, at least {next}"))
                    .consequence("the engine would take both for one release, and nobody could say which one a run followed")
                    .fix(true, vec![Edit { span: new.version.span, text: cx.written(new.version.span, &next.to_string()) }]),
            );
        }
    }
}
