//! The one place where text of specs, connectors and people is made safe to be shown on a terminal. Nothing that is
//! shown moves the cursor, changes colours or hides; must never decide what may be said.

use std::fmt::Write as _;

use crate::scan::hidden;

/// True for a character that shows nothing of itself, or does something else than that.
#[must_use]
pub const fn is_hidden(letter: char) -> bool {
    hidden(letter).is_some() || matches!(letter, '\t' | '\n' | '\u{2060}'..='\u{206f}')
}

/// The text with every hidden character written as `\u{…}`.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|letter| add(&mut out, letter));
    out
}

/// The beginning of the same, on one line: about `limit` bytes, and a mark where there is more.
#[must_use]
pub fn beginning(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if out.len() >= limit {
            out.push('…');
            break;
        }
        add(&mut out, if letter == '\n' { ' ' } else { letter });
    }
    out
}

fn add(out: &mut String, letter: char) {
    if is_hidden(letter) {
        let _infallible = write!(out, "\\u{{{:x}}}", u32::from(letter));
    } else {
        out.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::{beginning, is_hidden, visible};

    #[test]
    fn nothing_moves_the_cursor_or_hides() {
        assert_eq!(visible("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(visible("x\u{202e}y\u{200b}z\n"), "x\\u{202e}y\\u{200b}z\\u{a}");
        assert_eq!(visible("größer ≤ 3"), "größer ≤ 3");
        assert_eq!(beginning("a\u{202E}b\u{1b}[31m\nc", 100), "a\\u{202e}b\\u{1b}[31m c");
        assert!(beginning(&"x".repeat(1_000), 10).len() < 20);
    }

    /// Whatever a file may not hold is never shown, and no control character is.
    #[test]
    fn what_no_file_may_hold_is_never_shown() {
        for letter in '\0'..=char::MAX {
            assert!(is_hidden(letter) || !letter.is_control(), "{letter:?}");
            assert!(is_hidden(letter) || crate::scan::hidden(letter).is_none(), "{letter:?}");
        }
    }
}
