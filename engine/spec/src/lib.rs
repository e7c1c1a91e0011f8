//! What is declared: from the text of spec files to a checked catalogue.
//!
//! Pure: no clock, no network, no environment; only [`folder`] touches the file system.
//! The path of a spec: [`source::Sources`] → [`tree::Node`] → [`kind`] → `catalogue`.

#[macro_use]
pub mod decode;
pub mod catalogue;
pub mod check;
pub mod diagnostic;
pub mod digest;
pub mod edit;
pub mod expr;
pub mod folder;
pub mod kind;
pub mod pages;
pub mod parallel;
pub mod scan;
pub mod schedule;
pub mod schema;
pub mod sheet;
pub mod shown;
pub mod source;
pub mod std_set;
pub mod suppression;
pub mod tree;
pub mod unread;
pub mod workspace;
