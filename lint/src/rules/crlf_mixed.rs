//! A file ends its lines in one way.

use ordain_spec::diagnostic::{Diagnostic, Edit, Severity};
use ordain_spec::source::{FileId, SourceFile, Span};
use ordain_spec::tree::Node;

use super::{About, Context, FixClass, Rule, is_ours};

/// See its page.
pub const RULE: Rule = Rule::new("crlf-mixed", Severity::Warning, include_str!("crlf-mixed.md"), find)
    .about(About::Declarations)
    .fix(FixClass::Safe);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.alone(&RULE, of_file));
}

fn of_file(id: FileId, file: &SourceFile, _: &[Node], found: &mut Vec<Diagnostic>) {
    let pairs: Vec<usize> = file.text.match_indices("\r\n").map(|(at, _)| at).collect();
    let lines = file.text.bytes().filter(|byte| *byte == b'\n').count();
    let Some(first) = pairs.first().filter(|_| pairs.len() < lines && is_ours(file)) else { return };
    let place = |at: usize, length: usize| {
        let byte = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span::new(id, byte(at), byte(at + length))
    };
    let message = format!("{} of {lines} lines end in CRLF, the others in LF", pairs.len());
    let edits = pairs.iter().map(|at| Edit { span: place(*at, 2), text: "\n".to_owned() }).collect();
    found.push(
        RULE.at(place(*first, 0), message)
            .label("the first that ends in CRLF")
            .help("end all lines in LF")
            .consequence("the engine would read both alike; diffs and reviewers would not")
            .fix(true, edits),
    );
}
