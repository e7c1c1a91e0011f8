//! The `spec-lint` binary.
fn main() {}
