//! The workspace grants the secrets that its runbooks need.

use super::connection_missing;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("secret-not-granted", Severity::Error, include_str!("secret-not-granted.md"), find).about(About::Workspace);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for missing in connection_missing::missing(cx).into_iter().filter(|missing| missing.is_secret()) {
        found.push(
            missing
                .problem(cx, &RULE)
                .help("add it to `secrets` of the connection in `ordain.yaml`, or ask its operator to"),
        );
    }
}
