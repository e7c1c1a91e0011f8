//! Suppressions: what an author writes in a comment to let one rule of lint pass in one place. The one
//! parser of them, in both notations. Only reads: that no law is suppressed, and never all rules at once, are
//! laws (`check`); what a suppression is worth otherwise is the business of lint.
//!
//! ```text
//! # lint-allow: single-person-owner until=2026-12-31 by=user:carol reason="team split in progress"
//! ```

use crate::source::{FileId, Notation, SourceFile, Span};
use crate::tree::{Node, Value};

/// What begins a suppression in a comment.
pub const MARK: &str = "lint-allow:";

/// One suppression as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// The rule that it names, and where; `None` where it names none.
    pub slug: Option<(String, Span)>,
    /// Until when, as written.
    pub until: Option<(String, Span)>,
    /// Who allowed it, as written.
    pub by: Option<(String, Span)>,
    /// Why.
    pub reason: Option<(String, Span)>,
    /// Words that are none of these.
    pub strange: Vec<(String, Span)>,
    /// The comment, from its sign to its end.
    pub span: Span,
    /// True where nothing else stands on its line.
    pub alone: bool,
    /// The line that it is about, counted from 1: its own, or the next one that is no comment.
    pub line: u32,
}

/// The suppressions of a file, in its order. `nodes` are its documents: what looks like a comment inside of a
/// string is none.
#[must_use]
pub fn read(id: FileId, file: &SourceFile, nodes: &[Node]) -> Vec<Suppression> {
    if !file.text.contains(MARK) {
        return Vec::new();
    }
    let mut strings = Vec::new();
    nodes.iter().for_each(|node| texts(node, &mut strings));
    let sign = if file.notation == Notation::Kdl { "//" } else { "#" };
    let mut found = Vec::new();
    let mut start = 0_usize;
    for line in file.text.split('\n') {
        if let Some(at) = comment(line, sign)
            && let Some(words) = marked(line.get(at..).unwrap_or_default(), sign)
        {
            let from = start + at;
            if !strings.iter().any(|(begin, end)| *begin <= from && from < *end) {
                let alone = line.get(..at).is_some_and(|before| before.trim().is_empty());
                let length = line.trim_end().len() - at;
                found.push(suppression(id, file, from, length, words, alone, sign));
            }
        }
        start += line.len() + 1;
    }
    found
}

