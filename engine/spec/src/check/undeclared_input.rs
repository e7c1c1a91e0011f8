//! Law `undeclared-input`: an argument for which nothing was declared. Reading an undeclared input in an
//! expression is found where the expression is checked.

use super::context::{Context, law, with_meant};
use crate::decode::listed;
use crate::diagnostic::{Diagnostic, nearest};

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    // A field that could not be read is declared all the same.
    for given in cx.given().iter().filter(|given| cx.is_whole(given.of_whole)) {
        for (name, span) in &given.names {
            if given.takes.get(name).is_some() {
                continue;
            }
            let problem = law("undeclared-input", *span, format!("{} takes no `{name}`", given.of()))
                .related(given.of_span, "declared here");
            let known: Vec<&str> = given.takes.keys().map(|name| &**name).collect();
            let problem = match nearest(name, known.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None if known.is_empty() => problem.help("it takes nothing"),
                None => problem.help(format!("it takes {}", listed(&known))),
            };
            // An argument that is given already was not meant a second time.
            let free = known.into_iter().filter(|known| given.names.iter().all(|(other, _)| &***other != *known));
            sink.push(with_meant(cx, problem, (name, *span), free));
        }
    }
}
