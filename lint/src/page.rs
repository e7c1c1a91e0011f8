//! The page of a rule that is no law, for `explain`. The pages of laws are `ordain_spec::check`'s.

use ordain_spec::diagnostic::Severity;

use crate::rules::RULES;

/// A page and what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The slug.
    pub code: &'static str,
    /// Its weight.
    pub severity: Severity,
    /// Markdown.
    pub text: &'static str,
}

/// The page of a rule.
#[must_use]
pub fn page(code: &str) -> Option<Page> {
    RULES.iter().find(|rule| rule.slug == code).map(|rule| Page {
        code: rule.slug,
        severity: rule.severity,
        text: rule.page,
    })
}
