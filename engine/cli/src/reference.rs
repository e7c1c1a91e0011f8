//! The reference of the command line, `docs/reference/cli.md`: made from what `--help` is made of. A stale
//! page fails; `just update` writes it anew. Only a test: nothing of it is in the binary.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use ordain_plan::render::Look;

use crate::app;
use crate::failure::Exit;
use crate::groups::{Ends, GROUPS, codes, ends};

const INTRODUCTION: &str = "# Command line\n\n\
Every verb of `ordain`, grouped by what one wants to do. The page is made from what `ordain VERB --help` shows, by \
`just update`; the linter alone, `spec-lint`, takes what `ordain lint` takes.\n\n\
The workspace is the nearest folder upwards with an `ordain.yaml`, else the current one. Where another process holds \
its store, a verb asks that process; else it opens the store itself, and mends what a crash left. In profile `dev` you \
are the person of the roster whose `login` is that of your system, or the one that `--as` names; in `prod` a token \
(`ORDAIN_TOKEN`) or a signature says who you are. Ids of runs, approvals and decisions may be shortened as long as they \
are unique. Text for people goes to standard error where a verb also writes a document; colours are left out in a pipe \
and where `NO_COLOR` is set.\n";

fn command() -> Command {
    let mut command = app::shown(Look::plain());
    command.build();
    command
}

/// What a row of a table may hold.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Help has no full stop at its end; a page has.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['?', '.', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// `-o`, `--output FILE`, `RUNBOOK`
fn written(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let values: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let values = if arg.get_action().takes_values() { values.join(" ") } else { String::new() };
    if arg.is_positional() {
        return format!("`{values}`");
    }
    let long = arg.get_long().map(|long| format!("--{long}"));
    let short = arg.get_short().map(|short| format!("-{short}"));
    let flags: Vec<String> = short.into_iter().chain(long).map(|flag| format!("{flag} {values}")).collect();
    let flags: Vec<String> = flags.iter().map(|flag| format!("`{}`", flag.trim_end())).collect();
    flags.join(", ")
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut out = cell(&help);
    let is_flag = !arg.get_action().takes_values();
    let words: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set() && !is_flag)
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({})", value.get_name(), cell(&help.to_string())),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    if !words.is_empty() {
        write!(out, ". One of {}", words.join(", ")).unwrap();
    }
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| format!("`{}`", value.display())).collect();
    if !defaults.is_empty() && !is_flag {
        write!(out, ". Default: {}", defaults.join(" ")).unwrap();
    }
    if arg.is_required_set() && !arg.is_positional() {
        out.push_str(". Mandatory");
    }
    out
}

fn own(command: &Command) -> Vec<&Arg> {
    let known = |arg: &&Arg| !arg.is_hide_set() && !arg.is_global_set() && arg.get_id() != "help";
    command.get_arguments().filter(known).collect()
}

fn table(args: &[&Arg], out: &mut String) {
    if args.is_empty() {
        return;
    }
    out.push_str("\n| | |\n|---|---|\n");
    for arg in args {
        writeln!(out, "| {} | {} |", written(arg), meaning(arg)).unwrap();
    }
}

