//! Values against their declaration: inputs, arguments, forms, signals, outputs. What fits comes back with its
//! defaults filled in; what does not is `input_invalid` with the path of the field and the rule, never the value.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use ordain_spec::decode::is_placeholder;
use ordain_spec::expr::{self, MAX_INTEGER};
use ordain_spec::kind::field::{Field, FieldMap, FieldType};
use ordain_spec::kind::format;
use ordain_spec::scan::hidden;
use serde_json::{Map, Value};

use crate::reason::{Code, Reason};

/// The deepest nesting of a value.
pub const DEPTH: usize = 64;

/// Validates an object against declared fields; defaults are filled in, undeclared fields refused.
///
/// # Errors
/// `input_invalid`, with the path of the first field that does not fit.
pub fn validate(fields: &FieldMap, value: &Value) -> Result<Value, Reason> {
    Check::new(Text::Strict).object(fields, value, &Path::Root).map_err(Fault::into_reason)
}

/// Validates what came from the outside against declared fields. Hidden characters pass: they are escaped
/// where they are shown.
///
/// # Errors
/// `output_invalid`, with the path of the first field that does not fit.
pub fn validate_output(fields: &FieldMap, value: &Value) -> Result<Value, Reason> {
    Check::new(Text::AsItComes)
        .object(fields, value, &Path::Root)
        .map_err(|fault| Reason { code: Code::OutputInvalid, ..fault.into_reason() })
}

/// A validated value as expressions see it: instants and durations are no longer texts.
///
/// # Errors
/// `input_invalid` for a value that was not validated against these fields.
pub fn to_facts(fields: &FieldMap, value: &Value) -> Result<expr::Value, Reason> {
    let Value::Object(entries) = value else {
        return Err(Fault::at(&Path::Root, "an object is due").into_reason());
    };
    let mut facts = Vec::new();
    for (name, value) in entries {
        let path = Path::Field(&Path::Root, name);
        let field = fields.get(name).ok_or_else(|| Fault::at(&path, "not declared").into_reason())?;
        facts.push((Arc::<str>::from(name.as_str()), fact(field, value, &path).map_err(Fault::into_reason)?));
    }
    Ok(expr::Value::map(facts))
}

fn fact(field: &Field, value: &Value, path: &Path<'_>) -> Result<expr::Value, Fault> {
    let wrong = || Fault::at(path, &format!("{} is due", article(field.type_.value)));
    match (field.type_.value, value) {
        (FieldType::Timestamp, Value::String(text)) => {
            expr::timestamp(text).map(expr::Value::Timestamp).ok_or_else(wrong)
        }
        (FieldType::Duration, Value::String(text)) => {
            expr::duration(text).map(expr::Value::Duration).ok_or_else(wrong)
        }
        (FieldType::Number, Value::Number(number)) => {
            number.as_f64().map(expr::Value::Double).ok_or_else(wrong)
        }
        (FieldType::Array, Value::Array(items)) => {
            let Some(item) = &field.items else { return Err(wrong()) };
            let facts =
                items.iter().enumerate().map(|(index, value)| fact(item, value, &Path::Item(path, index)));
            Ok(expr::Value::List(facts.collect::<Result<Vec<_>, _>>()?.into()))
        }
        (FieldType::Object, Value::Object(entries)) => {
            let mut facts = BTreeMap::new();
            for (name, value) in entries {
                let path = Path::Field(path, name);
                let field = field.fields.as_ref().and_then(|fields| fields.get(name));
                let field = field.ok_or_else(|| Fault::at(&path, "not declared"))?;
                facts.insert(Arc::from(name.as_str()), fact(field, value, &path)?);
            }
            Ok(expr::Value::Map(Arc::new(facts)))
        }
        (FieldType::String | FieldType::Integer | FieldType::Boolean, value) => {
            expr::Value::from_json(value).map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

/// Refuses characters that hide text from a reviewer.
///
/// # Errors
/// `input_invalid`, naming the code point.
pub fn no_hidden_characters(name: &str, text: &str) -> Result<(), Reason> {
    unhidden(&Path::Field(&Path::Root, name), text).map_err(Fault::into_reason)
}

/// Takes what a person gives as a reason: it says something and hides nothing. Words that stand for "to be done"
/// count as missing, as they do in specs.
///
/// # Errors
/// `input_invalid`
pub fn reason(text: &str) -> Result<(), Reason> {
    if is_placeholder(text) {
        return Err(Reason::new(Code::InputInvalid, "a reason is needed, not a blank or a placeholder"));
    }
    no_hidden_characters("reason", text)
}

fn unhidden(path: &Path<'_>, text: &str) -> Result<(), Fault> {
    match text.chars().find_map(|letter| hidden(letter).map(|what| (letter, what))) {
        Some((letter, what)) => {
            Err(Fault::at(path, &format!("U+{:04X}, {what}, hides text", u32::from(letter))))
        }
        None => Ok(()),
    }
}

/// A place in a value.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn depth(&self) -> usize {
        match self {
            Self::Root => 0,
            Self::Field(outer, _) | Self::Item(outer, _) => outer.depth().saturating_add(1),
        }
    }

    /// Names of undeclared fields are the sender's text: only what looks like a name is repeated.
    fn text(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Field(outer, name) => {
                let plain = name.len() <= 63
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
                let name = if plain && !name.is_empty() { name } else { "…" };
                match outer.text() {
                    outer if outer.is_empty() => name.to_owned(),
                    outer => format!("{outer}.{name}"),
                }
            }
            Self::Item(outer, index) => format!("{}[{index}]", outer.text()),
        }
    }
}

