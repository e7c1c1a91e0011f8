//! Unquoted expressions that YAML eats: `!has(x)` is a tag, ` #` begins a comment, `a ? b : c` and
//! `{expr: f(a, b)}` break. Recognises them, finds how far they were meant to go, and offers the
//! quoted form, which changes nothing but the notation.

use crate::diagnostic::{Diagnostic, Edit};
use crate::source::Span;

/// Fields that are always expressions, whatever the kind.
const FIELDS: [&str; 12] = [
    "when", "expr", "allow", "deny", "in", "until", "estimate", "actual", "filter", "key", "outputs",
    "output",
];

/// True for a field (or a map of) expressions.
pub fn is_expression_field(name: &str) -> bool {
    FIELDS.contains(&name)
}

/// True for a map whose keys are its author's own names, not the language's, and whose values are no expressions.
pub fn holds_names_of_the_author(name: &str) -> bool {
    const MAPS: [&str; 8] = ["constants", "form", "headers", "inputs", "json", "query", "settings", "with"];
    MAPS.contains(&name)
}

/// The law with its repair.
pub fn diagnostic(span: Span, written: &str) -> Diagnostic {
    Diagnostic::law("expression-cut", span, format!("YAML would not read `{written}` as one text"))
        .help(format!("put it between quotes: `{}`", quoted(written)))
        .consequence("the engine refuses the catalogue: it never evaluates a part of an expression")
        .fix(true, vec![Edit { span, text: quoted(written) }])
}

/// A text in single quotes.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// True when brackets or quotes are left open, or an operator waits for more: a part of an expression.
pub fn is_partial(text: &str) -> bool {
    let mut depth = 0i32;
    let mut quote = None;
    let mut escaped = false;
    for letter in text.chars() {
        match (quote, letter) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            _ => {}
        }
    }
    let trimmed = text.trim_end();
    let waits = ["&&", "||", "==", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "?", ":", ",", " in"];
    depth > 0 || quote.is_some() || waits.iter().any(|operator| trimmed.ends_with(operator))
}

/// How far an expression that begins at `start` was meant to go, on its line: to the end of the line,
/// or between braces to the first comma or bracket outside of its own brackets and quotes. Looks no
/// further than that: a line may be long and hold many expressions.
pub fn extent(text: &str, start: usize, flow: bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    let mut after_space = false;
    let mut end = rest.len();
    for (at, letter) in rest.char_indices() {
        let ends = match (quote, letter) {
            (_, '\n' | '\r') => true,
            (Some(_), _) if escaped => {
                escaped = false;
                false
            }
            (Some(_), '\\') => {
                escaped = true;
                false
            }
            (Some(opened), letter) => {
                if letter == opened {
                    quote = None;
                }
                false
            }
            (None, '\'' | '"') => {
                quote = Some(letter);
                false
            }
            (None, '(' | '[' | '{') => {
                open.push(letter);
                false
            }
            (None, ')' | ']' | '}') => {
                let own = open
                    .pop()
                    .is_some_and(|opened| matches!((opened, letter), ('(', ')') | ('[', ']') | ('{', '}')));
                flow && !own
            }
            (None, ',') => flow && open.is_empty(),
            // Outside of quotes and brackets a comment is a comment.
            (None, '#') => open.is_empty() && after_space,
            _ => false,
        };
        if ends {
            end = at;
            break;
        }
        after_space = letter == ' ';
    }
    start + rest.get(..end).unwrap_or_default().trim_end().len()
}

/// The unquoted expression on the line of `at` that made the parser stop there, if there is one: the
/// value of an expression field, or an unquoted `${ … }` between braces.
pub fn eaten_near(text: &str, at: usize) -> Option<(usize, usize)> {
    let at = at.min(text.len());
    let line_start = text.get(..at)?.rfind('\n').map_or(0, |found| found + 1);
    let line = text.get(line_start..)?.split('\n').next()?;
    // Only the nearest place of each field: a long line may hold thousands.
    let nearest = |field: &str| {
        let pattern = format!("{field}: ");
        let found = line.get(..(at - line_start).min(line.len()))?.rfind(&pattern)?;
        let before = line.get(..found)?;
        let begins = before.trim_start_matches([' ', '-']).is_empty();
        let flow = before.trim_end().ends_with(['{', ',']);
        if !begins && !flow {
            return None;
        }
        let value = line.get(found + pattern.len()..)?;
        let start = line_start + found + pattern.len() + (value.len() - value.trim_start().len());
        let end = extent(text, start, flow);
        let eaten = start <= at && at <= end.saturating_add(1) && is_eaten(text.get(start..end)?);
        eaten.then_some((start, end))
    };
    let best = FIELDS.iter().filter_map(|field| nearest(field)).max();
    best.or_else(|| eaten_template(text, line_start, line, at))
}

/// True for a value that YAML cannot read as one plain text and that looks like an expression.
fn is_eaten(written: &str) -> bool {
    let covered = written.chars().all(|letter| letter == '_');
    let block = written.starts_with(['|', '>', '&', '*', '{']);
    !covered && !block && written.contains([' ', '(', '.', '!', '"', '\''])
}

/// An unquoted text with `${ … }` between braces or brackets.
fn eaten_template(text: &str, line_start: usize, line: &str, at: usize) -> Option<(usize, usize)> {
    let dollar = line.get(..at.saturating_sub(line_start))?.rfind("${").or_else(|| line.find("${"))?;
    let before = line.get(..dollar)?;
    let open = before.rfind([',', '{', '[', ':']).map(|found| found + 1)?;
    let skipped = line.get(open..)?.len() - line.get(open..)?.trim_start().len();
    let start = line_start + open + skipped;
    if text.get(start..)?.starts_with(['\'', '"', '|', '>']) {
        return None;
    }
    let end = extent(text, start, true);
    (start <= at && end > start).then_some((start, end))
}
