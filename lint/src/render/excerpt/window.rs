//! The lines that an excerpt shows, none wider than the terminal: of a long line the part around the place
//! is kept and `…` stands for the rest. Lines keep their numbers; places move with the text.

use ordain_spec::source::Span;

/// What is shown of a text, and where its places are in it.
pub struct Window {
    /// As many lines as the text has; those that are not shown are empty.
    pub text: String,
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
    /// The lines around `marks` of a text, at most `columns` wide; `context` more above and below. What is shown of
    /// a line is what `clean` makes of it, as many bytes: it is given where the line begins, and its ending with it.
    pub fn new(
        text: &str,
        marks: &[Marked],
        (columns, context): (usize, usize),
        clean: &dyn Fn(usize, &str) -> String,
    ) -> Self {
        let mut window = Self { text: String::with_capacity(256), lines: Vec::new() };
        let lines: Vec<(usize, &str)> = text
            .split_inclusive('\n')
            .scan(0, |at, line| {
                let start = *at;
                *at += line.len();
                Some((start, line))
            })
            .collect();
        let marked: Vec<(usize, usize)> = marks
            .iter()
            .map(|(span, _)| (line_of(&lines, span.start as usize), line_of(&lines, span.end as usize)))
            .collect();
        for (number, (start, line)) in lines.iter().enumerate() {
            let shown =
                marked.iter().any(|(first, last)| number + context >= *first && number <= last + context);
            let line = if shown { clean(*start, line) } else { String::new() };
            let line = line.trim_end_matches(['\n', '\r']);
            let (from, to) = if shown { part(*start, line, marks, columns) } else { (0, 0) };
            window.push(*start, line, (from, to), shown);
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

fn line_of(lines: &[(usize, &str)], at: usize) -> usize {
    lines.partition_point(|(start, _)| *start <= at).saturating_sub(1)
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
    use ordain_spec::source::FileId;

    use super::*;

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
            let window = Window::new(&text, &[(mark, below)], (columns, 1), &as_it_is);
            let (at, length) = window.place(mark);
            assert_eq!(&window.text[at..at + length], "here", "{}", window.text);
            assert_eq!(window.text.lines().count(), 3);
            assert!(window.text.lines().all(|line| line.chars().count() <= columns), "{}", window.text);
        }
    }

    #[test]
    fn what_fits_is_shown_whole_and_what_is_far_is_not_shown() {
        let text = "a\nb\nhere it is\nc\nd\n";
        let window = Window::new(text, &[(span(text, "it"), 4)], (40, 1), &as_it_is);
        assert_eq!(window.text, "\nb\nhere it is\nc\n\n");
        let end = Span::new(FileId(0), 18, 18);
        assert_eq!(Window::new("no line break", &[(end, 0)], (40, 0), &as_it_is).place(end), (13, 0));
    }
}
