//! Reading of the language's small values: names, versions, references, measures, instants.

use super::{Decode, Decoder, KeyRule, Shape, json};
use crate::diagnostic::Diagnostic;
use crate::kind::scalar::{
    DurationMs, Identifier, Instant, Json, Name, Percent, Principal, Prose, Reason, Reference, Requirement,
    SizeBytes, Slug, Version,
};
use crate::kind::selector::NamePattern;
use crate::tree::{Node, Value};

macro_rules! names {
    ($($type:ident: $what:literal, $pattern:literal;)*) => {$(
        impl $type {
            /// The rule for keys of maps that must be such.
            pub const RULE: KeyRule = KeyRule { what: $what, allows: |text| Self::new(text).is_some() };
        }

        impl Decode for $type {
            fn shape() -> Shape {
                Shape::Text { what: $what, pattern: Some($pattern) }
            }
            fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
                let text = cx.text(node, $what)?;
                let value = Self::new(&text.value);
                if value.is_none() {
                    cx.bad_name(node.span, &text.value, $what);
                }
                value
            }
            fn canonical(&self) -> Option<serde_json::Value> {
                Some(self.as_str().into())
            }
            fn keys() -> Option<KeyRule> {
                None
            }
        }
    )*};
}

names! {
    Name: "a name (a string like `payments.refund`: `[a-z][a-z0-9]*([.-][a-z0-9]+)*`, at most 63 characters)",
        "^[a-z][a-z0-9]*([.-][a-z0-9]+)*$";
    Identifier: "an identifier (a string like `lag_s`: `[a-z][a-z0-9_]*`, but not `in`, `true`, `false`, `null`)",
        "^[a-z][a-z0-9_]*$";
    Slug: "an id (a string like `two-people`: `[a-z][a-z0-9-]*`)", "^[a-z][a-z0-9-]*$";
    Reason: "a reason or unit (a string like `lag_too_large`: `[a-z][a-z0-9_]*`)", "^[a-z][a-z0-9_]*$";
}

impl Decode for Prose {
    fn shape() -> Shape {
        Shape::Text { what: "a string", pattern: None }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        cx.text(node, "a string").map(|text| Self(text.value.clone()))
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        None
    }
}

const VERSION: &str = "a release (a string like `1.4.0`)";

impl Decode for Version {
    fn shape() -> Shape {
        Shape::Text { what: VERSION, pattern: Some(r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$") }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let (written, message) = if matches!(node.value, Value::Int(_) | Value::Float(_)) {
            let written = cx.source.get(node.span.start as usize..node.span.end as usize)?.to_owned();
            let message = format!("`{written}` is a number; a release has three parts");
            (written, message)
        } else {
            let text = cx.text(node, VERSION)?;
            if let Some(version) = release(&text.value) {
                return Some(version);
            }
            (text.value.to_string(), format!("`{}` is no release", text.value))
        };
        let longer = [".0", ".0.0"].iter().find_map(|rest| release(&format!("{written}{rest}")));
        let due = longer.map_or_else(|| VERSION.to_owned(), |version| format!("`{version}`"));
        let problem = Diagnostic::law("wrong-type", node.span, message);
        cx.report(problem.help(format!("write {due}: major, minor and patch")));
        None
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.to_string().into())
    }
}

/// A release without build metadata: two releases that differ in nothing but that could not be told apart.
fn release(text: &str) -> Option<Version> {
    Version::parse(text).ok().filter(|version| version.build.is_empty())
}

const REFERENCE: &str = "a reference (a string like `payments.refund@^1`)";

