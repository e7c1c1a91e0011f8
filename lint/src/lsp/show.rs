//! What an editor shows of a file beside its text: an outline, and the colours of expressions.

use ordain_spec::source::SourceFile;
use ordain_spec::tree::Node;
use serde_json::{Value, json};

use super::names::{Mention, Name};
use super::place::{position, range};
use super::tokens::{Kind, expressions, tokens};
use super::walk::{Spot, kind_of, name_of, walk};
use super::words;

/// The sorts of tokens, in the order of their numbers.
pub const TOKENS: &[&str] = &["variable", "property", "function", "keyword", "number", "string", "operator"];

/// The outline: documents, and below them what they name.
#[must_use]
pub fn outline(file: &SourceFile, documents: &[Node], names: &[Mention]) -> Vec<Value> {
    let document = |node: &Node| {
        let kind = kind_of(node)?;
        let name = name_of(node).unwrap_or("(no name)");
        let inside =
            |mention: &&Mention| node.span.start <= mention.span.start && mention.span.end <= node.span.end;
        let below = names.iter().filter(|mention| mention.defines).filter(inside);
        let below: Vec<Value> = below.filter_map(|mention| named(file, mention)).collect();
        let whole = range(file, node.span);
        let first = position(&file.text, node.span.start as usize);
        let selection = json!({"start": first.json(), "end": first.json()});
        Some(
            json!({"name": name, "detail": kind.as_str(), "kind": 5, "range": whole, "selectionRange": selection, "children": below}),
        )
    };
    documents.iter().filter_map(document).collect()
}

fn named(file: &SourceFile, mention: &Mention) -> Option<Value> {
    // Method, event, field, enum member, key: what editors have for such things.
    let kind = match &mention.name {
        Name::Spec(..) => return None,
        Name::Operation(..) => 6,
        Name::Step(..) => 24,
        Name::Input(..) | Name::Output(..) => 8,
        Name::Stage(..) | Name::Rule(..) => 22,
        Name::Principal(_) => 20,
    };
    let place = range(file, mention.span);
    Some(
        json!({"name": mention.name.bare(), "detail": mention.name.what(), "kind": kind, "range": place, "selectionRange": place}),
    )
}

/// The tokens of all expressions of a file, as the protocol counts them: each relative to the one before.
#[must_use]
pub fn highlighted(file: &SourceFile, documents: &[Node]) -> Vec<u64> {
    let mut found: Vec<(u32, u32, u64)> = Vec::new();
    for document in documents {
        walk(document, &mut |seen| {
            let Spot::Value(node) = seen.spot else { return };
            let Some(text) = node.as_text() else { return };
            for part in expressions(seen.shape, &text.value) {
                let all = tokens(&text.value, part);
                for (at, token) in all.iter().enumerate() {
                    let after_dot = at
                        .checked_sub(1)
                        .and_then(|at| all.get(at))
                        .is_some_and(|token| token.text(&text.value) == ".");
                    let place = token.place(text, node.span);
                    found.push((
                        place.start,
                        place.end,
                        sort(token.kind, token.text(&text.value), after_dot),
                    ));
                }
            }
        });
    }
    found.sort_unstable();
    found.dedup();
    relative(file, &found)
}

fn sort(kind: Kind, word: &str, after_dot: bool) -> u64 {
    match kind {
        Kind::Name { called: true } if words::function(word).is_some() => 2,
        Kind::Name { .. } => u64::from(after_dot),
        Kind::Keyword => 3,
        Kind::Number => 4,
        Kind::String => 5,
        Kind::Mark => 6,
    }
}

fn relative(file: &SourceFile, found: &[(u32, u32, u64)]) -> Vec<u64> {
    let mut data = Vec::with_capacity(found.len() * 5);
    let (mut line, mut character, mut from) = (0_usize, 0_usize, 0_usize);
    let (mut last_line, mut last_character) = (0_usize, 0_usize);
    for (start, end, sort) in found {
        let (start, end) = (*start as usize, *end as usize);
        // From the token before on, so that a file is walked once.
        let between = file.text.get(from..start).unwrap_or_default();
        let breaks = between.bytes().filter(|byte| *byte == b'\n').count();
        if breaks > 0 {
            line += breaks;
            character = 0;
        }
        character += between.rsplit('\n').next().unwrap_or_default().encode_utf16().count();
        from = start;
        let text = file.text.get(start..end).unwrap_or_default();
        if text.contains('\n') {
            continue;
        }
        let step = if line == last_line { character - last_character } else { character };
        let length = text.encode_utf16().count();
        data.extend([line - last_line, step, length].map(|number| number as u64));
        data.extend([*sort, 0]);
        (last_line, last_character) = (line, character);
    }
    data
}
