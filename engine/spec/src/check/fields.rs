//! Schemas of fields: what the type asks for is there, bounds are in order, defaults fit.

use std::sync::Arc;

use super::context::{Context, law, with_todo};
use super::memory::{About, Memory};
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::expr::{Arg, ArgValue, Type, Value};
use crate::kind::field::{Field, FieldMap, FieldType};
use crate::kind::scalar::{Json, Sensitivity};
use crate::source::Span;

/// A schema is judged by itself: it is looked at again only where its own file changed.
pub(super) fn check(cx: &Context<'_>, memory: &mut Memory, sink: &mut Vec<Diagnostic>) {
    let mut each = |span: Span, maps: Vec<&FieldMap>| {
        memory.problems(About::Fields, cx.stamp(span), Vec::new(), sink, |sink| {
            maps.into_iter().for_each(|fields| map(cx, fields, sink));
        });
    };
    for spec in every(&cx.all.capabilities) {
        each(spec.span, vec![&spec.spec.input, &spec.spec.output]);
    }
    for spec in every(&cx.all.runbooks) {
        let signals = spec.spec.steps.iter().filter_map(|step| step.signal.as_ref());
        let signals = signals.map(|signal| &signal.fields);
        each(spec.span, std::iter::once(&spec.spec.inputs).chain(signals).collect());
    }
    for spec in every(&cx.all.approvals) {
        each(spec.span, spec.spec.stages.iter().map(|stage| &stage.form).collect());
    }
}

fn map(cx: &Context<'_>, fields: &FieldMap, sink: &mut Vec<Diagnostic>) {
    for (name, entry) in &fields.0 {
        field(cx, name, entry.key_span, &entry.value, sink);
    }
}

fn field(cx: &Context<'_>, name: &Arc<str>, place: Span, field: &Field, sink: &mut Vec<Diagnostic>) {
    let before = sink.len();
    parts(cx, name, place, field, sink);
    bounds(name, field, sink);
    if field.sensitivity.value == Sensitivity::Secret {
        sink.push(
            law("unknown-value", field.sensitivity.span, format!("`{name}` is declared secret"))
                .help("secrets are references, never data: name them in the connector's `auth` or `env`"),
        );
    }
    if let Some(pattern) = &field.pattern
        && let Err(message) = crate::expr::pattern(&pattern.value)
    {
        sink.push(
            law("bad-literal", pattern.span, format!("the pattern of `{name}` cannot be read: {message}"))
                .help("write RE2 without look-around; a pattern always matches the whole string"),
        );
    }
    if sink.len() == before {
        values(name, field, sink);
    }
}

/// What the type asks for.
fn parts(cx: &Context<'_>, name: &Arc<str>, place: Span, declared: &Field, sink: &mut Vec<Diagnostic>) {
    let whole = cx.is_whole(declared.span);
    let mut missing = |code, message: String, help: &str, todo: &str| {
        if !whole {
            return;
        }
        let problem = law(code, place, message).help(help.to_owned());
        sink.push(with_todo(cx, problem, declared.span, todo));
    };
    match declared.type_.value {
        FieldType::String => {
            let bounded = declared.enum_.is_some()
                || declared.pattern.is_some()
                || declared.format.is_some()
                || declared.max_length.is_some();
            if !bounded {
                let help = "add one of `enum`, `pattern`, `format`, `maxLength`";
                missing("missing-field", format!("string `{name}` has no bound"), help, "maxLength");
            }
        }
        FieldType::Array => {
            if declared.max_items.is_none() {
                let message = format!("array `{name}` has no `maxItems`");
                missing("unbounded-collection", message, "add `maxItems`", "maxItems");
            }
            match &declared.items {
                Some(items) => field(cx, &format!("{name}[]").into(), place, items, sink),
                None => {
                    let message = format!("array `{name}` does not say what its items are");
                    missing("missing-field", message, "add `items`", "items");
                }
            }
        }
        FieldType::Object => match &declared.fields {
            Some(fields) => map(cx, fields, sink),
            None => {
                let message = format!("object `{name}` does not say what its fields are");
                missing("missing-field", message, "add `fields`", "fields");
            }
        },
        FieldType::Integer
        | FieldType::Number
        | FieldType::Boolean
        | FieldType::Timestamp
        | FieldType::Duration => {}
    }
}

fn number(json: &Spanned<Json>) -> Option<f64> {
    json.value.0.as_f64()
}

/// Bounds are numbers, and the lower is not above the upper.
fn bounds(name: &Arc<str>, field: &Field, sink: &mut Vec<Diagnostic>) {
    for bound in field.minimum.iter().chain(&field.maximum) {
        let fits = match field.type_.value {
            FieldType::Integer => bound.value.0.is_i64() || bound.value.0.is_u64(),
            FieldType::Number => bound.value.0.is_number(),
            _ => true,
        };
        if !fits {
            sink.push(
                law("wrong-type", bound.span, format!("a bound of `{name}` is no {}", field.type_.value))
                    .help(format!("write a value of type {}", field.type_.value)),
            );
        }
    }
    let mut ordered = |least: Option<f64>, most: Option<f64>, place: Option<Span>| {
        if let (Some(least), Some(most), Some(place)) = (least, most, place)
            && least > most
        {
            sink.push(
                law(
                    "out-of-range",
                    place,
                    format!("no value of `{name}` can lie between {least} and {most}"),
                )
                .help("exchange the two bounds"),
            );
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "lengths lie within 2^53")]
    let length = |bound: &Option<Spanned<u64>>| bound.as_ref().map(|bound| bound.value as f64);
    ordered(
        field.minimum.as_ref().and_then(number),
        field.maximum.as_ref().and_then(number),
        field.maximum.as_ref().map(|bound| bound.span),
    );
    ordered(
        length(&field.min_length),
        length(&field.max_length),
        field.max_length.as_ref().map(|bound| bound.span),
    );
    ordered(
        length(&field.min_items),
        length(&field.max_items),
        field.max_items.as_ref().map(|bound| bound.span),
    );
}