/// What is wrong, and where.
struct Fault {
    path: String,
    what: String,
}

impl Fault {
    fn at(path: &Path<'_>, what: &str) -> Self {
        Self { path: path.text(), what: what.to_owned() }
    }

    fn into_reason(self) -> Reason {
        let detail = if self.path.is_empty() { self.what } else { format!("`{}`: {}", self.path, self.what) };
        Reason::new(Code::InputInvalid, detail)
    }
}

/// Whether texts may hide anything.
#[derive(Clone, Copy, PartialEq)]
enum Text {
    Strict,
    AsItComes,
}

type Checked = Result<Value, Fault>;

struct Check {
    text: Text,
    /// Each pattern is compiled once.
    patterns: BTreeMap<Arc<str>, Option<Arc<regex::Regex>>>,
}

impl Check {
    const fn new(text: Text) -> Self {
        Self { text, patterns: BTreeMap::new() }
    }

    fn object(&mut self, fields: &FieldMap, value: &Value, path: &Path<'_>) -> Checked {
        let Value::Object(entries) = value else { return Err(Fault::at(path, "an object is due")) };
        if let Some(name) = entries.keys().find(|name| fields.get(name).is_none()) {
            return Err(Fault::at(&Path::Field(path, name), "not declared"));
        }
        let mut made = Map::new();
        for (name, field) in fields.iter() {
            let path = Path::Field(path, name);
            match (entries.get(&**name), &field.default) {
                (Some(value), _) => {
                    made.insert(name.to_string(), self.value(field, value, &path)?);
                }
                // The law says that a default fits; it is looked at all the same.
                (None, Some(default)) => {
                    made.insert(name.to_string(), self.value(field, &default.value.0, &path)?);
                }
                (None, None) if field.optional => {}
                (None, None) => return Err(Fault::at(&path, "missing")),
            }
        }
        Ok(Value::Object(made))
    }

    fn value(&mut self, field: &Field, value: &Value, path: &Path<'_>) -> Checked {
        if path.depth() > DEPTH {
            return Err(Fault::at(&Path::Root, "nested too deeply"));
        }
        let wrong = || Fault::at(path, &format!("{} is due", article(field.type_.value)));
        let made = match (field.type_.value, value) {
            (FieldType::String, Value::String(text)) => self.string(field, text, path)?,
            (FieldType::Integer, Value::Number(_)) => Value::from(integer(value).ok_or_else(wrong)?),
            (FieldType::Number, Value::Number(_)) => number(value).ok_or_else(wrong)?,
            (FieldType::Boolean, Value::Bool(value)) => Value::Bool(*value),
            (FieldType::Array, Value::Array(items)) => self.array(field, items, path)?,
            (FieldType::Object, Value::Object(_)) => match &field.fields {
                Some(fields) => self.object(fields, value, path)?,
                None => self.object(&FieldMap::default(), value, path)?,
            },
            (FieldType::Timestamp, Value::String(text)) if expr::timestamp(text).is_some() => value.clone(),
            (FieldType::Duration, Value::String(text)) if expr::duration(text).is_some() => value.clone(),
            _ => return Err(wrong()),
        };
        within(field, &made, path)?;
        Ok(made)
    }

