//! A report as Markdown, as a page of HTML that needs nothing else, and as CSV. One list of tables feeds all three; what
//! comes from specs is escaped in each.

use ordain_plan::render::{visible, xml};
use ordain_spec::diagnostic::counted;
use serde_json::{Map, Value};

use super::{csv, list, text, value};

/// One table.
struct Table {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Said where there is no row.
    none: &'static str,
}

fn tables(document: &Value) -> Vec<Table> {
    vec![
        runs(document),
        denials(document),
        rules(document),
        exemptions(document),
        approvals(document),
        budgets(document),
        workspace(document),
    ]
}

fn rows_at<'d>(document: &'d Value, pointer: &str) -> &'d [Value] {
    document.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn counts(of: Option<&Map<String, Value>>) -> String {
    let all = of.into_iter().flatten().map(|(name, count)| format!("{} {name}", value(count)));
    all.collect::<Vec<_>>().join(", ")
}

fn number(row: &Value, field: &str) -> String {
    row.get(field).filter(|cell| !cell.is_null()).map(value).unwrap_or_default()
}

fn runs(document: &Value) -> Table {
    let row = |row: &Value| {
        vec![
            text(row, "runbook").to_owned(),
            text(row, "mode").to_owned(),
            number(row, "total"),
            counts(row.get("states").and_then(Value::as_object)),
            took(row, "medianMs"),
            took(row, "longestMs"),
        ]
    };
    Table {
        title: "Runs",
        head: vec!["runbook", "mode", "runs", "ended", "median", "longest"],
        rows: rows_at(document, "/runs/runbooks").iter().map(row).collect(),
        none: "Nothing ran.",
    }
}

fn denials(document: &Value) -> Table {
    let fields = ["code", "reason", "source", "rule", "count"];
    Table {
        title: "What denied",
        head: fields.to_vec(),
        rows: picked(rows_at(document, "/decisions/denials"), &fields),
        none: "Nothing was denied.",
    }
}

fn rules(document: &Value) -> Table {
    let fields = ["policy", "rule", "true"];
    Table {
        title: "Rules that held",
        head: vec!["policy", "rule", "times"],
        rows: picked(rows_at(document, "/decisions/rules"), &fields),
        none: "No rule held.",
    }
}

fn exemptions(document: &Value) -> Table {
    Table {
        title: "Exemptions that were used",
        head: vec!["exemption", "times"],
        rows: picked(rows_at(document, "/decisions/exemptions"), &["name", "used"]),
        none: "None was used.",
    }
}

fn approvals(document: &Value) -> Table {
    let row = |row: &Value| {
        let fields = ["approval", "stages", "granted", "rejected", "expired", "undecided"];
        let mut cells: Vec<String> = fields.iter().map(|field| number(row, field)).collect();
        cells.extend([took(row, "medianMs"), took(row, "longestMs")]);
        cells
    };
    Table {
        title: "Approvals",
        head: vec!["approval", "stages", "granted", "rejected", "expired", "undecided", "median", "longest"],
        rows: list(document, "approvals").iter().map(row).collect(),
        none: "Nobody was asked.",
    }
}

fn budgets(document: &Value) -> Table {
    let row = |row: &Value| {
        let window = |field: &str| row.pointer(&format!("/window/{field}")).map(value).unwrap_or_default();
        let fields = ["name", "mode", "key", "unit", "limit", "spent", "reserved", "remaining"];
        let mut cells: Vec<String> = fields.iter().map(|field| number(row, field)).collect();
        cells.push(if window("run").is_empty() { window("to") } else { window("run") });
        cells
    };
    Table {
        title: "Budgets",
        head: vec!["budget", "mode", "for", "unit", "limit", "spent", "set aside", "left", "until"],
        rows: list(document, "budgets").iter().map(row).collect(),
        none: "No budget is declared.",
    }
}

fn workspace(document: &Value) -> Table {
    let all = document.get("workspace").and_then(Value::as_object).into_iter().flatten();
    Table {
        title: "The workspace",
        head: vec!["what", "times"],
        rows: all.map(|(name, count)| vec![name.clone(), value(count)]).collect(),
        none: "Nothing changed.",
    }
}

fn picked(rows: &[Value], fields: &[&str]) -> Vec<Vec<String>> {
    rows.iter().map(|row| fields.iter().map(|field| number(row, field)).collect()).collect()
}

/// A duration in ms for people, in its two largest parts.
fn took(row: &Value, field: &str) -> String {
    let Some(ms) = row.get(field).and_then(Value::as_i64) else { return String::new() };
    let parts = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let first = parts.iter().position(|(size, _)| ms >= *size).unwrap_or(parts.len() - 1);
    let mut left = ms;
    let mut out = Vec::new();
    for (size, unit) in parts.iter().skip(first).take(2) {
        if left / size > 0 || out.is_empty() {
            out.push(format!("{}{unit}", left / size));
        }
        left %= size;
    }
    out.join(" ")
}

