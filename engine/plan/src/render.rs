//! A plan for people and tools: text, JSON, DOT, Mermaid, SVG. All deterministic, and all names and
//! texts from specs are escaped for the format they are written into.

mod dot;
mod escape;
mod json;
mod lanes;
mod layout;
mod mermaid;
mod paint;
mod say;
mod svg;
mod text;

pub use dot::dot;
pub use escape::{document, visible, xml};
pub use json::json;
pub use mermaid::mermaid;
pub use paint::{Ink, Line, Look};
pub use svg::svg;
pub use text::text;
