//! Which steps a policy, rule or budget is about.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::decode::Spanned;
use crate::kind::metadata::Risk;
use crate::kind::scalar::{Effect, Mode, Name};

record! {
    /// Selects steps with `uses`. Lists are alternatives, different keys must all match, `{}` matches all.
    pub struct Selector {
        /// Capabilities by exact name or `prefix.*`.
        pub capabilities: Option<Vec<Spanned<NamePattern>>> = None,
        /// Runbooks by exact name or `prefix.*`.
        pub runbooks: Option<Vec<Spanned<NamePattern>>> = None,
        /// Risks of the capability.
        pub risk: Option<Vec<Spanned<Risk>>> = None,
        /// Effects of the capability.
        pub effect: Option<Vec<Spanned<Effect>>> = None,
        /// Environments of the run.
        pub environments: Option<Vec<Spanned<Arc<str>>>> = None,
        /// Modes of the run.
        pub modes: Option<Vec<Spanned<Mode>>> = None,
    }
}

/// An exact name, or every name below a prefix: `payments.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// The name, or the prefix with its trailing dot.
    pub text: Arc<str>,
    /// True for a prefix.
    pub prefix: bool,
}

impl NamePattern {
    /// True when the name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.prefix { name.starts_with(&*self.text) } else { name == &*self.text }
    }

    /// What is meant among all names, without asking each.
    pub fn within<'m, T>(&self, names: &'m BTreeMap<Name, T>) -> impl Iterator<Item = (&'m Name, &'m T)> {
        let from = names.range::<str, _>((Bound::Included(&*self.text), Bound::Unbounded));
        from.take_while(|(name, _)| self.matches(name.as_str()))
    }
}

/// What a selector is matched against.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Name of the capability.
    pub capability: &'a str,
    /// Its risk.
    pub risk: Risk,
    /// Its effect.
    pub effect: Effect,
    /// Name of the runbook.
    pub runbook: &'a str,
    /// Environment of the run.
    pub environment: &'a str,
    /// Mode of the run.
    pub mode: Mode,
}

impl Selector {
    /// True when the step is meant.
    #[must_use]
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        fn any<T>(list: Option<&Vec<Spanned<T>>>, test: impl Fn(&T) -> bool) -> bool {
            list.is_none_or(|list| list.iter().any(|item| test(&item.value)))
        }
        any(self.capabilities.as_ref(), |pattern| pattern.matches(subject.capability))
            && any(self.runbooks.as_ref(), |pattern| pattern.matches(subject.runbook))
            && any(self.risk.as_ref(), |risk| *risk == subject.risk)
            && any(self.effect.as_ref(), |effect| *effect == subject.effect)
            && any(self.environments.as_ref(), |name| **name == *subject.environment)
            && any(self.modes.as_ref(), |mode| *mode == subject.mode)
    }

    /// True where it selects every step: `{}`, and what says the same by listing every word there is.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        fn all<T: PartialEq>(list: Option<&Vec<Spanned<T>>>, words: &[T]) -> bool {
            list.is_none_or(|list| words.iter().all(|word| list.iter().any(|item| item.value == *word)))
        }
        !self.names_some()
            && all(self.risk.as_ref(), Risk::ALL)
            && all(self.effect.as_ref(), Effect::ALL)
            && all(self.modes.as_ref(), Mode::ALL)
    }

    /// True where it names what it is about: names of one's own never say everything.
    #[must_use]
    pub const fn names_some(&self) -> bool {
        self.capabilities.is_some() || self.runbooks.is_some() || self.environments.is_some()
    }
}
