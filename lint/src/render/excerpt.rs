//! One finding as miette draws it. The text that is drawn is made harmless first: a file that was
//! refused for hidden characters must not send them to the terminal that shows it.

mod window;

use std::fmt;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use ordain_spec::diagnostic::{Label, Severity};
use ordain_spec::source::{FileId, SourceFile};

use super::Secrets;
use crate::report::{Finding, shown};
use window::Window;

/// Lines shown above and below a place.
pub const CONTEXT_LINES: u32 = 1;

/// A finding, or a place in another file that belongs to one.
#[derive(Debug)]
pub struct Drawn {
    head: String,
    code: Option<&'static str>,
    severity: Severity,
    help: Option<String>,
    source: Option<Excerpt>,
    labels: Vec<LabeledSpan>,
    elsewhere: Vec<Self>,
}

impl Drawn {
    /// The whole finding, at most `width` columns wide, with its `secrets` blacked out.
    pub fn of(finding: &Finding, secrets: &Secrets, width: usize) -> Self {
        let diagnostic = &finding.diagnostic;
        let primary = diagnostic.primary.as_ref();
        let home = primary.map(|label| label.span.file);
        let mut here: Vec<&Label> = primary.into_iter().collect();
        let mut elsewhere: Vec<Self> = Vec::new();
        for label in &diagnostic.related {
            if Some(label.span.file) == home {
                here.push(label);
            } else if let Some(file) = finding.file(label.span) {
                elsewhere.push(Self::place(finding, file, (label, secrets), width));
            }
        }
        let file = home.and_then(|home: FileId| finding.sources.get(home));
        let (source, labels) = file.map_or((None, Vec::new()), |file| {
            let (source, labels) = drawn(finding, file, (&here, secrets), width);
            (Some(source), labels)
        });
        Self {
            head: harmless(&diagnostic.message),
            code: Some(diagnostic.code),
            severity: diagnostic.severity,
            help: help(finding),
            source,
            labels,
            elsewhere,
        }
    }

    fn place(
        finding: &Finding,
        file: &SourceFile,
        (label, secrets): (&Label, &Secrets),
        width: usize,
    ) -> Self {
        let bare = Label { span: label.span, text: String::new() };
        let (source, labels) = drawn(finding, file, (&[&bare], secrets), width);
        Self {
            head: harmless(&label.text),
            code: None,
            severity: Severity::Info,
            help: None,
            source: Some(source),
            labels,
            elsewhere: Vec::new(),
        }
    }
}

/// The lines of a file around places of it, and the places in them; the first is the primary one.
fn drawn(
    finding: &Finding,
    file: &SourceFile,
    (labels, secrets): (&[&Label], &Secrets),
    width: usize,
) -> (Excerpt, Vec<LabeledSpan>) {
    let last = labels.iter().map(|label| file.line_column(label.span.end).0).max().unwrap_or(1);
    // The number of a line, the bar, and what stands around them.
    let columns = width.saturating_sub((last + CONTEXT_LINES).to_string().len() + 5).max(20);
    let marks: Vec<_> = labels.iter().map(|label| (label.span, label.text.chars().count())).collect();
    let here = labels.first().map(|label| label.span.file);
    // A file may have thousands of findings: only lines that are shown are looked at.
    let clean = |start: usize, line: &str| {
        harmless_of_same_length(&here.map_or_else(String::new, |here| secrets.line_of(here, start, line)))
    };
    let window = Window::new(file, &marks, (columns, CONTEXT_LINES), &clean);
    let mut columns = Vec::with_capacity(labels.len());
    let spans = labels.iter().enumerate().map(|(at, label)| {
        columns.push((
            window.place(label.span).0,
            (file.line_column(label.span.start).1 as usize).saturating_sub(1),
        ));
        let said = (!label.text.is_empty()).then(|| harmless(&label.text));
        let (start, length) = window.place(label.span);
        let place = SourceSpan::new(start.into(), length);
        if at == 0 {
            LabeledSpan::new_primary_with_span(said, place)
        } else {
            LabeledSpan::new_with_span(said, place)
        }
    });
    let spans = spans.collect();
    let above = window.first.saturating_sub(1) as usize;
    (Excerpt { name: harmless(&shown(&finding.root, &file.path)), text: window.text, above, columns }, spans)
}

/// The lines that are shown, under the name of their file. The head of an excerpt names the column in the
/// file, also where a line is cut.
#[derive(Debug)]
struct Excerpt {
    name: String,
    text: String,
    /// How many lines of the file stand above them.
    above: usize,
    /// Offsets of places in the text, with their columns in the file, counted from 0.
    columns: Vec<(usize, usize)>,
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let read = self.text.read_span(span, before, after)?;
        // Asked without context it is for the head, which names a place.
        let known = self.columns.iter().find(|(at, _)| before + after == 0 && *at == span.offset());
        let column = known.map_or_else(|| read.column(), |(_, column)| *column);
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            read.data(),
            *read.span(),
            self.above + read.line(),
            column,
            read.line_count(),
        )))
    }
}

/// What to do, and what the engine would do.
fn help(finding: &Finding) -> Option<String> {
    let diagnostic = &finding.diagnostic;
    let lines: Vec<String> = [diagnostic.help.as_deref(), diagnostic.consequence.as_deref()]
        .into_iter()
        .flatten()
        .map(harmless)
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Text for a terminal.
pub fn harmless(text: &str) -> String {
    ordain_plan::render::visible(text)
}

/// The same text with characters that hide something replaced by visible ones of as many bytes, so that
/// places stay where they are.
fn harmless_of_same_length(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let keeps = matches!(c, ' '..='~' | '\n' | '\t') || (c == '\r' && rest.peek() == Some(&'\n'));
        let mut buffer = [0; 4];
        if keeps || harmless(c.encode_utf8(&mut buffer)).len() == c.len_utf8() {
            out.push(c);
        } else {
            out.push_str(match c.len_utf8() {
                1 => "?",
                2 => "·",
                3 => "\u{fffd}",
                _ => "\u{fffd}?",
            });
        }
    }
    out
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)
    }
}

impl std::error::Error for Drawn {}

impl miette::Diagnostic for Drawn {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let code = self.code?;
        Some(Box::new(format!("{} {code}", self.severity.as_str())))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Law | Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Info => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        Some(Box::new(self.elsewhere.iter().map(|place| place as &dyn miette::Diagnostic)))
    }
}

#[cfg(test)]
mod tests {
    use super::harmless_of_same_length;

    #[test]
    fn what_is_drawn_hides_nothing_and_stays_in_place() {
        let text = "a\u{1b}[2J\u{85}\u{202e}\u{e0041}\r\r\nü\tb\n";
        let drawn = harmless_of_same_length(text);
        assert_eq!(drawn, "a?[2J·\u{fffd}\u{fffd}??\r\nü\tb\n");
        assert_eq!(drawn.len(), text.len());
    }
}
