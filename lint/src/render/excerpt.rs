//! One finding as miette draws it. The text that is drawn is made harmless first: a file that was
//! refused for hidden characters must not send them to the terminal that shows it.

use std::fmt;

use miette::{LabeledSpan, NamedSource, SourceCode, SourceSpan};
use ordain_spec::diagnostic::Severity;
use ordain_spec::source::{FileId, SourceFile, Span};

use crate::report::{Finding, shown};

/// A finding, or a place in another file that belongs to one.
#[derive(Debug)]
pub struct Drawn {
    head: String,
    code: Option<&'static str>,
    severity: Severity,
    help: Option<String>,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    elsewhere: Vec<Self>,
}

impl Drawn {
    /// The whole finding.
    pub fn of(finding: &Finding) -> Self {
        let diagnostic = &finding.diagnostic;
        let primary = diagnostic.primary.as_ref();
        let home = primary.map(|label| label.span.file);
        let mut labels = Vec::new();
        if let Some(label) = primary {
            let text = (!label.text.is_empty()).then(|| harmless(&label.text));
            labels.push(LabeledSpan::new_primary_with_span(text, span(label.span)));
        }
        let mut elsewhere: Vec<Self> = Vec::new();
        for label in &diagnostic.related {
            if Some(label.span.file) == home {
                labels.push(LabeledSpan::new_with_span(Some(harmless(&label.text)), span(label.span)));
            } else if let Some(file) = finding.file(label.span) {
                elsewhere.push(Self::place(finding, file, label.span, &label.text));
            }
        }
        let source =
            home.and_then(|home: FileId| finding.sources.get(home)).map(|file| source(finding, file));
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

    fn place(finding: &Finding, file: &SourceFile, at: Span, text: &str) -> Self {
        Self {
            head: harmless(text),
            code: None,
            severity: Severity::Info,
            help: None,
            source: Some(source(finding, file)),
            labels: vec![LabeledSpan::new_primary_with_span(None, span(at))],
            elsewhere: Vec::new(),
        }
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

fn span(span: Span) -> SourceSpan {
    SourceSpan::new((span.start as usize).into(), span.end.saturating_sub(span.start) as usize)
}

fn source(finding: &Finding, file: &SourceFile) -> NamedSource<String> {
    NamedSource::new(
        shown(&finding.root, &file.path),
        harmless_of_same_length(&without_secrets(finding, file)),
    )
}

/// The text of a file with what looks like a secret blacked out, and what this finding says is one.
fn without_secrets(finding: &Finding, file: &SourceFile) -> String {
    let masked = ordain_spec::check::masked(&file.text);
    let primary = finding.diagnostic.primary.as_ref().filter(|_| finding.diagnostic.code == "secret-literal");
    let Some(place) = primary.map(|label| label.span) else { return masked };
    let is_here = finding.sources.get(place.file).is_some_and(|own| own.path == file.path);
    let (start, end) = (place.start as usize, place.end as usize);
    match (masked.get(..start), masked.get(start..end), masked.get(end..)) {
        (Some(before), Some(secret), Some(after)) if is_here => {
            let black: String = secret.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect();
            format!("{before}{black}{after}")
        }
        _ => masked,
    }
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
        let keeps = matches!(c, '\n' | '\t') || (c == '\r' && rest.peek() == Some(&'\n'));
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
