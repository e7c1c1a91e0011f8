//! `ordain lint`: the same as `spec-lint`.

use std::io::Write as _;

use ordain_plan::render::visible;
use spec_lint::{Desk, Format, render};

use crate::context::{Context, print};
use crate::failure::{Done, Exit, Failure};

/// Checks spec files: laws, which the engine holds too, and matters of taste
#[derive(Debug, clap::Args)]
// The options of the library are a group of that name already.
#[group(skip)]
pub struct Options {
    #[command(flatten)]
    lint: spec_lint::Options,
}

impl Options {
    /// Checks, and shows what is wrong.
    pub fn run(self, cx: &Context) -> Done {
        let look = cx.look();
        let desk = Desk {
            directory: cx.directory.clone(),
            look: render::Look { colour: look.colour, width: look.width },
            json: cx.json,
            out: print,
            aside,
            now: jiff::Timestamp::now,
        };
        let cx = &Context { json: cx.json || self.lint.format == Format::Json, ..cx.clone() };
        match self.lint.run(&desk) {
            Ok(blocked) => Ok(if blocked { Exit::Found } else { Exit::Done }),
            Err(why) => {
                cx.fail(&Failure::usage(why));
                Ok(Exit::Unable)
            }
        }
    }
}

/// A remark for people, beside what was asked for.
fn aside(text: &str) {
    let _left = writeln!(std::io::stderr(), "{}", visible(text));
}