/// The words of an `enum` and the `default` are values of the field.
fn values(name: &Arc<str>, field: &Field, sink: &mut Vec<Diagnostic>) {
    if let Some(words) = &field.enum_ {
        if words.value.is_empty() {
            sink.push(
                law("missing-field", words.span, format!("the `enum` of `{name}` has no values"))
                    .help("list the values there are"),
            );
        }
        let ty = Type::declared(field);
        let fits =
            |value: &serde_json::Value| Value::from_json(value).is_ok_and(|value| value.conform(&ty).is_ok());
        for word in words.value.iter().filter(|word| !fits(&word.value.0)) {
            sink.push(
                law(
                    "wrong-type",
                    word.span,
                    format!("a value of the `enum` of `{name}` is no {}", field.type_.value),
                )
                .help("an `enum` lists values of the field's type"),
            );
        }
    }
    if let Some(default) = &field.default
        && let Err(why) = fits(field, &default.value.0)
    {
        sink.push(
            law(
                "wrong-type",
                default.span,
                format!("the default of `{name}` does not fit its own schema: {why}"),
            )
            .related(field.type_.span, "its type")
            .help("correct the default, or the schema"),
        );
    }
}

/// Whether a value fits a field, and why not.
pub(super) fn fits(field: &Field, value: &serde_json::Value) -> Result<(), String> {
    let read = Value::from_json(value).map_err(|mismatch| mismatch.to_string())?;
    read.conform(&Type::declared(field)).map_err(|mismatch| mismatch.to_string())?;
    if let Some(words) = &field.enum_
        && !words.value.iter().any(|word| word.value.0 == *value)
    {
        return Err("it is none of the `enum`".to_owned());
    }
    let outside = |test: fn(f64, f64) -> bool, bound: &Option<Spanned<Json>>| {
        bound.as_ref().and_then(number).zip(value.as_f64()).is_some_and(|(bound, value)| test(value, bound))
    };
    if outside(|value, least| value < least, &field.minimum)
        || outside(|value, most| value > most, &field.maximum)
    {
        return Err("it is outside its range".to_owned());
    }
    let length = value.as_str().map(|text| text.chars().count() as u64);
    let too = |count: Option<u64>, least: &Option<Spanned<u64>>, most: &Option<Spanned<u64>>| {
        count.is_some_and(|count| {
            least.as_ref().is_some_and(|least| count < least.value)
                || most.as_ref().is_some_and(|most| count > most.value)
        })
    };
    if too(length, &field.min_length, &field.max_length) {
        return Err("its length is outside its bounds".to_owned());
    }
    if too(value.as_array().map(|items| items.len() as u64), &field.min_items, &field.max_items) {
        return Err("it has too few or too many items".to_owned());
    }
    let pattern = field.pattern.as_ref().zip(value.as_str());
    if let Some((pattern, text)) = pattern
        && crate::expr::pattern(&pattern.value).is_ok_and(|pattern| !pattern.is_match(text))
    {
        return Err("its pattern does not match".to_owned());
    }
    if let Some((format, text)) = field.format.as_ref().zip(value.as_str())
        && !crate::kind::format::is(format.value, text)
    {
        return Err(format!("it is not of the format `{}`", format.value.as_str()));
    }
    below(field, value)
}

/// The items of a list, and the fields of an object, each with a field of its own.
fn below(field: &Field, value: &serde_json::Value) -> Result<(), String> {
    if let Some((items, values)) = field.items.as_ref().zip(value.as_array()) {
        for (at, value) in values.iter().enumerate() {
            fits(items, value).map_err(|why| format!("at item {}, {why}", at + 1))?;
        }
    }
    if let Some((fields, values)) = field.fields.as_ref().zip(value.as_object()) {
        for (name, value) in values {
            let Some(field) = fields.get(name) else { continue };
            fits(field, value).map_err(|why| format!("at `{name}`, {why}"))?;
        }
    }
    Ok(())
}

/// The literal part of an argument that its field never takes, and why; what is computed is not judged.
pub(super) fn misfit(field: &Field, arg: &Arg) -> Option<(Span, String)> {
    if let Some(value) = arg.literal() {
        return fits(field, &value).err().map(|why| (arg.span, why));
    }
    match &arg.value {
        ArgValue::List(items) => {
            let declared = field.items.as_ref()?;
            items.iter().find_map(|item| misfit(declared, item))
        }
        ArgValue::Map(entries) => {
            let declared = field.fields.as_ref()?;
            entries.iter().find_map(|(name, (_, arg))| misfit(declared.get(name)?, arg))
        }
        _ => None,
    }
}
