//! The linter for spec files: which files make up which catalogue, what is wrong with them, and how
//! that is shown. Laws are asked by `ordain_spec::check`, the same way the engine asks them; here are
//! the rules that are no laws, and they never keep a catalogue from loading.

pub mod against;
mod branch;
pub mod command;
pub mod compared;
mod denied;
pub mod discover;
pub mod fix;
mod invariants;
pub mod judge;
pub mod kept;
pub mod layout;
pub mod lsp;
pub mod options;
pub mod page;
mod rehearsed;
pub mod render;
pub mod report;
pub mod rules;
pub mod subject;
pub mod suppress;
pub mod watch;
pub mod write;

pub use command::Desk;
pub use discover::{Asked, Known, Unlintable, lint};
pub use options::{Format, Options};
pub use report::{Finding, Group, Report, Summary};
