//! `ordain demo`: the main job from beginning to end, offline, in a few seconds. It runs this very
//! program with the commands that it prints, so that what is shown is what happens.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ordain_plan::render::{Ink, Line};
use ordain_runtime::keys::{Key, path_of};
use ordain_spec::kind::scalar::Name;
use serde_json::{Value, json};

use crate::context::{Context, say};
use crate::failure::{Done, Exit, Failure};

/// Shows the main job: lint, test, plan, a run that people must agree to, the audit log verified
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Keep the workspace in this new folder; without it nothing stays
    into: Option<PathBuf>,
}

macro_rules! files {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("../../demo/", $path)))),*] };
}

const FILES: &[(&str, &str)] = files![
    "ordain.yaml",
    "specs/capabilities/disk.clear.yaml",
    "specs/capabilities/disk.look.yaml",
    "specs/connectors/disk.yaml",
    "specs/policies/disks.yaml",
    "specs/policies/four-eyes.yaml",
    "specs/policies/roster.yaml",
    "specs/policies/storage.yaml",
    "specs/runbooks/make-room-is-refused.yaml",
    "specs/runbooks/make-room-works.yaml",
    "specs/runbooks/make-room.yaml",
];

impl Options {
    /// Makes the workspace, runs the commands, cleans up.
    pub fn run(self, cx: &Context) -> Done {
        let kept = self.into.as_ref().map(|into| cx.directory.join(into));
        let root = kept
            .clone()
            .unwrap_or_else(|| std::env::temp_dir().join(format!("ordain-demo-{}", std::process::id())));
        std::fs::create_dir(&root)
            .map_err(|error| Failure::usage(format!("`{}` cannot be made: {error}", root.display())))?;
        let made = Demo { cx, root: &root }.play();
        if kept.is_none() {
            // What cannot be removed lies in the folder for temporary files anyway.
            let _left = std::fs::remove_dir_all(&root);
        }
        let seconds = made?;
        let detail = format!("linted, tested, planned, ran with an approval, verified: {seconds}");
        let created: Vec<String> = kept.iter().map(|path| path.display().to_string()).collect();
        cx.show(&json!({"ok": true, "created": created, "detail": detail}), |look| {
            let mut out = String::new();
            Line::default().with(Ink::Good, "✓ ").with(Ink::Strong, &detail).write(look, &mut out);
            out
        });
        Ok(Exit::Done)
    }
}

struct Demo<'a> {
    cx: &'a Context,
    root: &'a Path,
}

impl Demo<'_> {
    fn play(&self) -> Result<String, Failure> {
        let begun = std::time::Instant::now();
        let key = self.write()?;
        let key = key.display().to_string();
        self.tell("The specs are checked: laws, which the engine holds too, and matters of taste.");
        self.ordain(&["lint"], 0)?;
        self.tell("Scenarios rehearse them on the real kernel with a simulated clock.");
        self.ordain(&["test"], 0)?;
        self.tell("The plan says what will happen, before anything does.");
        self.ordain(&["plan", "make-room"], 0)?;
        self.tell("Ann starts a run (declared answers only). It stops where people must agree: exit code 4.");
        self.ordain(&["run", "make-room", "--as", "user:ann"], 4)?;
        let queue = self.ask(&["approvals", "--json", "--as", "user:ben"])?;
        let part = |field: &str| {
            let found = queue.pointer(&format!("/approvals/0/{field}")).and_then(Value::as_str);
            found.map(str::to_owned).ok_or_else(|| Failure::new("system_fault", "the run asked nobody"))
        };
        let (id, digest) = (part("id")?, part("digest")?);
        self.tell("Ben sees exactly what will happen.");
        self.ordain(&["approvals", &id, "--as", "user:ben"], 0)?;
        self.tell("He agrees to that digest, signs with his key, and the run goes on.");
        let why = "Checked: nobody needs what is older than that.";
        self.ordain(
            &["approve", &id, "--as", "user:ben", "--key", &key, "--digest", &digest, "--rationale", why],
            0,
        )?;
        self.tell("Why was it allowed? Every rule with its value.");
        let run = part("run")?;
        self.ordain(&["why", &run, "clear"], 0)?;
        self.tell("Every act is in the audit log, a chain of digests that anybody can verify.");
        self.ordain(&["audit", "tail", "--limit", "8"], 0)?;
        self.ordain(&["audit", "verify"], 0)?;
        Ok(format!("{:.1} s", begun.elapsed().as_secs_f64()))
    }

    /// Writes the workspace and the key of the one who will sign.
    fn write(&self) -> Result<PathBuf, Failure> {
        let fault = |error: std::io::Error| {
            Failure::new("system_fault", format!("the workspace cannot be written: {error}"))
        };
        let ben = Name::new("ben").ok_or_else(|| Failure::new("system_fault", "no name"))?;
        let key = Key::generate().map_err(fault)?;
        let place = path_of(&self.root.join(".ordain"), &ben);
        key.write(&place).map_err(fault)?;
        for (path, text) in FILES {
            let path = self.root.join(path);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(fault)?;
            }
            let signed = format!("email: ben@example.org, key: '{}'}}", key.public());
            std::fs::write(path, text.replace("email: ben@example.org}", &signed)).map_err(fault)?;
        }
        Ok(place)
    }

    /// A word on what comes, for people.
    fn tell(&self, words: &str) {
        if !self.cx.json {
            let look = self.cx.error_look();
            say(&Line::default(), look);
            say(&Line::default().with(Ink::Strong, words), look);
        }
    }

    /// Runs this program in the workspace, its words for all to see, and expects an exit code.
    fn ordain(&self, arguments: &[&str], expected: i32) -> Result<(), Failure> {
        let quiet = self.cx.json;
        if !quiet {
            let shown: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
            say(
                &Line::default().with(Ink::Dim, &format!("$ ordain {}", shown.join(" "))),
                self.cx.error_look(),
            );
        }
        let mut command = self.command(arguments)?;
        if quiet {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let status = command.status().map_err(|error| Failure::new("system_fault", error.to_string()))?;
        if status.code() == Some(expected) {
            return Ok(());
        }
        let what = format!("`ordain {}` ended with {status}, not with {expected}", arguments.join(" "));
        Err(Failure::new("system_fault", what).hint("`ordain doctor` says what this machine lacks"))
    }

    /// Runs this program in the workspace for its document.
    fn ask(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let fault = |error: &dyn std::fmt::Display| Failure::new("system_fault", error.to_string());
        let Output { stdout, .. } = self.command(arguments)?.output().map_err(|error| fault(&error))?;
        serde_json::from_slice(&stdout).map_err(|error| fault(&error))
    }

    fn command(&self, arguments: &[&str]) -> Result<Command, Failure> {
        let program =
            std::env::current_exe().map_err(|error| Failure::new("system_fault", error.to_string()))?;
        let mut command = Command::new(program);
        command.arg("-C").arg(self.root).args(arguments).stdin(Stdio::null());
        Ok(command)
    }
}

/// An argument as a shell would want it, long ones cut.
fn quoted(argument: &str) -> String {
    let plain = argument
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '='));
    match argument {
        digest if digest.starts_with("sha256:") => {
            format!("{}…", digest.chars().take(19).collect::<String>())
        }
        _ if plain => argument.to_owned(),
        _ => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}
