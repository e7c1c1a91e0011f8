//! What a person is asked to agree to: everything that will happen, before anything is asked.

use ordain_plan::render::{Ink, Line, Look};
use ordain_spec::diagnostic::counted;
use serde_json::Value;

use super::card::Card;
use super::table::{Table, risk_ink, state_ink};
use super::{list, reason, text, value};

/// The queue.
pub fn queue(document: &Value, look: Look) -> String {
    let mut table = Table::new(&["approval", "asks", "for", "risk", "state", "expires"]);
    for approval in list(document, "approvals") {
        let state = text(approval, "state");
        let shown = |field: &str| approval.pointer(&format!("/show/{field}")).map(value).unwrap_or_default();
        let subject = match text(approval, "subject") {
            "exemption" => format!("exemption from {}/{}", shown("policy"), shown("rule")),
            _ => format!("{}/{}", text(approval, "runbook"), text(approval, "step")),
        };
        table.row(vec![
            (Ink::Dim, text(approval, "id").chars().take(16).collect()),
            (Ink::People, format!("{} {}", text(approval, "approval"), text(approval, "stage"))),
            (Ink::Strong, subject),
            (risk_ink(text(approval, "risk")), text(approval, "risk").to_owned()),
            (state_ink(state), format!("{state} {}", votes(approval))),
            (Ink::Dim, super::run::second(text(approval, "expiresAt"))),
        ]);
    }
    if table.is_empty() { "nothing waits for people\n".to_owned() } else { table.text(look) }
}

fn votes(approval: &Value) -> String {
    let needed = approval.get("needed").and_then(Value::as_u64).unwrap_or_default();
    format!("{}/{needed}", list(approval, "granted").len())
}

/// One approval with all that will happen.
pub fn card(approval: &Value, look: Look) -> String {
    let mut card = Card::new(look, 14);
    let state = text(approval, "state");
    let mut head = Line::default().with(Ink::People, "◆ ").with(Ink::Strong, text(approval, "approval"));
    head.add(Ink::Plain, &format!(", stage {}  ", text(approval, "stage"))).add(state_ink(state), state);
    card.line(&head);
    card.say("approval", &Line::default().with(Ink::Dim, text(approval, "id")));
    card.blank();
    let is_exemption = text(approval, "subject") == "exemption";
    let mode = text(approval, "mode");
    let mut subject = Line::default().with(Ink::Strong, text(approval, "step"));
    subject.add(Ink::Dim, " of ").add(Ink::Plain, text(approval, "runbook"));
    subject.add(Ink::Dim, ", ").add(if mode == "live" { Ink::Alarm } else { Ink::Good }, mode);
    if is_exemption {
        card.say("what", &Line::default().with(Ink::Note, "a rule that would not hold for a while"));
    } else {
        card.say("step", &subject);
        card.say("run", &Line::default().with(Ink::Dim, text(approval, "run")));
    }
    card.plain("asked by", text(approval, "requester"));
    let risk = text(approval, "risk");
    if !risk.is_empty() {
        card.say("risk", &Line::default().with(risk_ink(risk), risk));
    }
    calls(&mut card, "will call", list(approval, "calls"));
    if let Some(shown) = approval.get("show").and_then(Value::as_object)
        && !shown.is_empty()
    {
        card.blank();
        for (name, data) in shown {
            card.say(
                "shown",
                &Line::default().with(Ink::Name, name).with(Ink::Dim, " ").with(Ink::Plain, &value(data)),
            );
        }
    }
    if let Some(export) = approval.get("export") {
        leaves(&mut card, export);
    }
    let undo = list(approval, "undo");
    calls(&mut card, "undone by", undo);
    if undo.is_empty() && !list(approval, "calls").is_empty() {
        card.blank().say("undone by", &Line::default().with(Ink::Note, "nothing: no way back is declared"));
    }
    budget(&mut card, approval);
    card.blank();
    for why in list(approval, "reasons") {
        card.say("held because", &Line::default().with(Ink::Plain, &reason(why)));
    }
    people(&mut card, approval);
    reminders(&mut card, approval);
    for rejection in list(approval, "rejections") {
        let mut line = Line::default().with(Ink::Alarm, text(rejection, "by"));
        line.add(Ink::Dim, &format!(" {}: ", text(rejection, "at")))
            .add(Ink::Plain, text(rejection, "rationale"));
        card.say("rejected", &line);
    }
    form(&mut card, approval.get("form"));
    card.plain("expires", text(approval, "expiresAt"));
    card.say("digest", &Line::default().with(Ink::Dim, text(approval, "digest")));
    card.finish()
}

