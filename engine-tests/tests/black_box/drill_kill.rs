//! The restore drill of `examples`, live, on the real binary: killed at each step of its road and restarted. It
//! always ends as it would have: swapped once, or swapped back, with the former folder in the attic and a log
//! that verifies. A folder is told from its copy by its inode, which moves with it. By default every passage of
//! the points where an effect may or may not have happened, and two of the others; all with ORDAIN_EVERY=1.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engine_tests::{Said, Workspace, said_by};
use serde_json::Value;

/// How a command looks that a crash point ended.
const ABORTED: i32 = 128 + 6;
/// How often a command passes a point at most: the attempts that are made before people are asked.
const PASSAGES: usize = 6;

/// The passages of a point at which a command is killed.
fn passages(point: &str) -> Vec<usize> {
    let every = std::env::var("ORDAIN_EVERY").is_ok_and(|every| every == "1");
    if every || ["after-intent", "after-effect"].contains(&point) {
        (1..=PASSAGES).collect()
    } else {
        vec![1, 3]
    }
}

/// One drill in a fresh copy of the example.
struct Drill {
    space: Workspace,
    /// The live folder before anything happened.
    former: u64,
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|of| of.ino())
}

impl Drill {
    fn new() -> Self {
        let space = Workspace::copy_of("examples/restore-drill");
        let said = said_by(Command::new("./setup").current_dir(space.path()));
        said.expect_code(0);
        let former = inode(&space.path().join("site/live/letters")).unwrap();
        Self { space, former }
    }

    fn say(&self, arguments: &[&str], fault: Option<&str>) -> Said {
        let mut command = self.space.command(arguments);
        command.arg("--json");
        if let Some(fault) = fault {
            command.env("ORDAIN_FAULT", fault);
        }
        said_by(&mut command)
    }

    fn run(&self, fault: Option<&str>) -> Said {
        self.say(&["run", "restore-drill", "--input", "folder=letters", "--live", "--as", "user:ada"], fault)
    }

    /// The run there is, where the start was stored.
    fn id(&self) -> Option<String> {
        let listed = self.say(&["runs", "--as", "user:ada"], None).json();
        listed["runs"].get(0).map(|run| run["id"].as_str().unwrap().to_owned())
    }

    /// Goes on with a run, by another process, until it waits for people or is settled.
    fn watch(&self, id: &str) -> Value {
        self.say(&["watch", id, "--as", "user:ada"], None).json()["run"].clone()
    }

    /// The run up to its approvals: started again where a crash came before it was stored.
    fn waiting(&self) -> String {
        if let Some(id) = self.id() {
            let run = self.watch(&id);
            assert_eq!(run["waitingFor"][0], "approval", "{run}");
            return id;
        }
        let run = self.run(None).expect_code(4).json();
        run["run"]["id"].as_str().unwrap().to_owned()
    }

    /// What a person says to the open stage, if one is open.
    fn approve(&self, who: &str, fault: Option<&str>) -> Option<Said> {
        let open = self.say(&["approvals", "--as", &format!("user:{who}")], None).json();
        let open = open["approvals"].as_array().unwrap().iter().find(|one| one["state"] == "open")?.clone();
        let (id, digest) = (open["id"].as_str().unwrap(), open["digest"].as_str().unwrap());
        let key = format!("demo-keys/{who}.key");
        let person = format!("user:{who}");
        let rationale = ["--rationale", "compared, both are the same"];
        let arguments =
            [&["approve", id, "--as", &person, "--key", &key, "--digest", digest][..], &rationale].concat();
        Some(self.say(&arguments, fault))
    }

    fn verify(&self) {
        for what in ["verify", "completeness"] {
            let said = self.say(&["audit", what, "--as", "user:fay"], None);
            assert_eq!(said.expect_code(0).json()["ok"], true);
        }
    }

    /// Ended as it should: the copy is live, what was live lies in the attic, nothing is left in staging.
    fn is_swapped_once(&self, id: &str, what: &str) {
        let run = self.watch(id);
        assert_eq!(run["state"], "succeeded", "{what}: {run}");
        for step in run["steps"].as_array().unwrap() {
            assert_eq!(step["state"], "succeeded", "{what}: {step}");
        }
        assert_eq!(run["outputs"]["entries"], 4, "{what}: {run}");
        let site = self.space.path().join("site");
        assert_ne!(inode(&site.join("live/letters")), Some(self.former), "{what}: swapped an even number");
        assert_eq!(self.attic(), [Some(self.former)], "{what}");
        assert!(!site.join("staging/letters").exists(), "{what}");
        assert_eq!(self.letter(), "Dear Ada,\nthe engine works.\n", "{what}");
        self.verify();
    }

    fn attic(&self) -> Vec<Option<u64>> {
        let entries = fs::read_dir(self.space.path().join("site/attic")).unwrap();
        entries.map(|entry| inode(&entry.unwrap().path())).collect()
    }

    fn letter(&self) -> String {
        fs::read_to_string(self.space.path().join("site/live/letters/ada.txt")).unwrap()
    }
}

/// True when the fault ended the command; anything else must not have.
fn fired(said: &Said, fault: &str) -> bool {
    let point = fault.split(':').next().unwrap_or_default();
    let fired = said.stderr.contains(&format!("fault fired: {point}"));
    assert_eq!(fired, said.code == ABORTED, "{fault}: {said:?}");
    fired
}

