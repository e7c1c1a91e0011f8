//! A suppression ends. `crate::suppress` finds it, after all other rules.

use ordain_spec::diagnostic::Severity;

use super::{About, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("suppression-without-expiry", Severity::Error, include_str!("suppression-without-expiry.md"), |_, _| {})
    .about(About::Declarations);
