//! Law `undeclared-input`: an argument for which nothing was declared. Reading an undeclared input in an
//! expression is found where the expression is checked.

use super::arguments::given;
use super::context::{Context, law};
use crate::decode::listed;
use crate::diagnostic::{Diagnostic, Edit, nearest};

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    // A field that could not be read is declared all the same.
    for given in given(cx).into_iter().filter(|given| cx.is_whole(given.of_whole)) {
        for (name, span) in &given.names {
            if given.takes.get(name).is_some() {
                continue;
            }
            let problem = law("undeclared-input", *span, format!("{} takes no `{name}`", given.of))
                .related(given.of_span, "declared here");
            let known: Vec<&str> = given.takes.keys().map(|name| &**name).collect();
            sink.push(match nearest(name, known.iter().copied()) {
                Some(near) => problem
                    .help(format!("did you mean `{near}`?"))
                    .fix(true, vec![Edit { span: *span, text: near.to_owned() }]),
                None if known.is_empty() => problem.help("it takes nothing"),
                None => problem.help(format!("it takes {}", listed(&known))),
            });
        }
    }
}
