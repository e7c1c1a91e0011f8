//! One command against every state: a file each.

pub(crate) mod approval;
mod cancel;
mod export;
mod resolve;
mod signal;
