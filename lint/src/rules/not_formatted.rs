//! Files are laid out as `ordain fmt` does.

use ordain_spec::diagnostic::{Diagnostic, Edit, Severity};
use ordain_spec::source::Span;
use similar::{ChangeTag, TextDiff};

use super::{About, Context, FixClass, Rule};
use crate::layout::formatted;

/// See its page.
pub const RULE: Rule =
    Rule::new("not-formatted", Severity::Info, include_str!("not-formatted.md"), find)
        .about(About::Declarations)
        .fix(FixClass::Safe);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for together in cx.specs.chunk_by(|one, other| one.span.file == other.span.file) {
        let Some(first) = together.first() else { continue };
        let file = first.file;
        let Ok(due) = formatted(&file.text, file.notation) else { continue };
        if *due == *file.text {
            continue;
        }
        let edits = edits(&file.text, &due, first.span);
        let Some(place) = edits.first().map(|edit| edit.span) else { continue };
        let problem = RULE
            .at(place, "the file is not laid out as `ordain fmt` does")
            .help("run `ordain fmt`, so that a diff shows what changed and nothing else")
            .consequence("the engine would load it all the same: the digest does not change")
            .fix(true, edits);
        found.push(problem);
    }
}

/// The lines that differ, each run of them one edit.
fn edits(before: &str, after: &str, whole: Span) -> Vec<Edit> {
    let diff = TextDiff::from_lines(before, after);
    let mut edits: Vec<Edit> = Vec::new();
    let (mut at, mut open) = (0u32, false);
    for change in diff.iter_all_changes() {
        let length = u32::try_from(change.value().len()).unwrap_or(u32::MAX);
        if change.tag() == ChangeTag::Equal {
            open = false;
            at += length;
            continue;
        }
        if !std::mem::replace(&mut open, true) {
            edits.push(Edit { span: Span::new(whole.file, at, at), text: String::new() });
        }
        let Some(edit) = edits.last_mut() else { continue };
        if change.tag() == ChangeTag::Delete {
            at += length;
            edit.span.end = at;
        } else {
            edit.text.push_str(change.value());
        }
    }
    edits
}
