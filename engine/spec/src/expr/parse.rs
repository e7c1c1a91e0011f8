//! From text to the parser's tree with the place of every node. The parser runs on a stack that holds
//! what it recurses; it never sees what `scan` refuses.

use std::sync::Arc;

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::SourceInfo;
use cel_interpreter::parser::{ParseError, PrattParser};

use super::lower::{Lowered, lower};
use super::scan::{Fault, is_name_byte};

/// Up to this many bytes the parser needs no stack of its own.
const SMALL: usize = 512;
const STACK_BYTES: usize = 32 << 20;

/// Parses what [`super::scan::scan`] let through.
pub(super) fn parse(source: &str) -> Result<Lowered, Vec<Fault>> {
    if source.len() <= SMALL {
        return here(source);
    }
    let owned = source.to_owned();
    let thread = std::thread::Builder::new().name("parse-expression".into()).stack_size(STACK_BYTES);
    let result = thread.spawn(move || here(&owned)).map(std::thread::JoinHandle::join);
    match result {
        Ok(Ok(result)) => result,
        Ok(Err(_)) | Err(_) => Err(vec![whole(source, "this expression cannot be parsed")]),
    }
}

fn here(source: &str) -> Result<Lowered, Vec<Fault>> {
    let tree = PrattParser::new().parse(source).map_err(|errors| faults(source, &errors.errors))?;
    lower(source, &tree, &offsets(source)).map_err(|fault| vec![fault])
}

/// The places of the nodes. The parser hands them out only with an error; so the same text is read once
/// more with a bracket too many at its end. Nodes are numbered in the order of the text, so the numbers
/// are the same.
fn offsets(source: &str) -> Arc<SourceInfo> {
    let broken: Result<IdedExpr, _> = PrattParser::new().parse(&format!("{source}\n)"));
    let errors = broken.err().map(|errors| errors.errors).unwrap_or_default();
    errors.into_iter().find_map(|error| error.source_info).unwrap_or_default()
}

fn whole(source: &str, message: &str) -> Fault {
    Fault { code: "expression-syntax", start: 0, end: source.len(), message: message.to_owned() }
}

/// The first error; what comes after it is guessed by the parser.
fn faults(source: &str, errors: &[ParseError]) -> Vec<Fault> {
    let Some(error) = errors.iter().find(|error| error.pos != (0, 0)).or_else(|| errors.first()) else {
        return vec![whole(source, "this expression cannot be parsed")];
    };
    let (start, end) = place(source, error);
    let token = source.get(start..end).unwrap_or_default();
    let (code, message) = explain(error, token);
    vec![Fault { code, start, end, message }]
}

fn place(source: &str, error: &ParseError) -> (usize, usize) {
    let offsets = error.source_info.as_ref().filter(|_| error.expr_id != 0);
    if let Some((start, end)) = offsets.and_then(|info| info.offset_for(error.expr_id)) {
        let (start, end) = ((start as usize).min(source.len()), (end as usize).min(source.len()));
        return (start, end.max(start));
    }
    let (line, column) = error.pos;
    let (Ok(line), Ok(column)) = (usize::try_from(line), usize::try_from(column)) else {
        return (0, source.len());
    };
    if line == 0 {
        return (0, source.len());
    }
    let before: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let start = (before + column.saturating_sub(1)).min(source.len());
    let rest = source.get(start..).unwrap_or_default();
    let name = rest.bytes().take_while(|byte| is_name_byte(*byte)).count();
    let length = rest.chars().next().map_or(0, char::len_utf8).max(name);
    (start, start + length)
}

fn explain(error: &ParseError, token: &str) -> (&'static str, String) {
    let message = error.msg.as_str();
    let text = if message.starts_with("invalid int literal") {
        return ("integer-too-large", format!("`{token}` is beyond ±(2^53−1)"));
    } else if message.contains("recursion limit") {
        return ("too-large-or-deep", "nested too deep".to_owned());
    } else if message.contains("has() macro") {
        "`has` takes one field, as in `has(input.note)`".to_owned()
    } else if message.contains("simple name") {
        "the first argument has to be a plain name, as in `all(x, x > 0)`".to_owned()
    } else if message.starts_with("reserved identifier") {
        format!("`{token}` is a reserved word")
    } else if token.is_empty() {
        "the expression ends where more is expected".to_owned()
    } else {
        match token {
            "=" => "`=` is no operator; equality is written `==`".to_owned(),
            "and" | "or" | "not" => {
                let sign = if token == "and" {
                    "&&"
                } else if token == "or" {
                    "||"
                } else {
                    "!"
                };
                format!("`{token}` is no operator; write `{sign}`")
            }
            _ if message.starts_with("expected") => format!("{message}, found `{token}`"),
            _ if message.starts_with("unsupported") || message.contains("literal") => message.to_owned(),
            _ => format!("`{token}` is not expected here"),
        }
    };
    ("expression-syntax", text)
}
