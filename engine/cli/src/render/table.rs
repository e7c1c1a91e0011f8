//! Tables: columns as wide as their widest cell, the last one wrapped.

use ordain_plan::render::{Ink, Line, Look};

/// A table that is filled row by row.
#[derive(Debug, Default)]
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<(Ink, String)>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<(Ink, String)>) {
        self.rows.push(cells);
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text.
    pub fn text(&self, look: Look) -> String {
        let widths: Vec<usize> = (0..self.head.len()).map(|column| self.width(column)).collect();
        let mut out = String::new();
        let head: Vec<(Ink, String)> = self.head.iter().map(|word| (Ink::Dim, (*word).to_owned())).collect();
        for cells in std::iter::once(&head).chain(&self.rows) {
            let mut line = Line::default();
            let mut end = 0;
            let last = cells.len().saturating_sub(1);
            for (column, (ink, text)) in cells.iter().enumerate() {
                if column == last {
                    let room = look.width.saturating_sub(end).max(20);
                    for (at, piece) in Line::default().with(*ink, text).wrap(room).iter().enumerate() {
                        if at > 0 {
                            line.write(look, &mut out);
                            line = Line::default();
                            line.pad(end);
                        }
                        line.append(piece);
                    }
                } else {
                    line.add(*ink, text);
                    end += widths.get(column).copied().unwrap_or_default() + 2;
                    line.pad(end);
                }
            }
            line.write(look, &mut out);
        }
        out
    }

    fn width(&self, column: usize) -> usize {
        let head = self.head.get(column).map_or(0, |word| word.len());
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|(ink, text)| Line::default().with(*ink, text).width())
            .chain([head])
            .max()
            .unwrap_or_default()
    }
}

/// The ink of a risk's word.
pub fn risk_ink(risk: &str) -> Ink {
    match risk {
        "low" => Ink::Good,
        "medium" => Ink::Note,
        "high" => Ink::Alarm,
        "critical" => Ink::Worst,
        _ => Ink::Plain,
    }
}

/// The ink of a state's word: of runs, steps and approvals.
pub fn state_ink(state: &str) -> Ink {
    match state {
        "succeeded" | "granted" | "undone" => Ink::Good,
        "failed" | "denied" | "rejected" | "expired" | "cancelled" | "void" | "withdrawn" => Ink::Alarm,
        "stuck" | "unknown" => Ink::Worst,
        "held" | "waiting" | "open" | "paused" | "throttled" | "retrying" | "undoing" => Ink::Note,
        "running" | "ready" => Ink::Name,
        _ => Ink::Dim,
    }
}
