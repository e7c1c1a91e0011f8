//! The lines that an excerpt shows, none wider than the terminal: of a long line the part around the place
//! is kept and `…` stands for the rest. Lines keep their numbers; places move with the text.

use ordain_spec::source::{SourceFile, Span};

/// What is shown of a text, and where its places are in it.
pub struct Window {
    /// The lines from the first that is shown to the last; those between that are not shown are empty.
    pub text: String,
    /// The number of the first of them in the file, counted from 1.
    pub first: u32,
    lines: Vec<Kept>,
}

/// What is kept of a line.
struct Kept {
    /// Byte offset of the line in the text.
    start: usize,
    /// The part that is kept, in bytes of the line.
    from: usize,
    to: usize,
    /// Byte offset of the kept part in the window's text.
    at: usize,
}

/// A place and the length of what is written below it.
pub type Marked = (Span, usize);

impl Window {
    /// The lines around `marks` of a file, at most `columns` wide; `context` more above and below. What is shown of
    /// a line is what `clean` makes of it, as many bytes: it is given where the line begins, and its ending with it.
    pub fn new(
        file: &SourceFile,
        marks: &[Marked],
        (columns, context): (usize, u32),
        clean: &dyn Fn(usize, &str) -> String,
    ) -> Self {
        // What stands behind the last line break is no line.
        let end = u32::try_from(file.text.strip_suffix('\n').unwrap_or(&file.text).len()).unwrap_or(u32::MAX);
        let number = |at: u32| file.line_column(at.min(end)).0;
        let around = |(span, _): &Marked| {
            (number(span.start).saturating_sub(context).max(1), number(span.end).saturating_add(context))
        };
        let marked: Vec<(u32, u32)> = marks.iter().map(around).collect();
        let first = marked.iter().map(|(first, _)| *first).min().unwrap_or(1);
        let last = marked.iter().map(|(_, last)| *last).max().unwrap_or(0);
        let mut window = Self { text: String::with_capacity(256), first, lines: Vec::new() };
        for (number, (start, line)) in (first..=last).zip(file.lines_from(first)) {
            let shown = marked.iter().any(|(first, last)| (*first..=*last).contains(&number));
            let line = if shown { clean(start, line) } else { String::new() };
            let line = line.trim_end_matches(['\n', '\r']);
            let (from, to) = if shown { part(start, line, marks, columns) } else { (0, 0) };
            window.push(start, line, (from, to), shown);
        }
        window
    }

    fn push(&mut self, start: usize, line: &str, (from, to): (usize, usize), shown: bool) {
        if shown && from > 0 {
            self.text.push('…');
        }
        self.lines.push(Kept { start, from, to, at: self.text.len() });
        self.text.push_str(line.get(from..to).unwrap_or_default());
        if shown && to < line.len() {
            self.text.push('…');
        }
        self.text.push('\n');
    }

    /// The place in the window's text: offset and length.
    pub fn place(&self, span: Span) -> (usize, usize) {
        let start = self.offset(span.start as usize);
        let end = self.offset(span.end as usize).max(start);
        (start, end - start)
    }

    fn offset(&self, at: usize) -> usize {
        let number = self.lines.partition_point(|line| line.start <= at).saturating_sub(1);
        let Some(line) = self.lines.get(number) else { return 0 };
        let within = (at - line.start.min(at)).clamp(line.from, line.to.max(line.from));
        line.at + within - line.from
    }
}

/// The part of a line that is kept: all of it where it fits, else from a little before the first place on.
fn part(start: usize, line: &str, marks: &[Marked], columns: usize) -> (usize, usize) {
    let width = line.chars().count();
    let here = marks.iter().filter(|(span, _)| {
        let at = span.start as usize;
        at >= start && at <= start + line.len()
    });
    // A word below a place begins where the place does, or in the middle of it.
    let reach = here.clone().map(|(span, below)| {
        let at = chars_before(line, span.start as usize - start);
        let length = (span.end.saturating_sub(span.start) as usize).min(columns);
        at + length.max(length / 2 + below + 4)
    });
    let reach = reach.max().unwrap_or(0);
    if width.max(reach) <= columns {
        return (0, line.len());
    }
    let first = here.map(|(span, _)| chars_before(line, span.start as usize - start)).min();
    let skipped = match first {
        None => 0,
        Some(_) if reach <= columns => 0,
        Some(first) => first.min(reach.saturating_sub(columns).saturating_add(1)),
    };
    let room = columns.saturating_sub(1 + usize::from(skipped > 0)).max(1);
    let mut offsets = line.char_indices().map(|(at, _)| at).skip(skipped);
    let from = offsets.clone().next().unwrap_or(line.len());
    let to = offsets.nth(room).unwrap_or(line.len());
    (from, to)
}

fn chars_before(line: &str, at: usize) -> usize {
    line.get(..at).map_or(0, |before| before.chars().count())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test that cannot go on fails")]
    use ordain_spec::source::{FileId, Notation};

    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile::new("a.yaml".to_owned(), text.into(), Notation::Yaml)
    }

    fn as_it_is(_: usize, line: &str) -> String {
        line.to_owned()
    }

    fn span(text: &str, word: &str) -> Span {
        let at = text.find(word).unwrap();
        let place = |at: usize| u32::try_from(at).unwrap();
        Span::new(FileId(0), place(at), place(at + word.len()))
    }

    #[test]
    fn a_place_stays_on_its_words_and_no_line_is_too_wide() {
        let long = format!("é: {}here{}", "x ".repeat(60), " y".repeat(60));
        let text = format!("first\n{long}\nlast line\n");
        for (columns, below) in [(20, 4), (40, 30), (75, 0)] {
            let mark = span(&text, "here");
            let window = Window::new(&file(&text), &[(mark, below)], (columns, 1), &as_it_is);
            let (at, length) = window.place(mark);
            assert_eq!(&window.text[at..at + length], "here", "{}", window.text);
            assert_eq!((window.first, window.text.lines().count()), (1, 3));
            assert!(window.text.lines().all(|line| line.chars().count() <= columns), "{}", window.text);
        }
    }

    #[test]
    fn what_fits_is_shown_whole_and_what_is_far_is_not_shown() {
        let text = "a\nb\nhere it is\nc\nd\n";
        let window = Window::new(&file(text), &[(span(text, "it"), 4)], (40, 1), &as_it_is);
        assert_eq!((window.first, window.text.as_str()), (2, "b\nhere it is\nc\n"));
        let both = [(span(text, "a"), 0), (span(text, "d"), 0)];
        let window = Window::new(&file(text), &both, (40, 0), &as_it_is);
        assert_eq!((window.first, window.text.as_str()), (1, "a\n\n\n\nd\n"));
        let at_end = |text: &str| {
            let end = Span::new(FileId(0), 18, 18);
            let window = Window::new(&file(text), &[(end, 0)], (40, 0), &as_it_is);
            (window.first, window.place(end))
        };
        assert_eq!(at_end("no line break"), (1, (13, 0)));
        assert_eq!(at_end("a\nline break\n"), (2, (10, 0)));
        assert_eq!(at_end(""), (1, (0, 0)));
    }
}
