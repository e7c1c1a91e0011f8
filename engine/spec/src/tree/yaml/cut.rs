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

/// Maps below which no expression stands bare, however deep: values, templates and schemas under names of the author.
const VALUES: [&str; 19] = [
    "constants",
    "env",
    "expect",
    "fields",
    "form",
    "given",
    "groups",
    "headers",
    "input",
    "inputs",
    "json",
    "people",
    "programs",
    "query",
    "roles",
    "settings",
    "show",
    "tags",
    "with",
];
/// Maps whose keys are names of the author, below which the language goes on.
const NAMES: [&str; 2] = ["connections", "operations"];

/// True where the value of the innermost of these keys is an expression; they are given from the innermost outwards.
pub fn is_expression<'k>(mut keys: impl Iterator<Item = &'k str>) -> bool {
    let (Some(own), above) = (keys.next(), keys.next()) else { return false };
    let is_output = above.is_some_and(|above| matches!(above, "output" | "outputs"));
    let is_name = above.is_some_and(|above| NAMES.contains(&above));
    let is_field = || FIELDS.contains(&own) && !matches!(own, "output" | "outputs") && !is_name && !is_output;
    // Asked of every text of every file: what is seldom so comes first.
    if !is_output && !is_field() {
        return false;
    }
    // What a mock gives is a template; when it gives it is an expression.
    let is_template = |name: &str| VALUES.contains(&name) || is_output && name == "mock";
    !above.into_iter().chain(keys).any(is_template)
}

/// The law with its repair.
pub fn diagnostic(span: Span, written: &str) -> Diagnostic {
    Diagnostic::law("expression-cut", span, format!("YAML would not read `{written}` as one text"))
        .help(format!("put it between quotes: `{}`", quoted(written)))
        .consequence("the engine refuses the catalogue: it never evaluates a part of an expression")
        .fix(true, vec![Edit { span, text: quoted(written) }])
}

/// True for one of the tags that YAML itself has: no expression begins with `!!str`.
pub fn is_tag_of_yaml(written: &str) -> bool {
    const TYPES: [&str; 10] =
        ["str", "int", "float", "bool", "null", "map", "seq", "set", "binary", "timestamp"];
    let name =
        written.strip_prefix("!!").map(|rest| rest.split(char::is_whitespace).next().unwrap_or_default());
    name.is_some_and(|name| TYPES.contains(&name))
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
        if !is_expression(keys(text, line_start + found, field).into_iter()) {
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

/// The keys around a place, told by brackets and indentation, from the innermost outwards: what is broken has no tree.
/// `field` is the one that begins there.
fn keys<'t>(text: &'t str, at: usize, field: &'t str) -> Vec<&'t str> {
    let mut keys = vec![field];
    let mut indent = usize::MAX;
    let before = text.get(..at).unwrap_or_default();
    for (number, line) in before.rsplit('\n').enumerate() {
        let content = line.trim_start_matches([' ', '-']);
        let own = line.len() - content.len();
        if content.starts_with('#') || number > 0 && (content.is_empty() || own >= indent) {
            continue;
        }
        keys.extend(opened(content));
        let begins = content.split_once(':').map_or("", |(key, _)| key.trim());
        if !begins.is_empty()
            && !begins.starts_with('{')
            && !keys.contains(&begins)
            && (number > 0 || content.contains('{'))
        {
            keys.push(begins);
        }
        indent = own;
        if own == 0 {
            break;
        }
    }
    keys
}

/// The keys whose brackets are open at the end of a line, from the innermost outwards.
fn opened(line: &str) -> Vec<&str> {
    let mut open: Vec<&str> = Vec::new();
    for (at, letter) in line.char_indices() {
        match letter {
            '{' | '[' => {
                let before = line.get(..at).unwrap_or_default().trim_end().trim_end_matches(':');
                let begins = before.rfind(['{', '[', ',', ' ']).map_or(0, |found| found + 1);
                open.push(before.get(begins..).unwrap_or_default());
            }
            '}' | ']' => {
                open.pop();
            }
            _ => {}
        }
    }
    open.into_iter().rev().filter(|key| !key.is_empty()).collect()
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
