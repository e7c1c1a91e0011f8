//! Law `file-not-read`: files in a catalogue's folders that look like specs and are none by their name. A
//! policy under such a name would hold nobody up, and nothing would say so. The one place that tells names
//! apart, for folders, for git and for lint; must never read a file itself.

use crate::source::{Notation, Refusal, SourceFile};

/// What the name of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A spec file.
    Spec(Notation),
    /// An ending that is a spec's but for capitals: refused, whatever it holds.
    Capitals(Notation),
    /// A spec's ending behind a dot: refused where it holds a spec ([`file`]), else of some other program.
    Hidden(Notation),
    /// No spec file.
    Other,
}

/// What the last part of a path says.
#[must_use]
pub fn named(path: &str) -> Named {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some(notation) = Notation::of_path(&name.to_ascii_lowercase()) else { return Named::Other };
    if name.starts_with('.') {
        Named::Hidden(notation)
    } else if Notation::of_path(name).is_some() {
        Named::Spec(notation)
    } else {
        Named::Capitals(notation)
    }
}

/// A file of a catalogue's folders from its name and its text; `None` where it is none of Ordain's.
#[must_use]
pub fn file(path: &str, text: &str) -> Option<SourceFile> {
    let (notation, message, help) = match named(path) {
        Named::Spec(notation) => return Some(SourceFile::new(path.to_owned(), text.into(), notation)),
        Named::Capitals(notation) => (
            notation,
            format!("`{path}` is not read: its ending is not in small letters"),
            "rename it to end in `.yaml`, `.yml` or `.kdl`, or move it out of the catalogue",
        ),
        Named::Hidden(notation) if holds_spec(text, notation) => (
            notation,
            format!("`{path}` holds a spec and is not read: its name begins with a dot"),
            "rename it without the dot, or move it out of the catalogue",
        ),
        Named::Hidden(_) | Named::Other => return None,
    };
    let refusal = Refusal { code: "file-not-read", at: 0, message, help };
    Some(SourceFile::refused(path.to_owned(), text.into(), notation, refusal))
}

/// True where a version of the language stands in a text.
fn holds_spec(text: &str, notation: Notation) -> bool {
    match notation {
        Notation::Yaml => text.contains("ordain/"),
        Notation::Kdl => text
            .lines()
            .any(|line| line.trim_start().trim_start_matches("/-").trim_start().starts_with("ordain ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        for (path, due) in [
            ("specs/a.yaml", Named::Spec(Notation::Yaml)),
            ("specs/.git/a.yml", Named::Spec(Notation::Yaml)),
            ("a.kdl", Named::Spec(Notation::Kdl)),
            ("specs/a.YAML", Named::Capitals(Notation::Yaml)),
            ("specs/a.Yml", Named::Capitals(Notation::Yaml)),
            ("a.KDL", Named::Capitals(Notation::Kdl)),
            ("specs/.a.yaml", Named::Hidden(Notation::Yaml)),
            ("specs/.a.KDL", Named::Hidden(Notation::Kdl)),
            (".yaml", Named::Hidden(Notation::Yaml)),
            ("specs/README.md", Named::Other),
            ("specs/a.yaml.bak", Named::Other),
            ("yaml", Named::Other),
        ] {
            assert_eq!(named(path), due, "{path}");
        }
    }

    #[test]
    fn what_hides_a_spec_is_refused_and_what_other_programs_hide_is_left() {
        let code = |path, text| file(path, text).map(|file| file.refusal.map(|refusal| refusal.code));
        let refused = Some(Some("file-not-read"));
        assert_eq!(code("specs/a.yaml", "a: 1"), Some(None));
        assert_eq!(code("specs/A.YAML", "a: 1"), refused);
        assert_eq!(code("specs/.a.yaml", "# late\napiVersion: ordain/v1\n"), refused);
        assert_eq!(code("specs/.a.yml", "{\"apiVersion\": \"ordain/v2\"}"), refused);
        assert_eq!(code("specs/.a.kdl", "// late\n/- ordain \"v1\"\n"), refused);
        assert_eq!(code("specs/.a.kdl", "  ordain \"v1\"\n"), refused);
        assert_eq!(code("specs/.yamllint.yaml", "rules: {}\n"), None);
        assert_eq!(code("specs/.a.kdl", "layout { pane }\n"), None);
        assert_eq!(code("specs/notes.txt", "apiVersion: ordain/v1\n"), None);
    }
}
