//! The binary `ordain`: reads the command line, asks, shows the answer, ends with the documented code.
//! It decides nothing and keeps nothing: whatever a verb does, a library does.

mod app;
mod command;
mod context;
mod failure;
mod groups;
mod inputs;
mod interrupt;
#[cfg(test)]
mod reference;
mod render;
mod session;

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all, while there is one thread: started as `__sandbox`, this binary is the fence around a program.
    if let Some(code) = ordain_runtime::connector::sandbox::intercept() {
        return code;
    }
    app::run(std::env::args_os().collect())
}