impl Decode for Reference {
    fn shape() -> Shape {
        Shape::Text {
            what: REFERENCE,
            pattern: Some(
                r"^[a-z][a-z0-9]*([.-][a-z0-9]+)*(@(\^[0-9]+(\.[0-9]+)?|~[0-9]+\.[0-9]+|[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?))?$",
            ),
        }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let text = cx.text(node, REFERENCE)?;
        let (name, requirement) = match text.value.split_once('@') {
            Some((name, requirement)) => (name, Some(requirement)),
            None => (&*text.value, None),
        };
        let Some(name_read) = Name::new(name) else {
            cx.bad_name(node.span, name, REFERENCE);
            return None;
        };
        let Some(written) = requirement else {
            return Some(Self { name: name_read, requirement: None });
        };
        let read = read_requirement(written);
        if read.is_none() {
            let place = text.place(node.span, name.len() + 1, text.value.len());
            let problem = Diagnostic::law("bad-requirement", place, format!("`{written}` is no requirement"));
            cx.report(problem.help("write one of `1.4.0`, `^1`, `^1.4`, `~1.4`; nothing else is understood"));
        }
        read.map(|requirement| Self { name: name_read, requirement: Some(requirement) })
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.to_string().into())
    }
}

impl Reference {
    /// Reads `name` or `name@requirement`: what people write on a command line.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (name, requirement) = match text.split_once('@') {
            Some((name, requirement)) => (name, Some(read_requirement(requirement)?)),
            None => (text, None),
        };
        Some(Self { name: Name::new(name)?, requirement })
    }
}

/// `1.4.0`, `^1`, `^1.4` or `~1.4`.
fn read_requirement(text: &str) -> Option<Requirement> {
    if let Some(rest) = text.strip_prefix('^') {
        return match rest.split_once('.') {
            Some((major, minor)) => Some(Requirement::Caret(digits(major)?, Some(digits(minor)?))),
            None => Some(Requirement::Caret(digits(rest)?, None)),
        };
    }
    if let Some(rest) = text.strip_prefix('~') {
        let (major, minor) = rest.split_once('.')?;
        return Some(Requirement::Tilde(digits(major)?, digits(minor)?));
    }
    release(text).map(Requirement::Exact)
}

/// A decimal number without sign or leading zero.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (plain && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

const PRINCIPAL: &str = "a principal (a string like `user:alice`, `group:data`, `role:operator`)";

impl Decode for Principal {
    fn shape() -> Shape {
        Shape::Text { what: PRINCIPAL, pattern: Some("^(user|group|role):[a-z][a-z0-9]*([.-][a-z0-9]+)*$") }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let text = cx.text(node, PRINCIPAL)?;
        let value = Self::new(&text.value);
        if value.is_none() && text.value.contains('*') {
            let message = format!("`{}` names nobody in particular", text.value);
            let problem = Diagnostic::law("wildcard-reviewer", node.span, message);
            cx.report(
                problem.help("name a group, a role or people: a wildcard grows unseen with the roster"),
            );
        } else if value.is_none() && ACTORS.iter().any(|of| text.value.starts_with(of)) {
            let message = format!("`{}` is not {PRINCIPAL}", text.value);
            let problem = Diagnostic::law("bad-name", node.span, message);
            cx.report(
                problem
                    .help("write `user:` and its name in the roster: people, services and agents are all users there")
                    .consequence("the engine refuses the catalogue"),
            );
        } else if value.is_none() {
            cx.bad_name(node.span, &text.value, PRINCIPAL);
        }
        value
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.to_string().into())
    }
}

/// What actors are called where the roster says their type: no principal begins so.
const ACTORS: &[&str] = &["human:", "person:", "service:", "agent:", "bot:", "system:"];

const PATTERN: &str = "a name or a prefix with `.*` (a string like `payments.*`)";

impl Decode for NamePattern {
    fn shape() -> Shape {
        Shape::Text { what: PATTERN, pattern: Some(r"^[a-z][a-z0-9]*([.-][a-z0-9]+)*(\.\*)?$") }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let text = cx.text(node, PATTERN)?;
        let (name, prefix) = match text.value.strip_suffix(".*") {
            Some(name) => (name, true),
            None => (&*text.value, false),
        };
        if Name::new(name).is_none() {
            cx.bad_name(node.span, &text.value, PATTERN);
            return None;
        }
        let kept = if prefix { format!("{name}.") } else { name.to_owned() };
        Some(Self { text: kept.into(), prefix })
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(if self.prefix { format!("{}*", self.text) } else { self.text.to_string() }.into())
    }
}

