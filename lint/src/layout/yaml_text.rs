//! Scalars of YAML as they are written: which quotation marks, which lines.

use ordain_spec::tree::{Node, Value};

use super::shapes::Place;

fn written<'t>(text: &'t str, node: &Node) -> &'t str {
    text.get(node.span.start as usize..node.span.end as usize).unwrap_or_default()
}

/// A scalar that can stand on one line. An expression, and a text with `${ … }`, in single quotes; a text
/// whose double quotes do nothing, too; everything else as the author wrote it.
pub fn single(text: &str, node: &Node, place: &Place) -> Option<String> {
    let written = written(text, node);
    if let Value::Text(value) = &node.value {
        let plain = !value.value.chars().any(char::is_control);
        let computed = place.is_expression() || value.value.contains("${");
        let idle = written.starts_with('"') && !written.contains(['\\', '\n']);
        if plain && (computed || idle) {
            return Some(quoted(&value.value));
        }
    }
    (!written.contains('\n') && header(text, node).is_none()).then(|| written.to_owned())
}

/// The head of a text that stands below it in lines of its own (`|`, `>-`), and where those lines begin.
fn header<'t>(text: &'t str, node: &Node) -> Option<(&'t str, usize)> {
    let start = node.span.start as usize;
    let lead = text.get(..start)?;
    let below = lead.rfind('\n')? + 1;
    if !lead.get(below..)?.trim().is_empty() {
        return None;
    }
    // Blank lines may stand between the head and the first words.
    let above = lead.get(..below)?.trim_end();
    let line = above.rsplit('\n').next()?;
    let line = line.split(" #").next()?.trim_end();
    let head = line.rsplit([' ', '\t']).next()?;
    let is_head = head.starts_with(['|', '>']) && head.chars().skip(1).all(|c| "+-0123456789".contains(c));
    let lines = above.len() + text.get(above.len()..)?.find('\n')? + 1;
    is_head.then_some((head, lines))
}

/// A text in single quotes.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text of several lines, each indented by `indent`.
pub fn block_text(text: &str, node: &Node, indent: usize) -> String {
    let written = written(text, node);
    let head = header(text, node);
    let (first, lines) = match head {
        Some((head, from)) => (head, text.get(from..node.span.end as usize).unwrap_or_default().lines()),
        None => {
            let mut lines = written.lines();
            (lines.next().unwrap_or_default().trim_end(), lines)
        }
    };
    let mut out = first.to_owned();
    let is_block = head.is_some();
    let indented = |line: &&str| !line.trim().is_empty();
    let least =
        lines.clone().filter(indented).map(|line| line.len() - line.trim_start_matches(' ').len()).min();
    for line in lines {
        out.push('\n');
        // A block keeps what stands behind its indentation; of other texts only the words count.
        let content = if is_block { line.get(least.unwrap_or(0)..).unwrap_or_default() } else { line.trim() };
        if !content.trim().is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(content);
        }
    }
    out
}

/// A list or map between brackets on one line; `None` where a text in it has lines of its own.
pub fn inline(text: &str, node: &Node, place: &Place) -> Option<String> {
    Some(match &node.value {
        Value::Map(map) => {
            let mut parts = Vec::with_capacity(map.entries.len());
            for (key, value) in &map.entries {
                let name = text.get(key.span.start as usize..key.span.end as usize)?;
                let value = inline(text, value, &place.field(&key.text))?;
                parts.push(if value.is_empty() { format!("{name}:") } else { format!("{name}: {value}") });
            }
            format!("{{{}}}", parts.join(", "))
        }
        Value::List(items) => {
            let parts: Option<Vec<String>> =
                items.iter().map(|item| inline(text, item, &place.item())).collect();
            format!("[{}]", parts?.join(", "))
        }
        _ => match single(text, node, place) {
            Some(written) => written,
            None => folded(written(text, node))?,
        },
    })
}

/// A text over several lines as one: each line break between two words is a space.
fn folded(written: &str) -> Option<String> {
    let mut lines = written.lines().map(str::trim);
    let mut out = lines.next()?.to_owned();
    for line in lines {
        if line.is_empty() || out.ends_with('\\') {
            return None;
        }
        out.push(' ');
        out.push_str(line);
    }
    Some(out)
}
