//! The linter for spec files: which files make up which catalogue, what is wrong with them, and how
//! that is shown. Laws are asked by `ordain_spec::check`, the same way the engine asks them; here are
//! only matters of taste, and they never keep a catalogue from loading.

pub mod discover;
pub mod page;
pub mod render;
pub mod report;
pub mod rules;

pub use discover::{Unlintable, lint};
pub use report::{Finding, Group, Report, Summary};
