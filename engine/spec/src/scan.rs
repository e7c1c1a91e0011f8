//! What is looked at before any parser runs: size, and characters that hide text from a reviewer.
//! Linear in the bytes read; must never try to understand a notation.

use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Span};

/// The most bytes a file may have.
pub const FILE_BYTES: usize = 256 << 10;
/// The deepest nesting of lists and maps.
pub const DEPTH: usize = 64;
/// Hidden characters reported one by one; further ones are only counted.
const SHOWN: usize = 20;

/// What is hidden about a character, if it may stand in no file, input, field or rationale.
#[must_use]
pub const fn hidden(letter: char) -> Option<&'static str> {
    Some(match letter {
        '\t' | '\n' => return None,
        '\r' => "a carriage return",
        '\0'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' => "a control character",
        '\u{85}' | '\u{2028}' | '\u{2029}' => "a line break that editors do not show",
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "a bidirectional control"
        }
        '\u{feff}' => "a byte-order mark",
        '\u{200b}'..='\u{200d}' | '\u{2060}' => "a zero-width character",
        '\u{e0000}'..='\u{e007f}' => "a tag character",
        _ => return None,
    })
}

/// Every character of a text that is [`hidden`], its place before it, what it is behind it.
pub(crate) fn all_hidden(text: &str) -> impl Iterator<Item = (usize, char, &'static str)> {
    let is_seen = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    let mut at = 0;
    // Asked of every byte of every file: nearly all of them are plain letters.
    let rare = std::iter::from_fn(move || {
        at += text.as_bytes().get(at..)?.iter().position(|byte| !is_seen(byte))?;
        let letter = text.get(at..)?.chars().next()?;
        at += letter.len_utf8();
        Some((at - letter.len_utf8(), letter))
    });
    rare.filter_map(|(at, letter)| Some((at, letter, hidden(letter)?)))
}

/// Reports what hides text. True when the file may be parsed.
pub fn scan(file: FileId, text: &str, sink: &mut Vec<Diagnostic>) -> bool {
    if text.len() > FILE_BYTES {
        let message = format!("the file has {} bytes, more than {FILE_BYTES}", text.len());
        sink.push(
            Diagnostic::law("too-large-or-deep", Span::new(file, 0, 0), message)
                .help("split it: one spec a file is the convention")
                .consequence("the engine refuses the catalogue"),
        );
        return false;
    }
    let mut found = 0;
    for (at, letter, what) in all_hidden(text) {
        if letter == '\r' && text.as_bytes().get(at + 1) == Some(&b'\n') {
            continue;
        }
        found += 1;
        if found <= SHOWN {
            let span = span(file, at, at + letter.len_utf8());
            sink.push(hidden_character(span, letter, what));
        }
    }
    if let Some(last) = sink.last_mut()
        && found > SHOWN
    {
        last.help = Some(format!("there are {} more in this file; remove them", found - SHOWN));
    }
    found == 0
}

/// The diagnostic about one hidden character.
#[must_use]
pub fn hidden_character(span: Span, letter: char, what: &str) -> Diagnostic {
    Diagnostic::law(
        "hidden-characters",
        span,
        format!("U+{:04X}, {what}, hides text from a reviewer", u32::from(letter)),
    )
    .help("remove it")
    .consequence("the engine refuses the catalogue")
}

/// A span from offsets of a file within the size limit.
#[must_use]
pub fn span(file: FileId, start: usize, end: usize) -> Span {
    let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
    Span::new(file, narrow(start), narrow(end))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test that cannot go on fails")]
    use super::*;

    fn codes(text: &str) -> (bool, Vec<Diagnostic>) {
        let mut sink = Vec::new();
        let clean = scan(FileId(0), text, &mut sink);
        (clean, sink)
    }

    #[test]
    fn what_hides_text_is_named_and_placed() {
        for letter in [
            '\u{feff}',
            '\0',
            '\u{7}',
            '\u{b}',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{2028}',
            '\u{2029}',
            '\u{61c}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2060}',
            '\u{e0001}',
            '\u{e007f}',
            '\r',
        ] {
            let (clean, found) = codes(&format!("é: a{letter}b\n"));
            assert!(!clean, "{letter:?}");
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].code, "hidden-characters");
            let place = found[0].primary.as_ref().map(|label| (label.span.start, label.span.end));
            assert_eq!(place, Some((5, 5 + u32::try_from(letter.len_utf8()).unwrap_or(0))));
            assert!(found[0].message.contains(&format!("U+{:04X}", u32::from(letter))));
        }
    }

    #[test]
    fn ordinary_text_passes() {
        assert!(codes("a: é 😀 ñ\tx\r\nb: ‘…’ — 日本\n").0);
    }

    #[test]
    fn a_flood_is_counted_not_listed() {
        let (_, found) = codes(&"\u{200b}".repeat(1_000));
        assert_eq!(found.len(), SHOWN);
        assert!(found[SHOWN - 1].help.as_ref().is_some_and(|help| help.contains("980")));
    }

    #[test]
    fn a_file_past_the_limit_is_refused() {
        assert!(codes(&"a".repeat(FILE_BYTES)).0);
        let (clean, found) = codes(&"a".repeat(FILE_BYTES + 1));
        assert!(!clean);
        assert_eq!(found[0].code, "too-large-or-deep");
    }
}
