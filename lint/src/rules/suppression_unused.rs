//! A suppression lets something pass. `crate::suppress` finds it, after all other rules.

use ordain_spec::diagnostic::Severity;

use super::{About, FixClass, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("suppression-unused", Severity::Error, include_str!("suppression-unused.md"), |_, _| {})
    .about(About::Declarations).fix(FixClass::Safe);
