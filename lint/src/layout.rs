//! The layout of spec files: one for each notation, and the way from one notation to the other. Works on
//! texts alone; reads and writes no file. Never changes what a file means: a text whose new layout reads
//! otherwise is refused.

mod comments;
mod convert;
mod cover;
pub mod files;
mod kdl;
mod shapes;
mod yaml;
mod yaml_text;

use ordain_spec::diagnostic::Diagnostic;
use ordain_spec::scan::scan;
use ordain_spec::source::{FileId, Notation};
use ordain_spec::tree::{self, Node, Value};

use cover::{Tied, covers, parted};

pub use convert::{Held, converted, transcribed};

/// Columns that a line may have before what is written between braces becomes a block.
const WIDTH: usize = 120;

/// Why a text is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unformatted {
    /// It cannot be read: what is wrong with it.
    Unreadable(Vec<Diagnostic>),
    /// The new text would read otherwise, or lose a comment: ours is the fault.
    WouldChange,
    /// The suppression on this line would be about something else.
    WouldPart(u32),
    /// It cannot be converted, for this reason.
    Unconvertible(String),
}

impl std::fmt::Display for Unformatted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(found) => {
                let first = found.first().map_or("", |problem| &problem.message);
                write!(f, "it cannot be read: {first}")
            }
            Self::WouldChange => f.write_str("its new text would not mean the same, so it stays as it is"),
            Self::WouldPart(line) => write!(
                f,
                "the suppression on line {line} would be about other words; \
                 let it stand above the line that it is about"
            ),
            Self::Unconvertible(why) => f.write_str(why),
        }
    }
}

/// The text in its canonical layout. What stands on a line with a suppression stays together on it, also where it is
/// too long: comments go with their line, and what they let pass is the same.
///
/// # Errors
///
/// When it cannot be read, or would then read otherwise.
pub fn formatted(text: &str, notation: Notation) -> Result<String, Unformatted> {
    let before = read(text, notation)?;
    let about = covers(text, notation, &before);
    let (free, after) = anew(text, notation, &before, &Tied::default())?;
    if parted(&about, &covers(&free, notation, &after)).is_none() {
        return Ok(free);
    }
    let (kept, after) = anew(text, notation, &before, &Tied::of(text, notation, &before))?;
    match parted(&about, &covers(&kept, notation, &after)) {
        None => Ok(kept),
        Some(line) => Err(Unformatted::WouldPart(line)),
    }
}

/// The text laid out, as it is read then.
fn anew(
    text: &str,
    notation: Notation,
    before: &[Node],
    tied: &Tied,
) -> Result<(String, Vec<Node>), Unformatted> {
    let laid_out = match notation {
        Notation::Yaml => yaml::laid_out(text, before, tied),
        Notation::Kdl => kdl::laid_out(text, tied),
    };
    let laid_out = if is_crlf(text) { laid_out.replace('\n', "\r\n") } else { laid_out };
    let after = read(&laid_out, notation).map_err(|_| Unformatted::WouldChange)?;
    let same =
        before.len() == after.len() && before.iter().zip(&after).all(|(one, other)| reads_as(one, other));
    let kept = comments::texts(text, notation, before) == comments::texts(&laid_out, notation, &after);
    if same && kept { Ok((laid_out, after)) } else { Err(Unformatted::WouldChange) }
}

/// True where every line break is CRLF.
fn is_crlf(text: &str) -> bool {
    text.contains("\r\n") && text.matches('\n').count() == text.matches("\r\n").count()
}

/// The documents of a text that can be read as a whole.
fn read(text: &str, notation: Notation) -> Result<Vec<Node>, Unformatted> {
    let mut found = Vec::new();
    let mut nodes = Vec::new();
    if scan(FileId(0), text, &mut found) {
        nodes = match notation {
            Notation::Yaml => tree::yaml::read(FileId(0), text, &mut found),
            Notation::Kdl => tree::kdl::read(FileId(0), text, &mut found),
        };
    }
    if found.is_empty() { Ok(nodes) } else { Err(Unformatted::Unreadable(found)) }
}

/// True where two trees are the same but for their places.
fn reads_as(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Text(one), Value::Text(other)) => one.value == other.value,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| reads_as(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.entries.len() == other.entries.len()
                && one.entries.iter().zip(&other.entries).all(|((key, one), (other_key, other))| {
                    key.text == other_key.text && reads_as(one, other)
                })
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests;
