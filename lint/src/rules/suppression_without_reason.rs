//! A suppression says why, and who allowed it. `crate::suppress` finds it, after all other rules.

use ordain_spec::diagnostic::Severity;

use super::{About, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("suppression-without-reason", Severity::Error, include_str!("suppression-without-reason.md"), |_, _| {})
    .about(About::Declarations);