    fn string(&mut self, field: &Field, text: &str, path: &Path<'_>) -> Checked {
        if self.text == Text::Strict {
            unhidden(path, text)?;
        }
        let length = text.chars().count() as u64;
        if let Some(least) = field.min_length.as_ref().filter(|least| length < least.value) {
            return Err(Fault::at(path, &format!("at least {} characters are due", least.value)));
        }
        if let Some(most) = field.max_length.as_ref().filter(|most| length > most.value) {
            return Err(Fault::at(path, &format!("at most {} characters are allowed", most.value)));
        }
        if let Some(pattern) = &field.pattern
            && !self.matches(&pattern.value, text)
        {
            return Err(Fault::at(path, &format!("does not match the pattern `{}`", pattern.value)));
        }
        if let Some(format) = &field.format
            && !format::is(format.value, text)
        {
            return Err(Fault::at(path, &format!("is not of the format `{}`", format.value)));
        }
        Ok(Value::String(text.to_owned()))
    }

    /// A pattern that cannot be compiled, which no checked catalogue has, matches nothing.
    fn matches(&mut self, pattern: &Arc<str>, text: &str) -> bool {
        let compiled =
            self.patterns.entry(Arc::clone(pattern)).or_insert_with(|| expr::pattern(pattern).ok());
        compiled.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }

    fn array(&mut self, field: &Field, items: &[Value], path: &Path<'_>) -> Checked {
        let length = items.len() as u64;
        if let Some(least) = field.min_items.as_ref().filter(|least| length < least.value) {
            return Err(Fault::at(path, &format!("at least {} items are due", least.value)));
        }
        if let Some(most) = field.max_items.as_ref().filter(|most| length > most.value) {
            return Err(Fault::at(path, &format!("at most {} items are allowed", most.value)));
        }
        let Some(item) = &field.items else {
            return if items.is_empty() {
                Ok(Value::Array(Vec::new()))
            } else {
                Err(Fault::at(path, "its items are not declared"))
            };
        };
        let checked =
            items.iter().enumerate().map(|(index, value)| self.value(item, value, &Path::Item(path, index)));
        Ok(Value::Array(checked.collect::<Result<_, _>>()?))
    }
}

/// Bounds and words that any type may have.
fn within(field: &Field, value: &Value, path: &Path<'_>) -> Result<(), Fault> {
    if let Some(words) = &field.enum_
        && !words.value.iter().any(|word| same(&word.value.0, value))
    {
        return Err(Fault::at(path, "is none of the declared values"));
    }
    if let Some(least) = &field.minimum
        && is_less(value, &least.value.0)
    {
        return Err(Fault::at(path, &format!("is less than {}", least.value.0)));
    }
    if let Some(most) = &field.maximum
        && is_less(&most.value.0, value)
    {
        return Err(Fault::at(path, &format!("is more than {}", most.value.0)));
    }
    Ok(())
}

fn same(a: &Value, b: &Value) -> bool {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// Integers are compared as such; what are no numbers are never less.
fn is_less(a: &Value, b: &Value) -> bool {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a < b,
        _ => a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a < b),
    }
}

/// A whole number within ±(2^53−1). `1.0` is JSON's other spelling of `1`.
fn integer(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    let whole = number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53: nothing is cut")]
        let whole = (float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0).then_some(float as i64);
        whole
    })?;
    (-MAX_INTEGER..=MAX_INTEGER).contains(&whole).then_some(whole)
}

/// A number; whole ones within ±(2^53−1) only.
fn number(value: &Value) -> Option<Value> {
    let number = value.as_number()?;
    if number.is_i64() || number.is_u64() {
        return integer(value).map(Value::from);
    }
    number.as_f64().filter(|float| float.is_finite()).map(|_| value.clone())
}

const fn article(due: FieldType) -> &'static str {
    match due {
        FieldType::String => "a string",
        FieldType::Integer => "an integer within ±(2^53−1)",
        FieldType::Number => "a number",
        FieldType::Boolean => "true or false",
        FieldType::Array => "a list",
        FieldType::Object => "an object",
        FieldType::Timestamp => "an instant (RFC 3339)",
        FieldType::Duration => "a duration such as `30s`",
    }
}
