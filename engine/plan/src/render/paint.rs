//! Lines of styled text for a terminal: widths, wrapping, and colours that can be left out.

use unicode_width::UnicodeWidthStr;

use super::escape::visible;

/// How a text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// With ANSI colours.
    pub colour: bool,
    /// Columns; lines are wrapped to fit where they can be.
    pub width: usize,
}

impl Look {
    /// For a pipe or a file: no colours, 100 columns.
    #[must_use]
    pub const fn plain() -> Self {
        Self { colour: false, width: 100 }
    }
}

/// What a piece of text is; colours follow from that alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Body text.
    Plain,
    /// Names to look for.
    Strong,
    /// Labels, lanes, what can be read past.
    Dim,
    /// Of no concern.
    Good,
    /// A look is worth it.
    Note,
    /// Stop and think.
    Alarm,
    /// Stop.
    Worst,
    /// People decide here.
    People,
    /// Names of capabilities and the like.
    Name,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Note => "33",
            Self::Alarm => "31",
            Self::Worst => "1;31",
            Self::People => "1;33",
            Self::Name => "36",
        }
    }
}

/// Styled text.
#[derive(Debug, Clone, Default)]
pub struct Line(Vec<(Ink, String)>);

impl Line {
    /// Adds a text, made visible.
    pub fn add(&mut self, ink: Ink, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.0.push((ink, visible(text)));
        }
        self
    }

    /// The same, in a chain.
    #[must_use]
    pub fn with(mut self, ink: Ink, text: &str) -> Self {
        self.add(ink, text);
        self
    }

    /// Adds another line's pieces.
    pub fn append(&mut self, other: &Self) -> &mut Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// True when nothing is on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.width()).sum()
    }

    /// Fills with spaces up to a column.
    pub fn pad(&mut self, column: usize) -> &mut Self {
        let missing = column.saturating_sub(self.width());
        if missing > 0 {
            self.0.push((Ink::Plain, " ".repeat(missing)));
        }
        self
    }

    /// Writes the line, without trailing blanks.
    pub fn write(&self, look: Look, out: &mut String) {
        let kept =
            self.0.iter().rposition(|(_, text)| !text.trim_end().is_empty()).map_or(0, |last| last + 1);
        for (at, (ink, text)) in self.0.iter().take(kept).enumerate() {
            let text = if at + 1 == kept { text.trim_end() } else { text };
            if look.colour && !ink.code().is_empty() && !text.trim().is_empty() {
                out.push_str("\u{1b}[");
                out.push_str(ink.code());
                out.push('m');
                out.push_str(text);
                out.push_str("\u{1b}[0m");
            } else {
                out.push_str(text);
            }
        }
        out.push('\n');
    }

    /// The line in pieces of at most `width` columns, broken between words. A word that is longer
    /// stands alone, unbroken: a name is never cut.
    #[must_use]
    pub fn wrap(&self, width: usize) -> Vec<Self> {
        let mut lines = vec![Self::default()];
        let mut column = 0;
        for word in self.words() {
            if column > 0 && column + word.trimmed_width() > width {
                lines.push(Self::default());
                column = 0;
            }
            let continued = lines.len() > 1;
            if let Some(line) = lines.last_mut()
                && !(continued && column == 0 && word.trimmed_width() == 0)
            {
                column += word.width();
                line.0.extend(word.0);
            }
        }
        lines.into_iter().map(Self::joined).collect()
    }

    /// Its words, each with the blanks after it. A word may change its ink half-way.
    fn words(&self) -> Vec<Self> {
        let mut words: Vec<Self> = Vec::new();
        let mut open = false;
        for (ink, text) in &self.0 {
            for part in text.split_inclusive(' ') {
                match words.last_mut() {
                    Some(word) if open => word.0.push((*ink, part.to_owned())),
                    _ => words.push(Self(vec![(*ink, part.to_owned())])),
                }
                open = !part.ends_with(' ');
            }
        }
        words
    }

    /// Columns without the blanks at the end.
    fn trimmed_width(&self) -> usize {
        let text: String = self.0.iter().map(|(_, text)| text.as_str()).collect();
        text.trim_end().width()
    }

    /// As much of the line as fits into so many columns.
    #[must_use]
    pub fn clip(&self, width: usize) -> Self {
        let mut out = Self::default();
        let mut column = 0;
        for (ink, text) in &self.0 {
            let mut kept = String::new();
            for c in text.chars() {
                column += unicode_width::UnicodeWidthChar::width(c).unwrap_or_default();
                if column > width {
                    break;
                }
                kept.push(c);
            }
            out.0.push((*ink, kept));
        }
        out.joined()
    }

    /// Neighbours of the same ink as one piece.
    fn joined(self) -> Self {
        let mut pieces: Vec<(Ink, String)> = Vec::new();
        for (ink, text) in self.0 {
            match pieces.last_mut() {
                Some((last, joined)) if *last == ink => joined.push_str(&text),
                _ => pieces.push((ink, text)),
            }
        }
        Self(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ink, Line, Look};

    fn written(line: &Line, colour: bool) -> String {
        let mut out = String::new();
        line.write(Look { colour, width: 80 }, &mut out);
        out
    }

    #[test]
    fn colours_can_be_left_out_and_blanks_never_end_a_line() {
        let mut line = Line::default().with(Ink::Strong, "a");
        line.pad(9);
        assert_eq!(written(&line, false), "a\n");
        assert_eq!(written(&line, true), "\u{1b}[1ma\u{1b}[0m\n");
    }

    #[test]
    fn wrapping_breaks_between_words_and_never_within_one() {
        let line = Line::default().with(Ink::Plain, "one two ").with(Ink::Name, "three-is-very-long four");
        let wrapped: Vec<String> = line.wrap(9).iter().map(|line| written(line, false)).collect();
        assert_eq!(wrapped, ["one two\n", "three-is-very-long\n", "four\n"]);
        let line = Line::default().with(Ink::Plain, "within 4h").with(Ink::Dim, ", or else");
        let wrapped: Vec<String> = line.wrap(9).iter().map(|line| written(line, false)).collect();
        assert_eq!(wrapped, ["within\n", "4h, or\n", "else\n"], "a change of ink is no place to break");
    }

    #[test]
    fn an_escape_sequence_from_a_spec_is_shown_not_sent() {
        let line = Line::default().with(Ink::Plain, "\u{1b}[31mred");
        assert_eq!(written(&line, false), "\\u{1b}[31mred\n");
    }
}
