//! One command against every state: a file each.

pub(crate) mod approval;
mod cancel;
mod resolve;
mod signal;
