//! The verbs as a reader looks for them: by what he wants to do, and how each of them can end. One list for
//! `ordain --help`, for the help of each verb and for the reference. Must never say what a verb does: that
//! is the doc comment of its `Options`.

use std::fmt::Write as _;

use clap::Command;
use ordain_plan::render::{Ink, Line, Look};

use crate::failure::Exit;

/// Verbs for one purpose.
pub struct Group {
    /// What one wants to do.
    pub title: &'static str,
    /// The same in a sentence, for the reference.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the reference, which a test writes"))]
    pub purpose: &'static str,
    /// The verbs in the order in which they are needed, and how they end.
    pub verbs: &'static [(&'static str, Ends)],
}

/// How a verb can end, beside done and unable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// In no other way: it did what it was asked, or could not.
    Asked,
    /// It looks for problems.
    Judged,
    /// As the run that it follows.
    Ran,
}

use Ends::{Asked, Judged, Ran};

/// Every verb once.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Begin",
        purpose: "See what it is, make a workspace, and ask what a word in a message means.",
        verbs: &[("demo", Asked), ("init", Asked), ("explain", Asked), ("doctor", Judged)],
    },
    Group {
        title: "Write specs",
        purpose: "Check, lay out, rehearse and understand spec files, before anything runs and before anybody merges.",
        verbs: &[
            ("lint", Judged),
            ("fmt", Judged),
            ("convert", Judged),
            ("specs", Asked),
            ("plan", Asked),
            ("test", Judged),
            ("drill", Judged),
            ("connector", Judged),
            ("schema", Asked),
            ("lsp", Judged),
        ],
    },
    Group {
        title: "Run",
        purpose: "Start runs, look at them, and move them on. Verbs that move a run drive it until it is over or waits.",
        verbs: &[
            ("run", Ran),
            ("watch", Ran),
            ("rerun", Ran),
            ("runs", Asked),
            ("show", Asked),
            ("why", Asked),
            ("signal", Asked),
            ("pause", Asked),
            ("resume", Asked),
            ("cancel", Asked),
            ("resolve", Asked),
        ],
    },
    Group {
        title: "Decide",
        purpose: "See what waits for people, and agree or refuse: to exactly what was shown.",
        verbs: &[
            ("approvals", Asked),
            ("approve", Asked),
            ("reject", Asked),
            ("withdraw", Asked),
            ("keys", Asked),
        ],
    },
    Group {
        title: "Keep within bounds",
        purpose: "What is spent and used up, and the switch that stops things at once.",
        verbs: &[("kill", Asked), ("revive", Asked), ("budgets", Asked), ("quotas", Asked)],
    },
    Group {
        title: "Show others",
        purpose: "What leaves the house, and evidence that somebody who trusts nobody here can verify.",
        verbs: &[
            ("export", Ran),
            ("report", Asked),
            ("audit", Judged),
            ("runpack", Asked),
            ("verify", Judged),
            ("replay", Judged),
            ("regress", Judged),
        ],
    },
    Group {
        title: "Operate",
        purpose: "Seal what may be active, and care for the store.",
        verbs: &[
            ("bundle", Judged),
            ("backup", Asked),
            ("restore", Asked),
            ("prune", Asked),
            ("rebuild", Asked),
            ("completions", Asked),
        ],
    },
];

impl Ends {
    /// The exit codes.
    pub const fn exits(self) -> &'static [Exit] {
        match self {
            Asked => &[Exit::Done, Exit::Unable],
            Judged => &[Exit::Done, Exit::Found, Exit::Unable],
            Ran => &[Exit::Done, Exit::Unable, Exit::Refused, Exit::Waits, Exit::Failed],
        }
    }
}

/// `Exit codes: 0 done · 2 could not do it`
pub fn codes(exits: &[Exit]) -> String {
    let each: Vec<String> = exits.iter().map(|exit| format!("{} {}", *exit as u8, exit.says())).collect();
    format!("Exit codes: {}", each.join(" · "))
}

/// How a verb ends; `None` for one that stands in no group.
pub fn ends(verb: &str) -> Option<Ends> {
    let all = GROUPS.iter().flat_map(|group| group.verbs);
    all.into_iter().find(|(name, _)| *name == verb).map(|(_, ends)| *ends)
}

/// The command with its verbs in groups, and with the exit codes of each verb in its help.
pub fn grouped(mut app: Command, look: Look) -> Command {
    for verb in app.get_subcommands_mut() {
        let Some(ends) = ends(verb.get_name()) else { continue };
        let mut after = codes(ends.exits());
        if let Some(own) = verb.get_after_help() {
            after = format!("{own}\n\n{after}");
        }
        *verb = std::mem::take(verb).after_help(after);
    }
    let template = template(&app, look);
    app.help_template(template)
}

fn template(app: &Command, look: Look) -> String {
    let (head, word) = (*app.get_styles().get_header(), *app.get_styles().get_literal());
    let mut out = "{about-with-newline}\n{usage-heading} {usage}\n\n".to_owned();
    let known = GROUPS.iter().map(|group| (group.title, group.verbs.iter().map(|(verb, _)| *verb).collect()));
    let rest: Vec<&str> = app
        .get_subcommands()
        .map(Command::get_name)
        .filter(|verb| *verb != "help" && ends(verb).is_none())
        .collect();
    let groups: Vec<(&str, Vec<&str>)> = known.chain([("More", rest)]).collect();
    for (title, verbs) in groups.iter().filter(|(_, verbs)| !verbs.is_empty()) {
        let _never = writeln!(out, "{head}{title}:{head:#}");
        for verb in verbs.iter().filter_map(|verb| app.find_subcommand(verb)) {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            let name = verb.get_name();
            let mut lead = format!("  {word}{name}{word:#}{:1$}", "", MARGIN.saturating_sub(name.len() + 2));
            for line in
                Line::default().with(Ink::Plain, &about).wrap(look.width.saturating_sub(MARGIN).max(20))
            {
                out.push_str(&lead);
                line.write(Look { colour: false, ..look }, &mut out);
                lead = " ".repeat(MARGIN);
            }
        }
        out.push('\n');
    }
    let _never = write!(out, "{head}Options:{head:#}\n{{options}}{{after-help}}");
    out
}

/// Columns before what a verb does.
const MARGIN: usize = 15;
