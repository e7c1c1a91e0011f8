//! One command against every state: a file each.

mod approval;
mod cancel;
mod resolve;
mod signal;
