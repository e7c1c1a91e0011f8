//! A suppression names a rule that there is, in the words that there are. `crate::suppress` finds it, after all other rules.

use ordain_spec::diagnostic::Severity;

use super::{About, FixClass, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("suppression-unknown", Severity::Error, include_str!("suppression-unknown.md"), |_, _| {})
    .about(About::Declarations).fix(FixClass::Safe);
