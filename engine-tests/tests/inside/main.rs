//! What holds over several crates and is faster shown through their functions than through the program. One module
//! a theme, one test binary for all of them.

mod audit_tampering;
mod authority_runs;
mod gate;
mod notations;
mod places;
mod sheet;
mod tidy;