/// The whole drill, with every passage of a point in every command that drives it; how many there were.
fn walk(point: &str) -> usize {
    let mut times = 0;
    for passage in passages(point) {
        let fault = format!("{point}:{passage}");
        let drill = Drill::new();
        let said = drill.run(Some(&fault));
        if !fired(&said, &fault) {
            break;
        }
        times += 1;
        let id = drill.waiting();
        drill.approve("ben", None).unwrap().expect_code(0);
        drill.approve("eli", None).unwrap().expect_code(0);
        drill.is_swapped_once(&id, &format!("run, {fault}"));
    }
    assert!(times > 0, "`{point}` is never passed by the start");
    let mut after = 0;
    for passage in passages(point) {
        let fault = format!("{point}:{passage}");
        let drill = Drill::new();
        drill.run(None).expect_code(4);
        let id = drill.id().unwrap();
        drill.approve("ben", None).unwrap().expect_code(0);
        let said = drill.approve("eli", Some(&fault)).unwrap();
        if !fired(&said, &fault) {
            break;
        }
        after += 1;
        drill.watch(&id);
        // Where the decision itself was not stored, it is still asked for.
        drill.approve("eli", None);
        drill.is_swapped_once(&id, &format!("approve, {fault}"));
    }
    assert!(after > 0, "`{point}` is never passed by the last approval");
    times + after
}

#[test]
fn killed_before_any_intent_it_ends_as_it_would_have() {
    walk("before-intent");
}

#[test]
fn killed_after_any_intent_it_ends_as_it_would_have() {
    assert!(walk("after-intent") >= 7, "nine steps, of which two pairs start together");
}

#[test]
fn killed_after_any_effect_it_ends_as_it_would_have() {
    assert!(walk("after-effect") >= 9, "each of the nine steps has an effect");
}

#[test]
fn killed_within_any_transaction_it_ends_as_it_would_have() {
    walk("mid-transaction");
}

#[test]
fn killed_after_any_outcome_it_ends_as_it_would_have() {
    walk("after-outcome");
}

/// The staged copy is changed after the reviewers saw the comparison: the proof fails and the swap is taken
/// back, also when the process dies on the way there or on the way back.
#[test]
fn killed_while_it_swaps_back_the_former_folder_is_live_again() {
    let mut times = 0;
    for point in ["after-intent", "after-effect"] {
        for passage in passages(point) {
            let fault = format!("{point}:{passage}");
            let drill = Drill::new();
            drill.run(None).expect_code(4);
            let id = drill.id().unwrap();
            drill.approve("ben", None).unwrap().expect_code(0);
            let staged = drill.space.path().join("site/staging/letters/ada.txt");
            fs::write(staged, "and a line that nobody wrote\n").unwrap();
            let said = drill.approve("eli", Some(&fault)).unwrap();
            if !fired(&said, &fault) {
                break;
            }
            times += 1;
            let run = drill.watch(&id);
            // Partial: what was packed and unpacked before needs no way back.
            assert_eq!([&run["state"], &run["rollback"]], ["failed", "partial"], "{fault}: {run}");
            let states: Vec<String> = ["swap", "prove", "clear"]
                .iter()
                .map(|name| {
                    let steps = run["steps"].as_array().unwrap();
                    let step = steps.iter().find(|step| step["id"] == **name).unwrap();
                    step["state"].as_str().unwrap().to_owned()
                })
                .collect();
            assert_eq!(states, ["undone", "failed", "succeeded"], "{fault}: {run}");
            let live = drill.space.path().join("site/live/letters");
            assert_eq!(inode(&live), Some(drill.former), "{fault}: not swapped back");
            assert_eq!(drill.letter(), "Dear Ada,\nthe engine works.\n", "{fault}");
            assert_eq!(drill.attic().len(), 1, "{fault}: the changed copy lies in the attic");
            drill.verify();
        }
    }
    assert!(times >= 8, "swap, proof, undo and clean-up at two points each: {times}");
}

/// No crash point but a real kill -9, at instants spread over the whole time that a command takes.
#[test]
fn killed_at_any_instant_it_ends_as_it_would_have() {
    const ROUNDS: u32 = 8;
    let whole = {
        let drill = Drill::new();
        let started = Instant::now();
        drill.run(None).expect_code(4);
        started.elapsed()
    };
    let mut killed = 0;
    for round in 1..=ROUNDS {
        let drill = Drill::new();
        let arguments = ["run", "restore-drill", "--input", "folder=letters", "--live", "--as", "user:ada"];
        let mut child =
            drill.space.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        killed += u32::from(kill_after(&mut child, whole * round / ROUNDS));
        let id = drill.waiting();
        drill.approve("ben", None).unwrap().expect_code(0);
        drill.approve("eli", None).unwrap().expect_code(0);
        drill.is_swapped_once(&id, &format!("killed after {round}/{ROUNDS} of {whole:?}"));
    }
    assert!(killed >= ROUNDS / 2, "{killed} of {ROUNDS} were killed before they ended");
}

/// Kills when the time has passed; true where it had not ended by itself.
fn kill_after(child: &mut std::process::Child, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap().signal() == Some(9)
}
