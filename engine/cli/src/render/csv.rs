//! CSV (RFC 4180) that a spreadsheet takes as text: a cell that it would read as a formula begins with an apostrophe.

/// A table as CSV, the head first.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = line(head.iter().map(|word| (*word).to_owned()));
    for row in rows {
        out.push_str(&line(row));
    }
    out
}

fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| quoted(&harmless(cell))).collect();
    cells.join(",") + "\r\n"
}

/// Numbers stay numbers.
fn harmless(cell: String) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<i64>().is_err();
    if formula { format!("'{cell}") } else { cell }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text_and_separators_are_quoted() {
        let row = ["=1+1", "-5", "-x", "@a", "plain", "a,b", "say \"hi\""];
        let text = table(&["a"], [row.map(str::to_owned).to_vec()]);
        assert_eq!(text, "a\r\n'=1+1,-5,'-x,'@a,plain,\"a,b\",\"say \"\"hi\"\"\"\r\n");
    }
}
