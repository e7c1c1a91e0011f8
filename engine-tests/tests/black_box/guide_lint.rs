//! The guide to lint shows what the program says: twenty mistakes that authors make, each made in a copy of
//! an example and shown as the terminal shows it. `just update` writes the page anew.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests")]

use std::fmt::Write as _;
use std::process::Command;

use engine_tests::{Workspace, binary, root, said_by};

/// One mistake: what somebody did, in which file, and what he wrote instead of what.
struct Mistake {
    title: &'static str,
    story: &'static str,
    file: &'static str,
    edits: &'static [(&'static str, &'static str)],
}

const CAPABILITY: &str = "specs/capabilities/till.refund.yaml";
const RUNBOOK: &str = "specs/runbooks/refund.yaml";
const POLICY: &str = "specs/policies/refunds.yaml";
const APPROVAL: &str = "specs/policies/people.yaml";
const CONNECTOR: &str = "specs/connectors/till.yaml";
const ROSTER: &str = "specs/policies/roster.yaml";

const MISTAKES: &[Mistake] = &[
    Mistake {
        title: "A misspelt field",
        story: "A field that nobody knows would be a control that nobody applies.",
        file: APPROVAL,
        edits: &[("expires: 8h", "expires: 8h, quorom: 2")],
    },
    Mistake {
        title: "A misspelt word",
        story: "`risk` takes one of four words.",
        file: CAPABILITY,
        edits: &[("risk: medium", "risk: meduim")],
    },
    Mistake {
        title: "A number without its unit",
        story: "Ten seconds or ten minutes: the reader should not have to guess.",
        file: CAPABILITY,
        edits: &[("timeout: 10s", "timeout: 10")],
    },
    Mistake {
        title: "A version with two parts",
        story: "A release has three; with two, YAML reads a number.",
        file: CAPABILITY,
        edits: &[("version: 1.0.0", "version: 1.0")],
    },
    Mistake {
        title: "An expression that YAML eats",
        story: "What begins with `!` is a tag for YAML, not a \"not\".",
        file: RUNBOOK,
        edits: &[(
            "      retry: {attempts: 3}\n      ensures:",
            "      when: !has(inputs.reason)\n      retry: {attempts: 3}\n      ensures:",
        )],
    },
    Mistake {
        title: "The same key twice",
        story: "Two people edited one file; the merge kept both lines.",
        file: RUNBOOK,
        edits: &[("  timeout: 30m\n", "  timeout: 30m\n  timeout: 2h\n")],
    },
    Mistake {
        title: "A name that is declared nowhere",
        story: "The capability is called `till.refund`.",
        file: RUNBOOK,
        edits: &[("uses: till.refund@^1", "uses: till.refnud@^1")],
    },
    Mistake {
        title: "A version that is not there",
        story: "The step asks for the second version of a capability of which there is only the first.",
        file: RUNBOOK,
        edits: &[("uses: till.payment@^1", "uses: till.payment@^2")],
    },
    Mistake {
        title: "An argument that nobody takes",
        story: "The input is called `reason`.",
        file: RUNBOOK,
        edits: &[(
            "reason: '${ inputs.reason }'}\n      guards",
            "reasons: '${ inputs.reason }'}\n      guards",
        )],
    },
    Mistake {
        title: "Reading what comes later",
        story: "`refund` reads what `look` found, but does not wait for it.",
        file: RUNBOOK,
        edits: &[("      needs: [look]\n", "")],
    },
    Mistake {
        title: "Reading what may not be there",
        story: "`look` may be skipped; then there is nothing to compare with.",
        file: RUNBOOK,
        edits: &[("      needs: [look]\n", "      needs: [{step: look, on: ok}]\n")],
    },
    Mistake {
        title: "Comparing apples with pears",
        story: "An amount is an integer, also where somebody put it in quotes.",
        file: POLICY,
        edits: &[("input.amount > 5000", "input.amount > \"5000\"")],
    },
    Mistake {
        title: "A word that can never come",
        story: "There is no type of actor of that name, so the rule would never hold anybody up.",
        file: POLICY,
        edits: &[("when: 'actor.type == \"agent\"'", "when: 'actor.type == \"agnet\"'")],
    },
    Mistake {
        title: "A list without an end",
        story: "One mail for each of ten customers, or for each of ten million?",
        file: RUNBOOK,
        edits: &[
            (
                "    reason: {type: string, minLength: 10, maxLength: 200}\n",
                "    reason: {type: string, minLength: 10, maxLength: 200}\n    refunds: {type: array, maxItems: 9, items: {type: string, pattern: 're_[a-z0-9_]{1,60}'}, default: []}\n",
            ),
            (
                "  outputs: {refund_id",
                "    - id: each\n      uses: till.paid@^1\n      forEach: {in: 'inputs.refunds'}\n      with: {refund: '${ item }'}\n  outputs: {refund_id",
            ),
        ],
    },
    Mistake {
        title: "An approval that waits for ever",
        story: "Silence never approves, and never waits for ever either.",
        file: APPROVAL,
        edits: &[(", expires: 8h", "")],
    },
    Mistake {
        title: "More signatures than people",
        story: "Four of a team of three cannot agree.",
        file: APPROVAL,
        edits: &[("expires: 8h", "quorum: 4, expires: 8h")],
    },
    Mistake {
        title: "Somebody who is not there",
        story: "The roster knows no group `crae`.",
        file: POLICY,
        edits: &[("to: ['role:operator']", "to: ['group:crae']")],
    },
    Mistake {
        title: "A policy that allows everything",
        story: "One line that switches off the rest of the file.",
        file: POLICY,
        edits: &[
            ("capabilities: [till.*]}\n  rules", "}\n  rules"),
            (
                "{id: operators, allow: 'true', to: ['role:operator'], reason: operator}",
                "{id: operators, allow: 'true', reason: operator}",
            ),
        ],
    },
    Mistake {
        title: "An answer without a bound",
        story: "An answer of any length would be read into memory.",
        file: CONNECTOR,
        edits: &[(
            "      output: {refund_id: 'response.json.id'}\n      timeout: 10s\n      maxResponse: 4KiB\n",
            "      output: {refund_id: 'response.json.id'}\n      timeout: 10s\n",
        )],
    },
    Mistake {
        title: "A bot that belongs to nobody",
        story: "Somebody has to answer for what an agent does; he may not approve it either.",
        file: ROSTER,
        edits: &[(
            "{type: agent, custodians: ['user:bea'], onBehalfOf: 'user:bea'}",
            "{type: agent, onBehalfOf: 'user:bea'}",
        )],
    },
];

