//! The linter for spec files.
