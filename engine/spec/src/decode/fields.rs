//! Reading the fields of a record: unknown ones, missing ones, and values that only pretend.

use std::borrow::Cow;

use super::{Decode, Decoder, FieldShape, RecordShape, listed};
use crate::diagnostic::{Diagnostic, Edit, meant, nearest};
use crate::edit::{Side, TODO, Written, field_into};
use crate::source::Span;
use crate::tree::{Key, Map, Node, Value};

/// True for a text that stands for "to be done": counts as missing.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    let word = text.trim().trim_end_matches(['.', ':', '!']).to_ascii_lowercase();
    matches!(
        word.as_str(),
        "" | "~"
            | "null"
            | "nil"
            | "todo"
            | "tbd"
            | "tba"
            | "fixme"
            | "xxx"
            | "changeme"
            | "change-me"
            | "change_me"
            | "change me"
            | "placeholder"
            | "n/a"
            | "undefined"
            | "unknown"
            | "?"
            | "..."
            | "-"
            | "dummy"
    )
}

/// What is wrong with a text where a real value is due, if it is a placeholder: it counts as missing. The one
/// notion of that, for fields that are mandatory and for optional ones that lift a law or name somebody.
#[must_use]
pub fn pretended(name: &str, text: &str, span: Span) -> Option<Diagnostic> {
    is_placeholder(text).then(|| counts_as_missing(name, &format!("`{text}`"), text.is_empty(), span))
}

fn counts_as_missing(name: &str, shown: &str, is_empty: bool, span: Span) -> Diagnostic {
    let (code, help) =
        if is_empty { ("missing-field", "give a value") } else { ("placeholder-value", "give a real value") };
    Diagnostic::law(code, span, format!("`{name}` is {shown}, which counts as missing")).help(help)
}

/// The fields of one record in the file, after unknown ones were reported.
#[derive(Debug)]
pub struct Fields<'n> {
    node: &'n Node,
    map: Cow<'n, Map>,
    record: &'static RecordShape,
}

impl<'n> Fields<'n> {
    /// Checks that the node is a map and reports fields the record does not know.
    pub fn open(node: &'n Node, record: &'static RecordShape, cx: &mut Decoder<'_>) -> Option<Self> {
        let map = match (&node.value, record.short) {
            (Value::Text(_), Some(short)) => {
                let key = Key { text: short.into(), span: node.span };
                Cow::Owned(Map { entries: vec![(key, node.clone())] })
            }
            (Value::Map(map), _) => Cow::Borrowed(map),
            _ => {
                let names: Vec<String> = record.fields.iter().map(|field| cx.spelled(&field.name)).collect();
                cx.wrong(node, "a map", format!("write a map; its fields are {}", listed(&names)));
                return None;
            }
        };
        let known: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
        let mut meant = Vec::new();
        for (at, (key, _)) in map.entries.iter().enumerate() {
            if !known.contains(&&*key.text)
                && let Some(near) = unknown_field(key, &map, &known, cx)
            {
                meant.push((at, near));
            }
        }
        let map = if meant.is_empty() { map } else { Cow::Owned(as_meant(&map, &meant)) };
        Some(Self { node, map, record })
    }

