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
/// What a suppression says beside the name of its rule, each once.
pub const PARTS: &[&str] = &["until", "by", "reason"];

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
    /// Words that are none of these, or say one of them a second time.
    pub strange: Vec<(String, Span)>,
    /// The comment, from its sign to its end.
    pub span: Span,
    /// True where nothing else stands on its line.
    pub alone: bool,
    /// The line that it is about, counted from 1: its own, or the next one that says something where its own is a
    /// comment as a whole. Blank lines part nothing, as they mean nothing in either notation.
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
    strings.sort_unstable();
    let in_string = |at: usize| {
        let begun = strings.partition_point(|(begin, _)| *begin <= at);
        begun.checked_sub(1).and_then(|last| strings.get(last)).is_some_and(|(_, end)| at < *end)
    };
    let sign = if file.notation == Notation::Kdl { "//" } else { "#" };
    let mut found: Vec<Suppression> = Vec::new();
    // From here on, they stand above the next line that says something.
    let mut waiting = 0;
    let mut start = 0_usize;
    for (number, line) in (1..).zip(file.text.split('\n')) {
        let says_something = !line.trim().is_empty() && !line.trim_start().starts_with(sign);
        if says_something {
            found.iter_mut().skip(waiting).for_each(|one| one.line = number);
        }
        let mut from = 0;
        while let Some(at) = comment(line, from, sign) {
            if in_string(start + at) {
                from = at + sign.len();
                continue;
            }
            let comment = line.get(at..).unwrap_or_default().trim_end();
            let (one, length) = suppression(id, start + at, comment, sign);
            from = at + length;
            let blank = |part: Option<&str>| part.is_none_or(|part| part.trim().is_empty());
            let alone = blank(line.get(..at)) && blank(line.get(from..));
            found.push(Suppression { alone, line: number, ..one });
        }
        if says_something {
            waiting = found.len();
        }
        start += line.len() + 1;
    }
    let end = u32::try_from(file.text.split('\n').count()).unwrap_or(u32::MAX).saturating_add(1);
    found.iter_mut().skip(waiting).for_each(|one| one.line = end);
    found
}

/// The places of all strings and keys.
fn texts(node: &Node, into: &mut Vec<(usize, usize)>) {
    let place = |span: Span| (span.start as usize, span.end as usize);
    match &node.value {
        Value::Text(_) => into.push(place(node.span)),
        Value::List(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Map(map) => map.entries.iter().for_each(|(key, value)| {
            into.push(place(key.span));
            texts(value, into);
        }),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
}

/// Where the first comment at or behind `from` begins that holds the mark right after its sign.
fn comment(line: &str, mut from: usize, sign: &str) -> Option<usize> {
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

/// The suppression at the beginning of `comment`, which begins at byte `from` of its file, and its length: another
/// comment on the line is no part of it.
fn suppression(id: FileId, from: usize, comment: &str, sign: &str) -> (Suppression, usize) {
    let place = |start: usize, end: usize| {
        let byte = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span::new(id, byte(from + start), byte(from + end))
    };
    let words = words(comment, marked(comment, sign).unwrap_or(comment.len()));
    let is_next = |(start, _): &&(usize, usize)| {
        comment.get(*start..).is_some_and(|word| word.starts_with('#') || word.starts_with("//"))
    };
    let length = words.iter().find(is_next).map_or(comment.len(), |(start, _)| *start);
    let own = comment.get(..length).unwrap_or_default().trim_end();
    let mut made = Suppression {
        slug: None,
        until: None,
        by: None,
        reason: None,
        strange: Vec::new(),
        span: place(0, own.len()),
        alone: false,
        line: 0,
    };
    for (start, end) in words.into_iter().take_while(|(start, _)| *start < length) {
        let word = comment.get(start..end).unwrap_or_default();
        let (key, value) = word.split_once('=').map_or((None, word), |(key, value)| (Some(key), value));
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        let part = match key {
            Some("until") => &mut made.until,
            Some("by") => &mut made.by,
            Some("reason") => &mut made.reason,
            _ => &mut made.slug,
        };
        // What stands there a second time would say something else than what was read first.
        if part.is_some() || key.is_some_and(|key| !PARTS.contains(&key)) {
            made.strange.push((word.to_owned(), place(start, end)));
        } else {
            *part = Some((value.to_owned(), place(start, end)));
        }
    }
    (made, length)
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
    fn what_stands_between_a_comment_and_the_next_line_that_says_something_parts_nothing() {
        for (text, notation) in [
            ("# lint-allow: a-b\n\n \t\n# more\n\nx: 1\n", Notation::Yaml),
            ("# see 7 # lint-allow: a-b\r\n\r\n\r\n\r\n\r\nx: 1\r\n", Notation::Yaml),
            ("ordain \"v1\"\n// lint-allow: a-b\n\n// more\n\nx 1\n", Notation::Kdl),
        ] {
            let all = found(text, notation);
            assert_eq!(all.iter().map(|one| one.line).collect::<Vec<_>>(), [6], "{text}");
        }
        let all = found("x: 1\n# lint-allow: a-b\n\n", Notation::Yaml);
        assert_eq!(all.iter().map(|one| one.line).collect::<Vec<_>>(), [5], "nothing follows");
    }

    #[test]
    fn each_comment_of_a_line_is_read() {
        let text =
            "x: 1 # lint-allow: a-b reason=\"no # lint-allow: z\" # lint-allow: c-d by=user:ann # why\n";
        let all = found(text, Notation::Yaml);
        let said: Vec<_> = all.iter().map(|one| (word(&one.slug), word(&one.by), one.line)).collect();
        assert_eq!(said, [("a-b", "", 1), ("c-d", "user:ann", 1)]);
        let place = |one: &Suppression| text.get(one.span.start as usize..one.span.end as usize);
        let places = all.iter().filter_map(place);
        let due = ["# lint-allow: a-b reason=\"no # lint-allow: z\"", "# lint-allow: c-d by=user:ann"];
        assert_eq!(places.collect::<Vec<_>>(), due);
        let all = found("# lint-allow: a-b # lint-allow: c-d\nx: 1\n", Notation::Yaml);
        assert!(all.iter().all(|one| !one.alone && one.line == 2), "{all:?}");
    }

    #[test]
    fn what_stands_in_a_key_is_no_comment() {
        assert_eq!(found("\"a # lint-allow: a-b\": 1\n", Notation::Yaml), []);
    }

    #[test]
    fn of_what_is_said_twice_the_first_is_read_and_the_second_is_strange() {
        let all = found("x: 1 # lint-allow: a-b until=2026-01-01 until=2099-01-01\n", Notation::Yaml);
        let one = all.first().unwrap();
        let strange: Vec<_> = one.strange.iter().map(|(word, _)| word.as_str()).collect();
        assert_eq!((word(&one.until), strange), ("2026-01-01", vec!["until=2099-01-01"]));
    }

    #[test]
    fn words_that_are_no_part_are_kept_apart() {
        let all = found("x: 1 # lint-allow: a-b untl=2026 c-d\n", Notation::Yaml);
        let strange: Vec<_> =
            all.iter().flat_map(|one| &one.strange).map(|(word, _)| word.as_str()).collect();
        assert_eq!(strange, ["untl=2026", "c-d"]);
    }
}
