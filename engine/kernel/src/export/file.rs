//! How a file of rows is written. Rows have been checked; nothing here leaves anything out or lets anything in.

use ordain_spec::kind::export::Format;
use serde_json::{Map, Value};

/// The file.
pub fn write(format: Format, fields: &[&str], rows: &[Map<String, Value>]) -> String {
    match format {
        Format::Jsonl => jsonl(fields, rows),
        Format::Csv => csv(fields, rows),
    }
}

/// One JSON object a line, its fields in the order of the export; what a row does not have is left out.
fn jsonl(fields: &[&str], rows: &[Map<String, Value>]) -> String {
    let mut out = String::new();
    for row in rows {
        let there = fields.iter().filter_map(|field| Some((*field, row.get(*field)?)));
        for (place, (field, value)) in there.enumerate() {
            out.push(if place == 0 { '{' } else { ',' });
            out.push_str(&Value::from(field).to_string());
            out.push(':');
            out.push_str(&value.to_string());
        }
        out.push_str(if row.is_empty() { "{}\n" } else { "}\n" });
    }
    out
}

/// RFC 4180, with a header line; what a row does not have is empty.
fn csv(fields: &[&str], rows: &[Map<String, Value>]) -> String {
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        out.push_str(&cells.collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    };
    line(&mut fields.iter().map(|field| text(field)));
    for row in rows {
        line(&mut fields.iter().map(|field| row.get(*field).map(cell).unwrap_or_default()));
    }
    out
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        // A number is one, however it begins.
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => text(&value.to_string()),
    }
}

/// Text that a spreadsheet would take for a formula begins with an apostrophe.
fn text(value: &str) -> String {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r', '|', '%']);
    let value = if formula { format!("'{value}") } else { value.to_owned() };
    if value.contains([',', '"', '\r', '\n', '\'']) {
        return format!("\"{}\"", value.replace('"', "\"\""));
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(cells: &[Value]) -> Vec<Map<String, Value>> {
        cells.iter().map(|cell| Map::from_iter([("a".to_owned(), cell.clone())])).collect()
    }

    #[test]
    fn what_a_spreadsheet_takes_for_a_formula_begins_with_an_apostrophe() {
        for (cell, written) in [
            (json!("=1+1"), "\"'=1+1\""),
            (json!("+49"), "\"'+49\""),
            (json!("-x"), "\"'-x\""),
            (json!("@SUM(A1)"), "\"'@SUM(A1)\""),
            (json!("\t=1"), "\"'\t=1\""),
            (json!("\r=1"), "\"'\r=1\""),
            (json!(-5), "-5"),
            (json!(true), "true"),
            (json!("T-1"), "T-1"),
            (json!("a,b"), "\"a,b\""),
            (json!("say \"no\""), "\"say \"\"no\"\"\""),
            (json!("two\nlines"), "\"two\nlines\""),
            (json!({"id": "x"}), "\"{\"\"id\"\":\"\"x\"\"}\""),
        ] {
            let said = write(Format::Csv, &["a"], &rows(&[cell]));
            assert_eq!(said, format!("a\r\n{written}\r\n"));
        }
    }

    #[test]
    fn fields_stand_in_the_order_of_the_export_and_what_is_not_there_is_left_out() {
        let row = Map::from_iter([("b".to_owned(), json!(2)), ("a".to_owned(), json!("x\n"))]);
        let said = write(Format::Jsonl, &["b", "c", "a"], &[row.clone(), Map::new()]);
        assert_eq!(said, "{\"b\":2,\"a\":\"x\\n\"}\n{}\n");
        assert_eq!(write(Format::Csv, &["b", "c", "a"], &[row]), "b,c,a\r\n2,,\"x\n\"\r\n");
        assert_eq!(write(Format::Csv, &["b"], &[]), "b\r\n", "no rows is a file too");
    }
}
