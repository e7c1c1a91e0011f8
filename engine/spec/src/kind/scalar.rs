//! The small values of the language: names, versions, references, durations, sizes, principals.

use std::fmt;
use std::sync::Arc;

/// `[a-z][a-z0-9]*([.-][a-z0-9]+)*`, at most 63 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// `[a-z][a-z0-9_]*`, and no word of the expression language: step ids, field names, `forEach.as`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier(Arc<str>);

/// `[a-z][a-z0-9-]*`: ids of guards, ensures, rules, stages, operations, invariants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(Arc<str>);

/// `[a-z][a-z0-9_]*`: an author's own reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(Arc<str>);

macro_rules! text_type {
    ($($name:ident: $valid:expr;)*) => {$(
        impl $name {
            /// The value, if the text is one.
            #[must_use]
            pub fn new(text: &str) -> Option<Self> {
                let valid: fn(&str) -> bool = $valid;
                valid(text).then(|| Self(text.into()))
            }
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
            /// The text, shared.
            #[must_use]
            pub fn shared(&self) -> Arc<str> { Arc::clone(&self.0) }
        }
        impl fmt::Display for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) } }
        impl AsRef<str> for $name { fn as_ref(&self) -> &str { &self.0 } }
        impl std::borrow::Borrow<str> for $name { fn borrow(&self) -> &str { &self.0 } }
    )*};
}

text_type! {
    Name: |text| text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split(['.', '-']).all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    Identifier: |text| starts_low(text, b'_') && !matches!(text, "in" | "true" | "false" | "null");
    Slug: |text| starts_low(text, b'-');
    Reason: |text| starts_low(text, b'_');
}

/// What the name of an export's flow begins with; no author can write such a name.
const FLOW: &str = "export:";

/// What the name of a notice's deliveries begins with; nor this one.
const NOTICE: &str = "notice:";

impl Name {
    /// The name of the runs that carry out an export: `export:weekly-evidence`. No selector and no reference
    /// means it.
    #[must_use]
    pub fn of_flow(export: &Self) -> Self {
        Self(format!("{FLOW}{export}").into())
    }

    /// The export that runs of that name carry out; none for a runbook's.
    #[must_use]
    pub fn flow(text: &str) -> Option<&str> {
        text.strip_prefix(FLOW)
    }

    /// The name of the runs that deliver a notice: `notice:page-on-call`. No selector and no reference means it.
    #[must_use]
    pub fn of_notice(notice: &Self) -> Self {
        Self(format!("{NOTICE}{notice}").into())
    }

    /// The notice that runs of that name deliver; none for a runbook's.
    #[must_use]
    pub fn notice(text: &str) -> Option<&str> {
        text.strip_prefix(NOTICE)
    }
}

fn starts_low(text: &str, joint: u8) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == joint)
}

/// A release: semantic version 2.0.0, e.g. `1.4.0`.
pub type Version = semver::Version;

/// Prose for people. Never part of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prose(pub Arc<str>);

/// `name@requirement`, or `name` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What is meant.
    pub name: Name,
    /// Which releases; `None` only where the catalogue holds one.
    pub requirement: Option<Requirement>,
}

/// `1.4.0`, `^1`, `^1.4` or `~1.4`, nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// Exactly this release (the only way to a pre-release).
    Exact(Version),
    /// `^major` or `^major.minor`
    Caret(u64, Option<u64>),
    /// `~major.minor`
    Tilde(u64, u64),
}

impl Requirement {
    /// True when `version` fulfils it. Pre-releases only by exact version.
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        match self {
            Self::Exact(exact) => exact == version,
            Self::Caret(major, minor) => {
                version.pre.is_empty()
                    && version.major == *major
                    && match (major, minor) {
                        (0, Some(minor)) => version.minor == *minor,
                        (_, minor) => version.minor >= minor.unwrap_or(0),
                    }
            }
            Self::Tilde(major, minor) => {
                version.pre.is_empty() && version.major == *major && version.minor == *minor
            }
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(version) => write!(f, "{version}"),
            Self::Caret(major, None) => write!(f, "^{major}"),
            Self::Caret(major, Some(minor)) => write!(f, "^{major}.{minor}"),
            Self::Tilde(major, minor) => write!(f, "~{major}.{minor}"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.requirement {
            Some(requirement) => write!(f, "{}@{requirement}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// Who: always prefixed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// `user:…`
    User(Name),
    /// `group:…`
    Group(Name),
    /// `role:…`
    Role(Name),
}

impl Principal {
    /// Reads `user:alice`, `group:data`, `role:operator`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (prefix, name) = text.split_once(':')?;
        let name = Name::new(name)?;
        match prefix {
            "user" => Some(Self::User(name)),
            "group" => Some(Self::Group(name)),
            "role" => Some(Self::Role(name)),
            _ => None,
        }
    }

    /// The name without its prefix.
    #[must_use]
    pub const fn name(&self) -> &Name {
        match self {
            Self::User(name) | Self::Group(name) | Self::Role(name) => name,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self {
            Self::User(_) => "user",
            Self::Group(_) => "group",
            Self::Role(_) => "role",
        };
        write!(f, "{prefix}:{}", self.name())
    }
}

/// Milliseconds, written `500ms 30s 15m 4h 7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurationMs(pub u64);

/// Bytes, written `512B 64KiB 1MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SizeBytes(pub u64);

/// A percentage, written `20%`; whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(pub u32);

/// A unit of cost: `usd_cents`, `tokens`, `calls` (`[a-z][a-z0-9_]*`).
pub type Unit = Reason;

/// An instant, RFC 3339 with offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub jiff::Timestamp);

/// JSON data written in a spec, without templates. Integers within ±(2^53−1).
#[derive(Debug, Clone, PartialEq)]
pub struct Json(pub serde_json::Value);

closed! {
    /// How much a value may be shown, least first.
    pub enum Sensitivity {
        /// To anybody.
        Public = "public",
        /// In records, exports and metrics.
        Meta = "meta",
        /// Within the organisation (default).
        Internal = "internal",
        /// To eligible people.
        Personal = "personal",
        /// Unprocessed data of others.
        Raw = "raw",
        /// Never declared: secrets are references.
        Secret = "secret",
    }
}

closed! {
    /// What an action changes outside, mildest first.
    pub enum Effect {
        /// Nothing.
        Read = "read",
        /// What can be undone or repeated.
        Write = "write",
        /// What can be neither.
        Irreversible = "irreversible",
    }
}

closed! {
    /// Whether a run touches the outside.
    pub enum Mode {
        /// Declared answers only (default).
        Mock = "mock",
        /// For real.
        Live = "live",
    }
}
