//! Law `shell-program`: a shell would read every argument as code.

use super::context::{Context, law};
use super::programs::{SHELLS, plain_name};
use super::relative_program::programs;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for (connector, program) in programs(cx) {
        let name = plain_name(&program.value);
        if SHELLS.contains(&name) {
            sink.push(
                law(
                    "shell-program",
                    program.span,
                    format!(
                        "the program of connector `{}` is a shell, `{name}`",
                        connector.metadata.name.value
                    ),
                )
                .help("name the program itself; a script with a `#!` line is its own program"),
            );
        }
    }
}
