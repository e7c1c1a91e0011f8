//! A word that other readers of YAML take for a boolean or a number is quoted.

use ordain_spec::source::{FileId, Notation, SourceFile, Span};
use ordain_spec::tree::{Node, Value, yaml};
use ordain_spec::diagnostic::{Diagnostic, Edit, Severity};

use super::{About, Context, FixClass, Rule, is_ours};

/// See its page.
pub const RULE: Rule = Rule::new("ambiguous-scalar", Severity::Error, include_str!("ambiguous-scalar.md"), find).about(About::Declarations).fix(FixClass::Safe);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.alone(&RULE, of_file));
}

fn of_file(id: FileId, file: &SourceFile, known: &[Node], found: &mut Vec<Diagnostic>) {
    if !is_ours(file) || file.notation != Notation::Yaml {
        return;
    }
    // Its tree is worth a walk only where a word of that sort stands in it.
    if !file.text.split(|c: char| !(c.is_alphanumeric() || matches!(c, ':' | '_'))).any(|word| taken_for(word).is_some()) {
        return;
    }
    known.iter().for_each(|node| look(node, &file.text, found));
    if known.is_empty() {
        // What is refused before it is read may be ambiguous all the same.
        let read = yaml::read(id, &file.text, &mut Vec::new());
        read.iter().for_each(|node| look(node, &file.text, found));
    }
}

fn look(node: &Node, file: &str, found: &mut Vec<Diagnostic>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| look(item, file, found)),
        Value::Map(map) => map.entries.iter().for_each(|(_, value)| look(value, file, found)),
        Value::Text(text) => {
            let (start, end) = (node.span.start as usize, node.span.end as usize);
            let is_plain = file.get(start..end) == Some(&*text.value);
            if let Some(other) = taken_for(&text.value).filter(|_| is_plain) {
                let quote = |at| Edit { span: Span::new(node.span.file, at, at), text: "'".to_owned() };
                found.push(
                    RULE.at(node.span, format!("`{}` is a string here and {other} to other readers of YAML", text.value))
                        .help(format!("write `'{}'`", text.value))
                        .consequence("the engine would read the string; a person, a template or an older tool would not")
                        .fix(true, vec![quote(node.span.start), quote(node.span.end)]),
                );
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
}

/// What YAML 1.1 makes of a word that YAML 1.2 leaves a string.
fn taken_for(word: &str) -> Option<&'static str> {
    // Asked of every word of every file; nearly all of them begin otherwise.
    let first = word.bytes().next().unwrap_or_default().to_ascii_lowercase();
    if !(first.is_ascii_digit() || matches!(first, b'y' | b'n' | b'o') && word.len() <= 3) {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let cased = word == lower || word.chars().all(|c| c.is_ascii_uppercase()) || word.chars().skip(1).all(|c| c.is_ascii_lowercase());
    if cased && matches!(lower.as_str(), "yes" | "no" | "on" | "off") {
        return Some("a boolean");
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let grouped = word.contains('_') && digits(&word.replace('_', "")) && !word.starts_with('_') && !word.ends_with('_');
    let octal = word.len() > 1 && word.starts_with('0') && digits(word);
    let sixty = word.contains(':') && !word.starts_with('0') && word.split(':').all(|part| digits(part) && part.len() <= 2);
    (grouped || octal || sixty).then_some("a number")
}
