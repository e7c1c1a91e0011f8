//! The linter for spec files: which files make up which catalogue, what is wrong with them, and how
//! that is shown. Laws are asked by `ordain_spec::check`, the same way the engine asks them; here are
//! the rules that are no laws, and they never keep a catalogue from loading.

pub mod discover;
pub mod judge;
pub mod page;
pub mod render;
pub mod report;
pub mod rules;
pub mod subject;

pub use discover::{Asked, Unlintable, lint};
pub use report::{Finding, Group, Report, Summary};