/// Rendered calls with their arguments.
fn calls(card: &mut Card, label: &str, calls: &[Value]) {
    if calls.is_empty() {
        return;
    }
    card.blank();
    for call in calls {
        let index = call.get("index").map(|index| format!("item {}: ", value(index))).unwrap_or_default();
        let mut line = Line::default().with(Ink::Dim, &index);
        line.add(Ink::Strong, &format!("{}.{}", text(call, "connector"), text(call, "operation")));
        card.say(label, &line);
        for (name, argument) in call.get("arguments").and_then(Value::as_object).into_iter().flatten() {
            let mut line = Line::default().with(Ink::Name, name).with(Ink::Dim, " = ");
            line.add(Ink::Plain, &argument.to_string());
            card.say("", &line);
        }
    }
}

/// What would leave.
fn leaves(card: &mut Card, export: &Value) {
    card.blank();
    let rows = export.get("rows").map(value).unwrap_or_default();
    let fields: Vec<String> = list(export, "fields").iter().map(value).collect();
    let mut line = Line::default().with(Ink::Strong, text(export, "export"));
    line.add(
        Ink::Plain,
        &format!(": {} of {} as {}", counted(rows, "row"), text(export, "source"), text(export, "format")),
    );
    card.say("would leave", &line);
    card.say("", &Line::default().with(Ink::Name, &fields.join(", ")));
    let how = format!("ordain export {} show {}", text(export, "export"), text(export, "preview"));
    card.say("", &Line::default().with(Ink::Dim, &how));
}

/// What the step would reserve, budget by budget.
fn budget(card: &mut Card, approval: &Value) {
    for row in list(approval, "budget") {
        let unit = text(row, "unit");
        let amount = |field: &str| row.get(field).map(value).unwrap_or_default();
        let mut line = Line::default().with(Ink::Name, text(row, "name"));
        let said = format!(" reserves {} {unit} of {} left", amount("amount"), amount("remaining"));
        line.add(Ink::Plain, &said);
        if row.get("breach").is_some_and(|breach| breach == true) {
            line.add(Ink::Alarm, ", which it exceeds: agreeing covers it for this step");
        }
        card.say("budget", &line);
    }
}

/// Who was reminded, and whom it was escalated to, so far.
fn reminders(card: &mut Card, approval: &Value) {
    for told in list(approval, "reminders") {
        let escalation = told.get("escalation").is_some_and(|escalation| escalation == true);
        let label = if escalation { "escalated" } else { "reminded" };
        let to: Vec<String> = list(told, "to").iter().map(value).collect();
        let ink = if escalation { Ink::Note } else { Ink::Plain };
        let line =
            Line::default().with(ink, &to.join(", ")).with(Ink::Dim, &format!(" {}", text(told, "at")));
        card.say(label, &line);
    }
}

/// Who agreed, and who can still.
fn people(card: &mut Card, approval: &Value) {
    for grant in list(approval, "granted") {
        let mut line = Line::default().with(Ink::Good, text(grant, "by"));
        line.add(Ink::Dim, &format!(" {} ({})", text(grant, "at"), text(grant, "assurance")));
        card.say("agreed", &line);
    }
    let needed = approval.get("needed").and_then(Value::as_u64).unwrap_or_default();
    let missing = needed.saturating_sub(list(approval, "granted").len() as u64);
    let who: Vec<String> = list(approval, "eligible").iter().map(value).collect();
    if text(approval, "state") == "open" {
        let of = if who.is_empty() { "nobody who is left may decide".to_owned() } else { who.join(", ") };
        card.plain("needs", &format!("{missing} more of {of}"));
    }
}

fn form(card: &mut Card, form: Option<&Value>) {
    for (name, field) in form.and_then(Value::as_object).into_iter().flatten() {
        let kind = text(field, "type");
        card.say("form", &Line::default().with(Ink::Name, name).with(Ink::Dim, &format!(" {kind}")));
    }
}
