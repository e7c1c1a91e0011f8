//! The answers to an editor's requests about a file. Whatever cannot be said is null, never a guess.

use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::source::{Notation, Span};
use serde_json::{Value, json};

use super::complete::{Item, Sort, complete};
use super::names::{Mention, Name};
use super::place::{Position, offset, position, range, uri_of};
use super::rename::{mention_at, renamable, rename};
use super::space::Space;
use super::{actions, cursor, hover, show};
use crate::layout::formatted as formatted_text;

/// Pages of rules and laws.
const PAGES: &str = "https://github.com/ordain/ordain/blob/main";

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A code of the protocol.
    pub code: i32,
    /// Why.
    pub message: String,
}

impl Refusal {
    /// Of a method that is not answered here.
    pub fn unknown(method: &str) -> Self {
        Self { code: METHOD_NOT_FOUND, message: format!("`{method}` is not answered here") }
    }

    /// Of a request that names no document.
    pub fn unplaced(method: &str) -> Self {
        Self { code: INVALID_PARAMS, message: format!("`{method}` names no document") }
    }

    /// Of a request that the editor took back.
    pub fn taken_back(method: &str) -> Self {
        Self { code: REQUEST_CANCELLED, message: format!("`{method}` was taken back") }
    }

    /// Of a request after the editor asked for an end.
    pub fn late(method: &str) -> Self {
        Self { code: INVALID_REQUEST, message: format!("`{method}` comes after `shutdown`") }
    }
}

/// What is asked about a document.
pub const METHODS: &[&str] = &[
    "textDocument/codeAction",
    "textDocument/completion",
    "textDocument/definition",
    "textDocument/documentHighlight",
    "textDocument/documentSymbol",
    "textDocument/formatting",
    "textDocument/hover",
    "textDocument/prepareRename",
    "textDocument/references",
    "textDocument/rename",
    "textDocument/semanticTokens/full",
];

/// The request is none, at this time.
const INVALID_REQUEST: i32 = -32600;
/// The request lacks what it is about.
const INVALID_PARAMS: i32 = -32602;
/// The request failed for a reason that a person should read.
const REQUEST_FAILED: i32 = -32803;
const METHOD_NOT_FOUND: i32 = -32601;
/// The request was taken back.
const REQUEST_CANCELLED: i32 = -32800;

/// Answers a request about one file.
///
/// # Errors
/// When the method is not known, or a rename is refused.
pub fn about(space: &mut Space, path: &str, method: &str, params: &Value) -> Result<Value, Refusal> {
    let text = space.file(path).map_or_else(String::new, |file| file.text.to_string());
    let at =
        |pointer: &str| params.pointer(pointer).and_then(Position::read).map(|place| offset(&text, place));
    let byte = at("/position").unwrap_or(0);
    let offset = u32::try_from(byte).unwrap_or(u32::MAX);
    Ok(match method {
        "textDocument/hover" => hovered(space, path, offset, &text),
        "textDocument/definition" => places(space, path, offset, |mention| mention.defines),
        "textDocument/references" => {
            let with = params.pointer("/context/includeDeclaration").and_then(Value::as_bool).unwrap_or(true);
            places(space, path, offset, |mention| with || !mention.defines)
        }
        "textDocument/documentHighlight" => highlights(space, path, offset),
        "textDocument/completion" => completion(space, path, &text, byte),
        "textDocument/prepareRename" => prepare(space, path, offset)?,
        "textDocument/rename" => {
            let new = params.get("newName").and_then(Value::as_str).unwrap_or_default();
            renamed(space, path, offset, new)?
        }
        "textDocument/codeAction" => {
            let (from, to) = (at("/range/start").unwrap_or(0), at("/range/end").unwrap_or(0));
            let number = |byte| u32::try_from(byte).unwrap_or(u32::MAX);
            Value::Array(actions::actions(space, path, number(from), number(to)))
        }
        "textDocument/documentSymbol" => match space.file(path) {
            Some(file) => Value::Array(show::outline(file, space.documents(path), space.names_in(path))),
            None => Value::Null,
        },
        "textDocument/formatting" => formatted(path, &text),
        "textDocument/semanticTokens/full" => match space.file(path) {
            Some(file) => json!({"data": show::highlighted(file, space.documents(path))}),
            None => Value::Null,
        },
        _ => return Err(Refusal::unknown(method)),
    })
}

fn hovered(space: &mut Space, path: &str, offset: u32, text: &str) -> Value {
    let named = mention_at(space, path, offset).and_then(|mention| {
        let mut said = hover::name(space, mention)?;
        if let Name::Spec(ordain_spec::kind::Kind::Capability, name) = &mention.name {
            said.text.push_str(&format!("\n- used by {} runbooks", hover::used(space, name)));
        }
        Some(said)
    });
    let said = named.or_else(|| {
        let documents = space.documents(path).to_vec();
        let cursor = cursor::at(&documents, offset)?;
        hover::expression(space, path, &cursor, offset, text).or_else(|| hover::language(&cursor))
    });
    let Some(said) = said else { return Value::Null };
    let place = space.file(path).map_or(Value::Null, |file| range(file, said.span));
    json!({"contents": {"kind": "markdown", "value": said.text}, "range": place})
}

