//! The verbs, one file each. The doc comment of `Options` is the verb's help.

pub mod completions;
pub mod connector;
pub mod doctor;
pub mod explain;
pub mod init;
pub mod keys;
pub mod lint;
pub mod plan;
pub mod schema;
pub mod specs;
pub mod test;
