//! Escaping, one function per format. What a spec says is never read as markup, and hides nothing.

use std::fmt::Write as _;

/// Text for a terminal: control characters, bidirectional controls and what has no width are shown as
/// `\u{…}`, so that nothing can move the cursor, change colours or hide.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            let _infallible = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// A JSON document as it is shown: laid out, and with everything that hides something written as an escape, which
/// means the same to whoever reads JSON.
#[must_use]
pub fn document(value: &serde_json::Value) -> String {
    let text = format!("{value:#}\n");
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_hidden(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _infallible = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{2028}' | '\u{2029}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Text and attribute values of XML, which knows no such thing as two of the characters there are.
#[must_use]
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// The inside of a quoted DOT string; `\n` between lines is the caller's.
#[must_use]
pub fn dot(text: &str) -> String {
    visible(text).replace('\\', "\\\\").replace('"', "\\\"")
}

/// The inside of a quoted Mermaid label: entities for whatever Mermaid, Markdown or HTML would read.
#[must_use]
pub fn mermaid(text: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-' | ':' | '/' | '@' | '^' | '(' | ')')
    };
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        if plain(c) || !c.is_ascii() {
            out.push(c);
        } else {
            let _infallible = write!(out, "#{};", u32::from(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{document, dot, mermaid, visible, xml};

    #[test]
    fn a_document_hides_nothing_and_says_the_same() {
        let value = serde_json::json!({"a\u{202e}b": ["\u{e0041}\u{7f}\u{85}ü", "line\nbreak"]});
        let text = document(&value);
        assert!(text.contains(r"a\u202eb") && text.contains(r"\udb40\udc41\u007f\u0085ü"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
    }

    #[test]
    fn nothing_from_a_spec_is_read_as_markup() {
        assert_eq!(xml(r#"<script>"&'"#), "&lt;script&gt;&quot;&amp;&#39;");
        assert_eq!(dot(r#"a"]; evil [label="\"#), r#"a\"]; evil [label=\"\\"#);
        assert_eq!(mermaid(r#"x"]; click a "javascript"#), "x#34;#93;#59; click a #34;javascript");
        assert_eq!(mermaid("<b>`&#35;"), "#60;b#62;#96;#38;#35;35#59;");
    }

    #[test]
    fn nothing_moves_the_cursor_or_hides() {
        assert_eq!(visible("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(visible("x\u{202e}y\u{200b}z\n"), "x\\u{202e}y\\u{200b}z\\u{a}");
        assert_eq!(visible("größer ≤ 3"), "größer ≤ 3");
    }
}
