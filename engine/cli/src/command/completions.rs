//! `ordain completions`: for shells.

use clap::CommandFactory as _;

use crate::app::App;
use crate::context::{Context, print};
use crate::failure::{Done, Exit};

/// Prints the completion script of a shell
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The shell
    shell: clap_complete::Shell,
}

impl Options {
    /// Always the script: it is for the shell, not for people.
    #[expect(clippy::unnecessary_wraps, reason = "every verb has this signature")]
    pub fn run(self, cx: &Context) -> Done {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut App::command(), "ordain", &mut script);
        let script = String::from_utf8_lossy(&script);
        if cx.json {
            cx.document(&serde_json::json!({"shell": self.shell.to_string(), "script": script}));
        } else {
            print(&script);
        }
        Ok(Exit::Done)
    }
}
