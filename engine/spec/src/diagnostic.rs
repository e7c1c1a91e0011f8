//! Problems of spec files, as data. Rendering is the business of the edges (`lint`, `cli`).

use std::borrow::Cow;

use crate::source::Span;

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The engine refuses the catalogue too; nothing suppresses it.
    Law,
    /// Blocks; can be exempted in the file.
    Error,
    /// Worth a look; blocks only where the workspace says so.
    Warning,
    /// Shown with `--pedantic`.
    Info,
}

impl Severity {
    /// The word in JSON and text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Law => "law",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A place with a word about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What stands there; may be empty for a primary label.
    pub text: String,
}

/// A replacement of the text at `span`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

/// A repair that a tool can make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// True when the meaning stays the same beyond the repair.
    pub safe: bool,
    /// What changes.
    pub edits: Vec<Edit>,
}

/// One problem of a spec. Messages: lower case, no full stop, the author's words in backticks; they
/// say what is wrong. `help` says what to do. `consequence` says what the engine would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The slug of the law or rule, which is also the name of its page.
    pub code: &'static str,
    /// Its weight.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where; `None` when it is about the catalogue as a whole.
    pub primary: Option<Label>,
    /// Other places that belong to it.
    pub related: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// What the engine would do at run time.
    pub consequence: Option<Cow<'static, str>>,
    /// How a tool can mend it.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A broken law: the engine refuses the catalogue.
    #[must_use]
    pub fn law(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Law, Some(span), message)
    }

    /// A problem of any weight, with or without a place.
    #[must_use]
    pub fn new(
        code: &'static str,
        severity: Severity,
        span: Option<Span>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            primary: span.map(|span| Label { span, text: String::new() }),
            related: Vec::new(),
            help: None,
            consequence: None,
            fix: None,
        }
    }

    /// Says in a few words what stands at the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.text = text.into();
        }
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Says what the engine would do.
    #[must_use]
    pub fn consequence(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.consequence = Some(text.into());
        self
    }

    /// Adds a repair.
    #[must_use]
    pub fn fix(mut self, safe: bool, edits: Vec<Edit>) -> Self {
        self.fix = Some(Fix { safe, edits });
        self
    }

    /// The file and place by which diagnostics are ordered.
    #[must_use]
    pub fn order(&self) -> (Option<Span>, Severity, &'static str) {
        (self.primary.as_ref().map(|label| label.span), self.severity, self.code)
    }
}

/// Changes that hands make to one word: beyond them another may have been meant, which is only not there.
const SLIPS: usize = 2;

/// The known name that was surely meant: the nearest one, a slip or two away, if no other is as near. A repair
/// that guesses between two is none.
#[must_use]
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let near = nearest(name, known.iter().copied())?;
    let distance = strsim::osa_distance(name, near);
    if distance > SLIPS {
        return None;
    }
    let rivals = known.iter().filter(|other| strsim::osa_distance(name, other) <= distance).count();
    (rivals == 1).then_some(near)
}

/// The known name nearest to `name`, if one is near enough to be meant.
///
/// Distance: Damerau–Levenshtein (optimal string alignment), at most a third of the length. What holds quotes or
/// blanks is no name, though somebody may have declared it: it is never meant.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|candidate| !candidate.contains(['\'', '"', '`', ' ']))
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many of what, for people: `1 file`, `2 files`.
#[must_use]
pub fn counted(count: impl std::fmt::Display, noun: &str) -> String {
    let count = count.to_string();
    let plural = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
