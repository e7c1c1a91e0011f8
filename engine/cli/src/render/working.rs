//! One line on a terminal while something takes longer than a second: what, and for how long. Nothing where
//! nobody looks.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use ordain_plan::render::visible;

use crate::context::Context;

/// Before that nothing is said.
const MOMENT: Duration = Duration::from_secs(1);

/// The line.
pub struct Working {
    what: Option<String>,
    begun: Instant,
    drawn: bool,
}

impl Working {
    /// A line on standard error, where that is a terminal and nobody wants JSON.
    pub fn new(cx: &Context, what: &str) -> Self {
        let seen = !cx.json && std::io::stderr().is_terminal();
        Self { what: seen.then(|| what.to_owned()), begun: Instant::now(), drawn: false }
    }

    /// True where somebody looks.
    pub const fn is_seen(&self) -> bool {
        self.what.is_some()
    }

    /// Says something else from now on.
    pub fn says(&mut self, what: String) {
        if let Some(said) = &mut self.what {
            *said = what;
        }
    }

    /// Moves it on.
    pub fn tick(&mut self) {
        let elapsed = self.begun.elapsed();
        if let Some(what) = self.what.as_ref().filter(|_| elapsed >= MOMENT) {
            self.drawn = true;
            let text = format!("\r{} … {} s\x1b[K", visible(what), elapsed.as_secs());
            let _left = std::io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// Takes it away.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _left = std::io::stderr().lock().write_all(b"\r\x1b[K");
        }
    }
}
