//! A suppression counts until its day. `crate::suppress` finds it, after all other rules.

use ordain_spec::diagnostic::Severity;

use super::{About, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("suppression-expired", Severity::Error, include_str!("suppression-expired.md"), |_, _| {})
    .about(About::Declarations);
