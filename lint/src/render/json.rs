//! Findings as the JSON document of `lint --format json`.

use serde_json::{Map, Value, json};

use crate::fix::Repaired;
use crate::report::{Finding, Place, Report};

/// The document.
#[must_use]
pub fn json(report: &Report) -> Value {
    let diagnostics: Vec<Value> =
        report.groups.iter().flat_map(|group| &group.findings).map(finding).collect();
    let sum = report.summary();
    json!({
        "diagnostics": diagnostics,
        "summary": {
            "files": sum.files,
            "specs": sum.specs,
            "laws": sum.laws,
            "errors": sum.errors,
            "warnings": sum.warnings,
            "infos": sum.infos,
        },
    })
}

/// The document of a failure.
#[must_use]
pub fn failure(code: &str, message: &str, hint: Option<&str>) -> Value {
    let mut error = json!({"code": code, "message": message});
    if let (Some(hint), Some(object)) = (hint, error.as_object_mut()) {
        object.insert("hint".into(), hint.into());
    }
    json!({"error": error})
}

/// What was repaired, or could be.
#[must_use]
pub fn repaired(repaired: &[Repaired]) -> Value {
    repaired.iter().map(|one| json!({"code": one.code, "file": one.file, "line": one.line})).collect()
}

fn finding(finding: &Finding) -> Value {
    let diagnostic = &finding.diagnostic;
    let mut out = Map::new();
    out.insert("code".into(), diagnostic.code.into());
    out.insert("severity".into(), diagnostic.severity.as_str().into());
    out.insert("message".into(), diagnostic.message.clone().into());
    placed(&mut out, &finding.primary());
    if let Some(help) = &diagnostic.help {
        out.insert("help".into(), help.clone().into());
    }
    if let Some(consequence) = &diagnostic.consequence {
        out.insert("consequence".into(), consequence.clone().into_owned().into());
    }
    let related = diagnostic.related.iter().map(|label| {
        let mut out = Map::new();
        placed(&mut out, &finding.place(Some(label.span)));
        out.insert("message".into(), label.text.clone().into());
        Value::Object(out)
    });
    out.insert("related".into(), related.collect());
    if let Some(fix) = &diagnostic.fix {
        let edits = fix.edits.iter().map(|edit| {
            let mut out = Map::new();
            placed(&mut out, &finding.place(Some(edit.span)));
            out.insert("text".into(), edit.text.clone().into());
            Value::Object(out)
        });
        out.insert("fix".into(), json!({"safe": fix.safe, "edits": edits.collect::<Vec<_>>()}));
    }
    Value::Object(out)
}

fn placed(out: &mut Map<String, Value>, place: &Place) {
    out.insert("file".into(), place.file.clone().into());
    out.insert("line".into(), place.line.into());
    out.insert("column".into(), place.column.into());
    out.insert("endLine".into(), place.end_line.into());
    out.insert("endColumn".into(), place.end_column.into());
}
