//! Law `template-in-code`: computed text in a place that a program reads as code.

use super::context::{Context, law};
use super::programs::{INTERPRETERS, SHELLS, plain_name};
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::expr::{Arg, ArgValue};
use crate::kind::Connector;
use crate::kind::connector::Settable;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors) {
        let Some(exec) = &connector.spec.exec else { continue };
        let program = match &exec.program {
            Settable::Literal(text) => plain_name(&text.value),
            Settable::Setting(_) => "",
        };
        let reads_code = INTERPRETERS.contains(&program) || SHELLS.contains(&program);
        for (_, operation) in connector.spec.operations.iter() {
            arguments(connector, program, reads_code, operation.args.as_deref().unwrap_or_default(), sink);
        }
    }
}

fn arguments(
    connector: &Connector,
    program: &str,
    reads_code: bool,
    args: &[Spanned<Arg>],
    sink: &mut Vec<Diagnostic>,
) {
    let mut after_switch = false;
    for arg in args {
        let computed = arg.value.is_computed();
        let attached = computed && begins_with_switch(&arg.value);
        if computed && (reads_code || after_switch || attached) {
            let why = if reads_code {
                format!("`{program}` runs what it is given")
            } else {
                "what stands after `-c` or `-e` is code".to_owned()
            };
            sink.push(
                law("template-in-code", arg.span, format!("computed text in an argument of connector `{}`: {why}", connector.metadata.name.value))
                    .help("hand the value over by `stdin` or `env`, or write a script with a `#!` line and make it the program"),
            );
        }
        after_switch = matches!(literal(&arg.value).as_deref(), Some("-c" | "-e"));
    }
}

/// `-c${ … }` and `-e${ … }`
fn begins_with_switch(arg: &Arg) -> bool {
    let ArgValue::Text(template) = &arg.value else { return false };
    template.source().starts_with("-c") || template.source().starts_with("-e")
}

fn literal(arg: &Arg) -> Option<std::sync::Arc<str>> {
    match &arg.value {
        ArgValue::Text(template) => template.literal(),
        _ => None,
    }
}