/// The usage without the program's options that every verb has.
fn usage(command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    let lines = usage.lines().map(|line| line.trim_start_matches("Usage:").trim().to_owned());
    let lines = lines.map(|line| line.replace("[OPTIONS] ", "").replace(" [OPTIONS]", ""));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn verb(command: &mut Command, depth: usize, out: &mut String) {
    let usage = usage(command);
    let name = usage.split([' ', '\n']).take(depth).collect::<Vec<_>>().join(" ");
    let title = command.get_bin_name().map_or(name, str::to_owned);
    let about = command.get_long_about().or_else(|| command.get_about()).unwrap().to_string();
    write!(out, "\n{} {title}\n\n{}\n\n```text\n{usage}\n```\n", "#".repeat(depth + 1), sentence(&about))
        .unwrap();
    table(&own(command), out);
    if let Some(after) = command.get_after_help() {
        for paragraph in after.to_string().split("\n\n") {
            write!(out, "\n{}\n", sentence(paragraph)).unwrap();
        }
    }
    let nested: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .filter(|verb| verb != "help")
        .collect();
    for name in nested {
        verb(command.find_subcommand_mut(&name).unwrap(), depth + 1, out);
    }
}

fn page() -> String {
    let mut command = command();
    let mut out = INTRODUCTION.to_owned();
    out.push_str(
        "\n## Exit codes\n\nThe same for every verb and in every format.\n\n| code | |\n|---|---|\n",
    );
    for exit in Exit::ALL {
        writeln!(out, "| `{}` | {} |", *exit as u8, exit.says()).unwrap();
    }
    out.push_str("\n## Options of every verb\n");
    let globals: Vec<&Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).collect();
    table(&globals, &mut out);
    out.push_str("\n## Verbs\n\n| to | |\n|---|---|\n");
    for group in GROUPS {
        let link = |(verb, _): &(&str, Ends)| format!("[`{verb}`](#ordain-{verb})");
        let verbs: Vec<String> = group.verbs.iter().map(link).collect();
        writeln!(out, "| {} | {} |", group.title.to_lowercase(), verbs.join(" ")).unwrap();
    }
    for group in GROUPS {
        write!(out, "\n## {}\n\n{}\n", group.title, group.purpose).unwrap();
        for (name, _) in group.verbs {
            let known = command.find_subcommand_mut(name);
            verb(known.unwrap_or_else(|| panic!("`{name}` is no verb")), 2, &mut out);
        }
    }
    out
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_reference_says_what_help_says() {
    let (path, page) = (root().join("docs/reference/cli.md"), page());
    if std::env::var("INSTA_UPDATE").is_ok_and(|word| word == "always") {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "docs/reference/cli.md is stale: run `just update`");
}

#[test]
fn every_verb_stands_in_one_group() {
    let app = command();
    let verbs: BTreeSet<&str> =
        app.get_subcommands().map(Command::get_name).filter(|verb| *verb != "help").collect();
    let listed: Vec<&str> = GROUPS.iter().flat_map(|group| group.verbs).map(|(verb, _)| *verb).collect();
    assert_eq!(listed.len(), listed.iter().collect::<BTreeSet<_>>().len(), "one group each: {listed:?}");
    let listed: BTreeSet<&str> = listed.into_iter().collect();
    let lost: Vec<_> = verbs.difference(&listed).collect();
    assert!(lost.is_empty(), "give these a place in `groups.rs`, then `just update`: {lost:?}");
    assert_eq!(listed, verbs);
}

/// Everything that a verb's files hold, tests left out.
fn source(verb: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/command");
    let mut text = std::fs::read_to_string(folder.join(format!("{verb}.rs"))).unwrap();
    if let Ok(parts) = std::fs::read_dir(folder.join(verb)) {
        for part in parts {
            text.push_str(&std::fs::read_to_string(part.unwrap().path()).unwrap());
        }
    }
    text
}

#[test]
fn each_verb_says_how_it_ends() {
    for verb in command().get_subcommands().filter(|verb| verb.get_name() != "help") {
        let (name, text) = (verb.get_name(), source(verb.get_name()));
        let follows =
            ["follow::started(", "follow::run(", "Exit::of_run("].iter().any(|call| text.contains(call));
        let judges = text.contains("Exit::Found");
        let truth = match (follows, judges) {
            (true, false) => Ends::Ran,
            (false, true) => Ends::Judged,
            (false, false) => Ends::Asked,
            (true, true) => panic!("`{name}` ends in more ways than `Ends` knows"),
        };
        assert_eq!(ends(name), Some(truth), "{name}");
        let said = verb.get_after_help().unwrap().to_string();
        assert!(said.ends_with(&codes(truth.exits())), "{name}: {said}");
    }
}

#[test]
fn every_word_of_the_command_line_is_explained() {
    fn look(command: &Command, into: &mut Vec<String>) {
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            if help.len() < 3 || help.ends_with('.') || !help.starts_with(|first: char| !first.is_lowercase())
            {
                into.push(format!("{} {}: {help:?}", command.get_name(), arg.get_id()));
            }
        }
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            if about.len() < 10 || about.len() > 100 || about.ends_with('.') {
                into.push(format!("{}: {} characters: {about:?}", verb.get_name(), about.len()));
            }
            look(verb, into);
        }
    }
    let mut wrong = Vec::new();
    look(&command(), &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