/// A number with one of some units, as the product. No sign, no fraction, no leading zero, no space.
fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = (text.get(..split)?, text.get(split..)?);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits(number)?.checked_mul(*factor).filter(|value| *value <= super::LARGEST_INTEGER.unsigned_abs())
}

fn read_measure(node: &Node, units: &[(&str, u64)], what: &str, cx: &mut Decoder<'_>) -> Option<u64> {
    let message = match &node.value {
        Value::Text(text) => match measure(&text.value, units) {
            Some(value) => return Some(value),
            None => format!("`{}` is not {what}", text.value),
        },
        Value::Int(value) => format!("`{value}` has no unit"),
        Value::Float(value) => format!("`{value}` has no unit"),
        _ => {
            cx.wrong_type(node, what);
            return None;
        }
    };
    let known: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    let problem = Diagnostic::law("bad-duration", node.span, message);
    let known = super::listed(&known);
    let help = match (&node.value, units) {
        // Which one was meant nobody can tell; the second is no more than an example.
        (Value::Int(value), [_, (unit, _), ..] | [(unit, _)]) => {
            let what = what.split(" (").next().unwrap_or(what);
            format!(
                "write its unit behind it, like `{value}{unit}`: {what} is a whole number and one of {known}"
            )
        }
        _ => format!("write {what}: a whole number and one of {known}"),
    };
    cx.report(problem.help(help));
    None
}

/// Units of durations with their milliseconds.
const DURATIONS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// Units of sizes with their bytes.
const SIZES: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
/// The one unit of percentages.
const PERCENTAGES: &[(&str, u64)] = &[("%", 1)];

impl DurationMs {
    /// Reads `500ms 30s 15m 4h 7d`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        measure(text, DURATIONS).map(Self)
    }
}

impl Decode for DurationMs {
    fn shape() -> Shape {
        Shape::Text { what: "a duration (like `30s`)", pattern: Some("^(0|[1-9][0-9]*)(ms|s|m|h|d)$") }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        read_measure(node, DURATIONS, "a duration (a string like `30s`)", cx).map(Self)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.0.into())
    }
}

impl Decode for SizeBytes {
    fn shape() -> Shape {
        Shape::Text { what: "a size (like `64KiB`)", pattern: Some("^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)$") }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        read_measure(node, SIZES, "a size (a string like `64KiB`)", cx).map(Self)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.0.into())
    }
}

impl Decode for Percent {
    fn shape() -> Shape {
        Shape::Text { what: "a percentage (like `20%`)", pattern: Some("^(0|[1-9][0-9]*)%$") }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let value = read_measure(node, PERCENTAGES, "a percentage (a string like `20%`)", cx)?;
        let small = u32::try_from(value).ok();
        if small.is_none() {
            cx.out_of_range(node.span, value, 0, u32::MAX);
        }
        small.map(Self)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.0.into())
    }
}

const INSTANT: &str = "an instant (a string like `2026-01-05T10:00:00Z`)";

impl Decode for Instant {
    fn shape() -> Shape {
        Shape::Text { what: INSTANT, pattern: None }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let text = cx.text(node, INSTANT)?;
        let value = text.value.contains('T').then(|| text.value.parse().ok()).flatten();
        if value.is_none() {
            let problem = Diagnostic::law("wrong-type", node.span, format!("`{}` is no instant", text.value));
            cx.report(problem.help(format!("write {INSTANT}: RFC 3339 with an offset")));
        }
        value.map(Self)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.0.to_string().into())
    }
}

impl Decode for Json {
    fn shape() -> Shape {
        Shape::Data
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        json(node, cx).map(Self)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.0.clone())
    }
}
