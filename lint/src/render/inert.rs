//! What a CI server would take for a command of its own in what a step prints, wherever it comes from: GitHub Actions
//! and Azure Pipelines read `##[…]` and `##vso[…]` anywhere in a line, GitHub also a line that begins with `::`. Text
//! of a spec must be none.

/// How a text is read by whom it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A person.
    Person,
    /// A parser of JSON.
    Json,
    /// A parser of XML.
    Xml,
}

/// True where standard output goes to a server that takes commands from it.
#[must_use]
pub fn is_read_by_a_server() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    ["GITHUB_ACTIONS", "TF_BUILD"].into_iter().any(is_set)
}

/// The same text without commands: for parsers it means the same, a person sees a blank more.
#[must_use]
pub fn inert(text: &str, reader: Reader) -> String {
    let hash = match reader {
        Reader::Person => " #",
        Reader::Json => "\\u0023",
        Reader::Xml => "&#35;",
    };
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let words = line.trim_start();
        let (lead, mut rest) = line.split_at_checked(line.len() - words.len()).unwrap_or(("", line));
        out.push_str(lead);
        if let Some(command) = rest.strip_prefix("::").filter(|_| reader == Reader::Person) {
            out.push_str(": :");
            rest = command;
        }
        // A sign between a sign and a word in brackets.
        while let Some((before, after)) = rest.split_once('#') {
            out.push_str(before);
            let bracket = after.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
            let is_command = out.ends_with('#') && bracket.starts_with('[');
            out.push_str(if is_command { hash } else { "#" });
            rest = after;
        }
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_a_command_and_parsers_read_the_same() {
        let text = "a ##[add-mask]x ###vso[y] # [z] ## a [b]\n  ::stop-commands::t\n a ::b\n";
        let due = "a # #[add-mask]x ## #vso[y] # [z] ## a [b]\n  : :stop-commands::t\n a ::b\n";
        assert_eq!(inert(text, Reader::Person), due);
        let document = serde_json::json!({"a": "##[x] ###vso[y] \\##[z]"});
        let written = inert(&document.to_string(), Reader::Json);
        assert!(!written.contains("##[") && !written.contains("##vso["), "{written}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).ok(), Some(document));
        assert_eq!(inert("<a>##[x]</a>", Reader::Xml), "<a>#&#35;[x]</a>");
    }
}
