//! Law `free-text-in-meta-schema`: a pattern that lets any text through. Types that do are found where the
//! field is read.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;
use crate::kind::meta_schema::MetaType;

/// The most characters of a value in the meta schema.
const CHARACTERS: u64 = 64;
/// What stands between words.
const SPACES: &[char] = &['\t', '\n', ' ', '\u{a0}', '\u{2003}', '\u{3000}'];

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let fields = cx.all.meta_schema.iter().flat_map(|meta| meta.spec.fields.iter());
    for (name, field) in fields.filter(|(_, field)| field.type_.value.0 == MetaType::Pattern) {
        let Some(pattern) = &field.pattern else { continue };
        // One that cannot be read is reported as such.
        let Ok(parsed) = regex_syntax::parse(&pattern.value) else { continue };
        let why = if has_spaces(&parsed) {
            "lets spaces through".to_owned()
        } else {
            match longest(&parsed) {
                None => "has no bound".to_owned(),
                Some(most) if most > CHARACTERS => format!("matches up to {most} characters"),
                Some(_) => continue,
            }
        };
        sink.push(
            law("free-text-in-meta-schema", pattern.span, format!("the pattern of `{name}` {why}"))
                .help(format!("match at most {CHARACTERS} characters, and no spaces: an id, a code, a number"))
                .consequence("the engine refuses the catalogue: personal data could leave unseen"),
        );
    }
}

/// True where a space is among the characters that may stand somewhere.
fn has_spaces(pattern: &Hir) -> bool {
    match pattern.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().any(|range| SPACES.iter().any(|c| (range.start()..=range.end()).contains(c)))
        }
        HirKind::Class(Class::Bytes(_)) => true,
        HirKind::Repetition(repeated) => has_spaces(&repeated.sub),
        HirKind::Capture(group) => has_spaces(&group.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(has_spaces),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => false,
    }
}

/// The most characters that it matches; `None` where there is no bound.
fn longest(pattern: &Hir) -> Option<u64> {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(0),
        HirKind::Class(_) => Some(1),
        HirKind::Literal(literal) => {
            Some(std::str::from_utf8(&literal.0).map_or(literal.0.len(), |text| text.chars().count()) as u64)
        }
        HirKind::Repetition(repeated) => {
            longest(&repeated.sub)?.checked_mul(u64::from(repeated.max?))
        }
        HirKind::Capture(group) => longest(&group.sub),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(longest(part)?))
        }
        HirKind::Alternation(parts) => parts.iter().try_fold(0, |most, part| Some(longest(part)?.max(most))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use super::*;

    #[test]
    fn the_longest_match_is_counted_in_characters() {
        for (pattern, most) in [
            ("re_[A-Za-z0-9]{1,61}", Some(64)),
            ("(a|bcd){2}-?", Some(7)),
            ("", Some(0)),
            (r"\d{20}", Some(20)),
            ("ä{3}", Some(3)),
            ("a*", None),
            ("(ab?){2,}", None),
        ] {
            assert_eq!(longest(&regex_syntax::parse(pattern).unwrap()), most, "{pattern}");
        }
    }

    #[test]
    fn spaces_hide_in_classes() {
        for (pattern, spaces) in [("[ -~]", true), (".", true), (r"\s?", true), (r"[^a]", true), (r"[\w.-]", false)] {
            assert_eq!(has_spaces(&regex_syntax::parse(pattern).unwrap()), spaces, "{pattern}");
        }
    }
}
