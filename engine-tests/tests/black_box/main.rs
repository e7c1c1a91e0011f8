//! The product seen from outside: everything here goes through the built binaries. One module a theme, one test
//! binary for all of them (each is linked with the whole product). Never looks at a crate's insides.

mod aged;
mod bundles;
mod canary;
mod care;
mod checkpoints;
mod cli_examples;
mod cli_fix;
mod cli_formats;
mod cli_invariants;
mod cli_layout;
mod cli_lint;
mod cli_runs;
mod cli_specs;
mod cli_test;
mod crash_kill;
mod crash_walk;
mod drill_kill;
mod drill_tools;
mod editing;
mod evidence;
mod exempt;
mod exports;
mod guide_lint;
mod health;
mod lint_laws;
mod notices;
mod outside_calls;
mod run_current;
mod run_live;
mod run_shown;
mod run_stops;
mod scenarios;
mod store_care;
mod store_damage;
mod store_tools;