    /// The field of that Rust-side name, for records that are read by hand.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some()
    }

    /// The value of a field that may not be left out.
    pub fn required<T: Decode>(&self, field: &FieldShape, cx: &mut Decoder<'_>) -> Option<T> {
        let Some((key, node)) = self.map.get(&field.name) else {
            self.missing(field, cx);
            return None;
        };
        if self.pretends(key, node, field, cx) {
            return None;
        }
        T::decode(node, cx)
    }

    /// The value of a field that may be left out; `None` too when it could not be read.
    pub fn optional<T: Decode>(&self, field: &FieldShape, cx: &mut Decoder<'_>) -> Option<T> {
        let (key, node) = self.map.get(&field.name)?;
        if self.pretends(key, node, field, cx) {
            return None;
        }
        T::decode(node, cx)
    }

    fn is_metadata(&self) -> bool {
        self.record.name.ends_with("Metadata")
    }

    /// Reports a value that counts as missing.
    fn pretends(&self, key: &Key, node: &Node, field: &FieldShape, cx: &mut Decoder<'_>) -> bool {
        let mandatory = field.required || (self.is_metadata() && field.name != "tags");
        let shown = match &node.value {
            Value::Null => "null".to_owned(),
            Value::Text(text) if is_placeholder(&text.value) => format!("`{}`", text.value),
            _ => return false,
        };
        let empty = node.value == Value::Null || shown == "``";
        if !mandatory && !(node.value == Value::Null) {
            return false;
        }
        let name = &key.text;
        let problem = if !mandatory {
            Diagnostic::law("wrong-type", node.span, format!("`{name}` is null"))
                .help("give a value, or leave the field out; null is refused everywhere")
        } else {
            counts_as_missing(name, &shown, empty && !self.is_metadata(), node.span)
        };
        cx.report(problem.related(key.span, "this field"));
        true
    }

    /// Reports a field that is not there, at the first line of the map.
    fn missing(&self, field: &FieldShape, cx: &mut Decoder<'_>) {
        let code = match field.name.as_str() {
            "timeout" if self.record.name == "Signal" => "unbounded-wait",
            "max" if self.record.name == "Repeat" => "unbounded-wait",
            "owner" if self.is_metadata() => "missing-owner",
            "risk" if self.is_metadata() => "missing-risk",
            "failureMode" if self.is_metadata() => "missing-failure-mode",
            "rollback" if self.is_metadata() => "missing-rollback",
            "tests" if self.is_metadata() => "missing-tests",
            _ => "missing-field",
        };
        let name = cx.spelled(&field.name);
        let mut problem = Diagnostic::law(code, cx.first_line(self.node), format!("`{name}` is missing"))
            .label("the map it belongs to begins here")
            .help(format!("add `{name}`: {}", field.doc));
        let side = if self.record.name.ends_with("Spec") { Side::Block } else { Side::Head };
        let todo = (field.name.as_str(), Written::Text(TODO));
        if let Some(edit) = field_into(cx.source(), cx.notation(), self.node.span, todo, side) {
            problem = problem.fix(false, vec![edit]);
        }
        cx.report(problem);
    }
}

/// The map with misspelt fields under the names that were meant, unless those are there too: the law is
/// broken already, and one mistake is not reported twice, as unknown and as missing.
fn as_meant(map: &Map, meant: &[(usize, &str)]) -> Map {
    let mut out = map.clone();
    for (at, near) in meant {
        if out.get(near).is_none()
            && let Some((key, _)) = out.entries.get_mut(*at)
        {
            key.text = (*near).into();
        }
    }
    out
}

/// Reports a field that the record does not know; gives the one that was probably meant.
fn unknown_field<'k>(key: &Key, map: &Map, known: &[&'k str], cx: &mut Decoder<'_>) -> Option<&'k str> {
    let word = cx.spelled(&key.text);
    let problem = Diagnostic::law("unknown-field", key.span, format!("unknown field `{word}`"))
        .consequence("the engine refuses the catalogue: an unknown field is never ignored");
    let near = nearest(&key.text, known.iter().copied());
    // A field that is there already cannot have been meant a second time.
    let surely = meant(&key.text, known.iter().copied()).filter(|near| map.get(near).is_none());
    let problem = match near {
        Some(near) => problem.help(format!("did you mean `{}`?", cx.spelled(near))),
        None => {
            let spelled: Vec<String> = known.iter().map(|name| cx.spelled(name)).collect();
            problem.help(format!("the fields here are {}", listed(&spelled)))
        }
    };
    cx.report(match surely {
        Some(near) => problem.fix(true, vec![Edit { span: key.span, text: cx.spelled(near) }]),
        None => problem,
    });
    near
}
