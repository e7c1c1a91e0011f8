//! The `ordain` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all, while there is one thread: started as `__sandbox`, this binary is the fence around a program.
    if let Some(code) = ordain_runtime::connector::sandbox::intercept() {
        return code;
    }
    ExitCode::from(2)
}