fn span(document: &Value) -> String {
    match (text(document, "from"), text(document, "until")) {
        ("", _) => "Nothing happened yet.".to_owned(),
        (from, until) => format!("{from} to {until}"),
    }
}

/// One sentence for who reads no further.
fn summary(document: &Value) -> String {
    let at = |pointer: &str| document.pointer(pointer).map(value).unwrap_or_default();
    let states = counts(document.pointer("/runs/states").and_then(Value::as_object));
    let states = if states.is_empty() { String::new() } else { format!(" ({states})") };
    format!(
        "{}{states}; {} allowed, {} asked people, {} denied.",
        counted(at("/runs/total"), "run"),
        counted(at("/decisions/allow"), "decision"),
        at("/decisions/hold"),
        at("/decisions/deny")
    )
}

/// As Markdown.
pub fn markdown(document: &Value) -> String {
    let mut out = format!("# Report\n\n{}\n\n{}\n", span(document), summary(document));
    for table in tables(document) {
        out.push_str(&format!("\n## {}\n\n", table.title));
        if table.rows.is_empty() {
            out.push_str(&format!("{}\n", table.none));
            continue;
        }
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        out.push_str(&line(&table.head.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()));
        out.push_str(&format!("|{}\n", "---|".repeat(table.head.len())));
        for row in &table.rows {
            out.push_str(&line(&row.iter().map(|cell| plain(cell)).collect::<Vec<_>>()));
        }
    }
    out
}

/// Text that Markdown takes as it is.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in visible(text).chars() {
        if matches!(sign, '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '\\' | '&') {
            out.push('\\');
        }
        out.push(sign);
    }
    out
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #d7dce1;padding-bottom:.2rem}\
p.span,p.none{color:#5b6670}table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600;color:#5b6670}\
th,td{padding:.3rem .8rem .3rem 0;border-bottom:1px solid #eceff2;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}\
@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#14171a}th,td,h2{border-color:#2c333a}th,p.span,p.none{color:#9aa5af}}";

/// As a page of HTML without scripts and without anything from elsewhere.
pub fn html(document: &Value) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>Report</h1>\n<p class=\"span\">{}</p>\n<p>{}</p>\n",
        xml(&span(document)),
        xml(&summary(document))
    );
    for table in tables(document) {
        out.push_str(&format!("<h2>{}</h2>\n", xml(table.title)));
        if table.rows.is_empty() {
            out.push_str(&format!("<p class=\"none\">{}</p>\n", xml(table.none)));
            continue;
        }
        let head: String =
            table.head.iter().map(|word| format!("<th scope=\"col\">{}</th>", xml(word))).collect();
        out.push_str(&format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"));
        for row in &table.rows {
            let cells: String = row.iter().map(|cell| data(cell)).collect();
            out.push_str(&format!("<tr>{cells}</tr>\n"));
        }
        out.push_str("</tbody>\n</table>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn data(cell: &str) -> String {
    let class = if cell.parse::<i64>().is_ok() { " class=\"n\"" } else { "" };
    format!("<td{class}>{}</td>", xml(cell))
}

/// As CSV: the table's name, then its columns as `name=value` in cells of their own.
pub fn csv(document: &Value) -> String {
    let rows = tables(document).into_iter().flat_map(|table| {
        let title = table.title;
        let head = table.head;
        table.rows.into_iter().enumerate().flat_map(move |(number, row)| {
            let head = head.clone();
            row.into_iter().enumerate().filter_map(move |(place, cell)| {
                let column = head.get(place)?;
                Some(vec![title.to_owned(), (number + 1).to_string(), (*column).to_owned(), cell])
            })
        })
    });
    csv::table(&["table", "row", "column", "value"], rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_comes_from_specs_is_text_in_every_format() {
        let nasty = "<script>alert(1)</script>|=x";
        let document = json!({
            "from": "2026-01-05T10:00:00Z", "until": "2026-01-06T10:00:00Z",
            "runs": {"total": 1, "states": {"denied": 1}, "runbooks": []},
            "decisions": {"allow": 0, "hold": 0, "deny": 1, "denials": [{"code": "policy_denied", "reason": nasty, "count": 1}], "rules": [], "exemptions": []},
            "approvals": [], "budgets": [], "workspace": {},
        });
        assert!(!html(&document).contains("<script>"));
        assert!(markdown(&document).contains("\\<script\\>alert(1)\\</script\\>\\|=x"));
        assert!(csv(&document).contains("What denied,1,reason,<script>"));
        assert!(html(&document).contains("1 run (1 denied)"));
    }

    #[test]
    fn durations_are_said_in_two_parts() {
        for (ms, said) in
            [(0, "0ms"), (999, "999ms"), (1_500, "1s 500ms"), (60_000, "1m"), (90_061_000, "1d 1h")]
        {
            assert_eq!(took(&json!({"ms": ms}), "ms"), said);
        }
    }
}
