//! Labelled lines: cards of specs, runs and approvals.

use ordain_plan::render::{Ink, Line, Look};

/// A card that is written line by line.
#[derive(Debug)]
pub struct Card {
    look: Look,
    width: usize,
    out: String,
}

impl Card {
    /// A card whose labels take `width` columns.
    pub const fn new(look: Look, width: usize) -> Self {
        Self { look, width, out: String::new() }
    }

    /// A line over the whole width.
    pub fn line(&mut self, line: &Line) -> &mut Self {
        for piece in line.wrap(self.look.width.max(40)) {
            piece.write(self.look, &mut self.out);
        }
        self
    }

    /// A line as it is, indentation and all.
    pub fn verbatim(&mut self, line: &Line) -> &mut Self {
        line.write(self.look, &mut self.out);
        self
    }

    /// An empty line.
    pub fn blank(&mut self) -> &mut Self {
        self.out.push('\n');
        self
    }

    /// A label and what it says, wrapped under itself.
    pub fn say(&mut self, label: &str, said: &Line) -> &mut Self {
        let room = self.look.width.saturating_sub(self.width).max(24);
        for (at, piece) in said.wrap(room).iter().enumerate() {
            let mut line = Line::default();
            line.add(Ink::Dim, if at == 0 { label } else { "" }).pad(self.width).append(piece);
            line.write(self.look, &mut self.out);
        }
        self
    }

    /// The same with plain text; nothing where there is none.
    pub fn plain(&mut self, label: &str, text: &str) -> &mut Self {
        if text.is_empty() { self } else { self.say(label, &Line::default().with(Ink::Plain, text)) }
    }

    /// The whole.
    pub fn finish(self) -> String {
        self.out
    }
}