const INTRODUCTION: &str = "# What lint says\n\n\
`spec-lint` (and `ordain lint`, which is the same) reads the files of a workspace and says what is wrong with \
them before anything runs. The files declare actions (*capabilities*) and how they are carried out (*connectors*), \
which *steps* come in which order (*runbooks*), and who may do what, and whom it asks (*policies*, *approvals*, the \
*roster* of people). A *law* is what the engine refuses too; errors and warnings are the linter's own. \
Each finding names its rule, says what is wrong (`×`), shows where, what to do (`help`), and what the engine would \
do.\n\n\
```console\n$ spec-lint                        # the workspace around the current folder\n\
$ spec-lint --fix                  # repairs what can be repaired without a change of meaning\n\
$ spec-lint --unsafe-fixes --diff  # shows what the bolder repairs would change, and writes nothing\n\
$ spec-lint --watch                # again after each change\n\
$ spec-lint --format sarif -o lint.sarif   # or json, github, junit; the terminal shows text\n```\n\n\
Safe repairs (`--fix`) correct what was surely meant: a misspelt word with one word near it, quotes that YAML \
needs. They never add a right, lower a risk, add a reviewer or lengthen a deadline. Bolder ones \
(`--unsafe-fixes`, which also makes the safe ones) want eyes: they add a missing `needs`, or `TODO` where only \
you know the value, and a `TODO` is refused until somebody replaces it. Comments and layout stay as they are. \
With `--diff` nothing is written; it ends with 1 where something would change or something blocks.\n\n\
It ends with 0 where nothing blocks, 1 where something does, 2 where it could not check; never otherwise for \
another format. `spec-lint --help` lists the options, `ordain explain unknown-field` shows a page.\n\n\
What a rule says may be right and still have to wait. A comment lets one rule pass on one line, for a time:\n\n\
```yaml\nmetadata:\n  # lint-allow: single-person-owner until=2026-12-31 by=user:bea reason=\"a colleague comes in \
January\"\n  owner: user:bea\n```\n\n\
It stands on that line, or above it with nothing but blank lines and other comments between. It names the rule, the \
last day on which it counts (in UTC), a person of the roster, and the reason. No law passes so; a comment that lets \
nothing pass, or no longer, is an error itself. With `--against REV` a comment that came with the change counts for \
nothing.\n\n\
The twenty mistakes below are made in the example `examples/agent-refund`, one at a time, and shown as the \
terminal shows them.\n";

fn mistaken(mistake: &Mistake) -> Workspace {
    let workspace = Workspace::copy_of("examples/agent-refund");
    let mut text = std::fs::read_to_string(workspace.path().join(mistake.file)).unwrap();
    for (right, wrong) in mistake.edits {
        assert!(text.contains(right), "{}: {right}", mistake.title);
        text = text.replacen(right, wrong, 1);
    }
    workspace.write(mistake.file, &text);
    workspace
}

fn shown(workspace: &Workspace, arguments: &[&str]) -> (i32, String) {
    let said = said_by(
        Command::new(binary("spec-lint"))
            .args(arguments)
            .current_dir(workspace.path())
            .env("NO_COLOR", "1")
            .env("COLUMNS", "80"),
    );
    (said.code, said.stdout)
}

#[test]
fn the_guide_shows_what_the_program_says() {
    assert_eq!(MISTAKES.len(), 20, "the page says how many there are");
    let mut page = INTRODUCTION.to_owned();
    for (at, mistake) in MISTAKES.iter().enumerate() {
        let (code, text) = shown(&mistaken(mistake), &[]);
        assert_eq!(code, 1, "{}: {text}", mistake.title);
        let lines = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        write!(
            page,
            "\n## {}. {}\n\n{}\n\n```text\n{}\n```\n",
            at + 1,
            mistake.title,
            mistake.story,
            lines.trim_end()
        )
        .unwrap();
    }
    let path = root().join("docs/guide/lint.md");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "docs/guide/lint.md is stale: `just update` writes it anew");
}

#[test]
fn each_mistake_is_found_where_it_shows_and_no_line_is_wider_than_the_terminal() {
    for mistake in MISTAKES {
        let workspace = mistaken(mistake);
        let (_, text) = shown(&workspace, &[]);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{}: {line}", mistake.title);
        }
        let (_, json) = shown(&workspace, &["--format", "json"]);
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        let found = document.get("diagnostics").unwrap().as_array().unwrap();
        let laws = found.iter().filter(|found| found.get("severity").unwrap() == "law").count();
        assert!((1..=2).contains(&laws), "{}: {json}", mistake.title);
    }
}
