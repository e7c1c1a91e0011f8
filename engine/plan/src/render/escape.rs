//! Escaping, one function per format. What a spec says is never read as markup, and hides nothing.

use std::fmt::Write as _;

use ordain_spec::shown::is_hidden;
pub use ordain_spec::shown::visible;

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
    use super::{document, dot, mermaid, xml};

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
}
