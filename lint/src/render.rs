//! Findings for people and tools.

mod excerpt;
pub mod json;
pub mod text;

pub use json::{failure, json};
pub use text::{Look, text};