/// The places of all strings.
fn texts(node: &Node, into: &mut Vec<(usize, usize)>) {
    match &node.value {
        Value::Text(_) => into.push((node.span.start as usize, node.span.end as usize)),
        Value::List(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Map(map) => map.entries.iter().for_each(|(_, value)| texts(value, into)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
}

/// Where the comment of a line begins that holds the mark right after its sign.
fn comment(line: &str, sign: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = line.get(from..)?.find(sign).map(|at| at + from) {
        let before = line.get(..at)?;
        let free = before.is_empty() || before.ends_with([' ', '\t']);
        if free && marked(line.get(at..)?, sign).is_some() {
            return Some(at);
        }
        from = at + sign.len();
    }
    None
}

/// How many bytes of a comment stand before the words of its suppression.
fn marked(comment: &str, sign: &str) -> Option<usize> {
    let rest = comment.strip_prefix(sign)?;
    let words = rest.trim_start_matches([' ', '\t']).strip_prefix(MARK)?;
    Some(comment.len() - words.len())
}

fn suppression(
    id: FileId,
    file: &SourceFile,
    from: usize,
    length: usize,
    skip: usize,
    alone: bool,
    sign: &str,
) -> Suppression {
    let place = |start: usize, end: usize| {
        let byte = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span::new(id, byte(start), byte(end))
    };
    let line = file.line_column(place(from, from).start).0;
    let mut made = Suppression {
        slug: None,
        until: None,
        by: None,
        reason: None,
        strange: Vec::new(),
        span: place(from, from + length),
        alone,
        line: if alone { next_line(&file.text, line, sign) } else { line },
    };
    let text = file.text.get(from..from + length).unwrap_or_default();
    for (start, end) in words(text, skip.min(text.len())) {
        let word = text.get(start..end).unwrap_or_default();
        // A second comment on the line is no part of the first.
        if word.starts_with('#') || word.starts_with("//") {
            break;
        }
        let span = place(from + start, from + end);
        let (key, value) = word.split_once('=').map_or((None, word), |(key, value)| (Some(key), value));
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        let part = match key {
            Some("until") => &mut made.until,
            Some("by") => &mut made.by,
            Some("reason") => &mut made.reason,
            None if made.slug.is_none() => &mut made.slug,
            _ => {
                made.strange.push((word.to_owned(), span));
                continue;
            }
        };
        *part = Some((value.to_owned(), span));
    }
    made
}

/// Words from `skip` on; blanks inside of quotation marks separate nothing.
fn words(text: &str, skip: usize) -> Vec<(usize, usize)> {
    let (mut found, mut begun, mut quoted) = (Vec::new(), None, false);
    for (at, letter) in text.char_indices().filter(|(at, _)| *at >= skip) {
        quoted ^= letter == '"';
        if letter.is_whitespace() && !quoted {
            found.extend(begun.take().map(|start| (start, at)));
        } else if begun.is_none() {
            begun = Some(at);
        }
    }
    found.extend(begun.map(|start| (start, text.len())));
    found
}

/// The first line after `line` that is no comment.
fn next_line(text: &str, line: u32, sign: &str) -> u32 {
    let below = text.split('\n').skip(line as usize);
    let comments = below.take_while(|line| line.trim_start().starts_with(sign)).count();
    line.saturating_add(u32::try_from(comments).unwrap_or(0)).saturating_add(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use super::*;

    fn found(text: &str, notation: Notation) -> Vec<Suppression> {
        let file = SourceFile::new("a".into(), text.into(), notation);
        let nodes = match notation {
            Notation::Yaml => crate::tree::yaml::read(FileId(0), text, &mut Vec::new()),
            Notation::Kdl => crate::tree::kdl::read(FileId(0), text, &mut Vec::new()),
        };
        read(FileId(0), &file, &nodes)
    }

    fn word(part: &Option<(String, Span)>) -> &str {
        part.as_ref().map_or("", |(word, _)| word)
    }

    #[test]
    fn a_comment_above_or_on_a_line_is_about_that_line() {
        let text = "# lint-allow: a-b until=2026-12-31 by=user:carol reason=\"in progress\"\n# more\nx: 1\ny: 2  # lint-allow: c-d # other\n";
        let all = found(text, Notation::Yaml);
        let lines: Vec<_> = all.iter().map(|one| (word(&one.slug).to_owned(), one.line, one.alone)).collect();
        assert_eq!(lines, [("a-b".to_owned(), 3, true), ("c-d".to_owned(), 4, false)]);
        let first = all.first().unwrap();
        assert_eq!(
            (word(&first.until), word(&first.by), word(&first.reason)),
            ("2026-12-31", "user:carol", "in progress")
        );
        assert!(all.iter().all(|one| one.strange.is_empty()));
    }

    #[test]
    fn what_stands_in_a_string_is_no_comment() {
        let text = "x: |\n  # lint-allow: a-b\ny: ' # lint-allow: a-b'\nz: a#lint-allow:a-b\n";
        assert_eq!(found(text, Notation::Yaml), []);
        let text = "ordain \"v1\"\nx \"// lint-allow: a-b\" // lint-allow: c-d until=x\n";
        let all = found(text, Notation::Kdl);
        assert_eq!(all.iter().map(|one| word(&one.slug)).collect::<Vec<_>>(), ["c-d"]);
    }

    #[test]
    fn words_that_are_no_part_are_kept_apart() {
        let all = found("x: 1 # lint-allow: a-b untl=2026 c-d\n", Notation::Yaml);
        let strange: Vec<_> =
            all.iter().flat_map(|one| &one.strange).map(|(word, _)| word.as_str()).collect();
        assert_eq!(strange, ["untl=2026", "c-d"]);
    }
}