/// The whole text in its canonical layout; nothing where it cannot be read, or stands so already.
fn formatted(path: &str, text: &str) -> Value {
    let new = Notation::of_path(path).and_then(|notation| formatted_text(text, notation).ok());
    let Some(new) = new.filter(|new| new != text) else { return Value::Null };
    let start = Position { line: 0, character: 0 };
    json!([{"range": {"start": start.json(), "end": position(text, text.len()).json()}, "newText": new}])
}

/// A place in any file.
fn location(space: &Space, span: Span) -> Option<Value> {
    let file = space.subject.sources.get(span.file).filter(|file| !file.path.starts_with("std:"))?;
    Some(json!({"uri": uri_of(&space.absolute(&file.path)), "range": range(file, span)}))
}

fn places(space: &Space, path: &str, offset: u32, wanted: impl Fn(&Mention) -> bool) -> Value {
    let Some(mention) = mention_at(space, path, offset) else { return Value::Null };
    let found = space.places_of(&mention.name).into_iter().filter(|mention| wanted(mention));
    found.filter_map(|mention| location(space, mention.span)).collect()
}

fn highlights(space: &Space, path: &str, offset: u32) -> Value {
    let (Some(mention), Some(file)) = (mention_at(space, path, offset), space.file(path)) else {
        return Value::Null;
    };
    let same = space.names_in(path).iter().filter(|other| other.name == mention.name);
    same.map(|other| json!({"range": range(file, other.span), "kind": if other.defines { 3 } else { 2 }}))
        .collect()
}

fn completion(space: &mut Space, path: &str, text: &str, byte: usize) -> Value {
    let proposals = complete(space, path, text, byte);
    let place =
        json!({"start": position(text, proposals.start).json(), "end": position(text, proposals.end).json()});
    let item = |(at, item): (usize, &Item)| {
        let kind = match item.sort {
            Sort::Field => 5,
            Sort::Word => 20,
            Sort::Name => 18,
            Sort::Function => 3,
            Sort::Fact => 6,
        };
        json!({"label": item.label, "kind": kind, "detail": item.detail, "sortText": format!("{at:04}"),
               "documentation": {"kind": "markdown", "value": item.doc}, "filterText": item.label,
               "textEdit": {"range": place, "newText": item.insert}})
    };
    let items: Vec<Value> = proposals.items.iter().enumerate().map(item).collect();
    json!({"isIncomplete": false, "items": items})
}

fn prepare(space: &Space, path: &str, offset: u32) -> Result<Value, Refusal> {
    let (Some(mention), Some(file)) = (mention_at(space, path, offset), space.file(path)) else {
        return Ok(Value::Null);
    };
    renamable(space, mention).map_err(|message| Refusal { code: REQUEST_FAILED, message })?;
    Ok(json!({"range": range(file, mention.span), "placeholder": mention.name.bare()}))
}

fn renamed(space: &Space, path: &str, offset: u32, new: &str) -> Result<Value, Refusal> {
    let refuse = |message: String| Refusal { code: REQUEST_FAILED, message };
    let mention = mention_at(space, path, offset).ok_or_else(|| refuse("there is no name here".into()))?;
    let edits = rename(space, mention, new).map_err(refuse)?;
    let mut changes = serde_json::Map::new();
    for (path, edits) in edits {
        let Some(file) = space.file(&path) else { continue };
        let edit = |(span, text): &(Span, String)| json!({"range": range(file, *span), "newText": text});
        changes.insert(uri_of(&space.absolute(&path)), edits.iter().map(edit).collect());
    }
    Ok(json!({"changes": changes}))
}

/// Declared names that hold a text, over the whole workspace.
#[must_use]
pub fn symbols(space: &Space, query: &str) -> Vec<Value> {
    const MOST: usize = 200;
    let wanted =
        |mention: &&Mention| matches!(mention.name, Name::Spec(..)) && mention.name.bare().contains(query);
    let symbol = |mention: &Mention| {
        let place = location(space, mention.span)?;
        Some(
            json!({"name": mention.name.bare(), "kind": 5, "containerName": mention.name.what(), "location": place}),
        )
    };
    space.declared().filter(wanted).filter_map(symbol).take(MOST).collect()
}

/// A problem as editors show it.
#[must_use]
pub fn diagnostic(space: &Space, problem: &Diagnostic) -> Value {
    let severity = match problem.severity {
        Severity::Law | Severity::Error => 1,
        Severity::Warning => 2,
        Severity::Info => 3,
    };
    let nowhere = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}});
    let place = problem
        .primary
        .as_ref()
        .and_then(|label| Some(range(space.subject.sources.get(label.span.file)?, label.span)));
    let mut message = problem.message.clone();
    if let Some(help) = &problem.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    if let Some(consequence) = &problem.consequence {
        message.push_str(&format!("\n{consequence}"));
    }
    let related = problem
        .related
        .iter()
        .filter_map(|label| Some(json!({"location": location(space, label.span)?, "message": label.text})));
    json!({"range": place.unwrap_or(nowhere), "severity": severity, "code": problem.code, "source": "ordain",
           "codeDescription": {"href": page(problem.code)}, "message": message,
           "relatedInformation": related.collect::<Vec<_>>()})
}

/// Where the page of a law or rule is read.
fn page(code: &str) -> String {
    let folder =
        if ordain_spec::check::page(code).is_some() { "engine/spec/src/check" } else { "lint/src/rules" };
    format!("{PAGES}/{folder}/{code}.md")
}
