//! `ordain why`: the full explanation of decisions.

use ordain_plan::render::{Ink, Line, Look};
use ordain_runtime::api::Request;
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::card::Card;
use crate::render::{list, reason, text, value};
use crate::session::ask;

/// Explains a decision, or those of a run or step: policies, rules and their values, reasons
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A decision or a run: id or unique prefix
    target: String,
    /// Only the decisions about this step of the run
    step: Option<String>,
}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let document = ask(cx, &Request::Why { target: self.target, step: self.step })?;
        cx.show(&document, |look| explained(&document, look));
        Ok(Exit::Done)
    }
}

fn explained(document: &Value, look: Look) -> String {
    let mut card = Card::new(look, 14);
    let decisions = list(document, "decisions");
    if decisions.is_empty() {
        return "nothing was decided yet\n".to_owned();
    }
    for (at, decision) in decisions.iter().enumerate() {
        if at > 0 {
            card.blank();
        }
        one(&mut card, decision);
    }
    card.finish()
}

fn one(card: &mut Card, decision: &Value) {
    let outcome = text(decision, "outcome");
    let ink = match outcome {
        "allow" => Ink::Good,
        "hold" => Ink::People,
        _ => Ink::Alarm,
    };
    let mut head = Line::default().with(ink, outcome);
    let step = text(decision, "step");
    if !step.is_empty() {
        head.add(Ink::Dim, " step ").add(Ink::Strong, step);
    }
    head.add(Ink::Dim, &format!("  {}  {}", text(decision, "at"), text(decision, "id")));
    card.line(&head);
    for policy in list(decision, "policies") {
        let mut line = Line::default().with(Ink::Name, text(policy, "name"));
        line.add(Ink::Dim, &format!(" ({})", text(policy, "enforcement")));
        card.say("  policy", &line);
        for rule in list(policy, "rules") {
            let held = text(rule, "value");
            let ink = match (text(rule, "kind"), held) {
                (_, "error") => Ink::Worst,
                ("allow", "true") => Ink::Good,
                ("deny", "true") => Ink::Alarm,
                ("require" | "mask", "true") => Ink::Note,
                _ => Ink::Dim,
            };
            let mut line = Line::default().with(ink, &format!("{:<5}", held));
            line.add(Ink::Plain, &format!(" {} ", text(rule, "kind"))).add(Ink::Strong, text(rule, "id"));
            let own = text(rule, "reason");
            if !own.is_empty() {
                line.add(Ink::Dim, &format!("  {own}"));
            }
            for exemption in list(rule, "exemptions") {
                let name = text(exemption, "name");
                if text(exemption, "state") == "held" {
                    line.add(Ink::Note, &format!("  exempt by {name}"));
                } else {
                    line.add(
                        Ink::Dim,
                        &format!("  exemption {name} is inert: {}", text(exemption, "detail")),
                    );
                }
            }
            card.say("", &line);
        }
    }
    for seen in list(decision, "observed") {
        let by = format!("{}.{}", text(seen, "connector"), text(seen, "operation"));
        let of = match text(seen, "run") {
            "" => String::new(),
            run => format!(" of run {run}"),
        };
        card.plain(
            "  stands on",
            &format!("steps.{}{of}, observed {} by {by}", text(seen, "step"), text(seen, "at")),
        );
    }
    let asked: Vec<String> = list(decision, "approvals").iter().map(value).collect();
    card.plain("  asks", &asked.join(", "));
    for why in list(decision, "reasons") {
        card.plain("  because", &reason(why));
    }
}
