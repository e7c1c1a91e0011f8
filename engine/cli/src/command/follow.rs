//! Following a run: questions until it stands still, with its steps as they go where somebody looks on.

use std::time::Duration;

use ordain_runtime::api::Request;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::live::Live;
use crate::render::run as rendered;
use crate::render::{list, text};
use crate::session::Conversation;

/// How often the picture moves.
const TICK: Duration = Duration::from_millis(100);

/// Follows what a start answered: a run, or a refusal.
pub fn started(cx: &Context, conversation: &mut Conversation, mut document: Value, on: bool) -> Done {
    let Some(id) = document.pointer("/run/id").and_then(Value::as_str).map(str::to_owned) else {
        let misfit = misfit(&document);
        let exit = if misfit.is_some() { Exit::Unable } else { Exit::Refused };
        if let (Some(misfit), Some(fields)) = (misfit, document.as_object_mut()) {
            fields.insert("error".into(), misfit);
        }
        cx.show(&document, |look| rendered::document(&document, look));
        return Ok(exit);
    };
    // Over already: there is nothing to follow.
    if document.pointer("/run/settledAt").is_some() {
        return Ok(shown(cx, &document));
    }
    run(cx, conversation, &id, on)
}

/// Inputs that do not fit are the caller's mistake, not a decision about the run: a failure like any other.
fn misfit(document: &Value) -> Option<Value> {
    let reasons = list(document.get("refused")?, "reasons");
    let misfit = reasons.iter().find(|reason| text(reason, "code") == "input_invalid")?;
    Some(json!({"code": "input_invalid", "message": text(misfit, "detail"), "reasons": reasons}))
}

/// A wish about a run: asked, then the run is driven until it stands still, then shown.
pub fn acted(cx: &Context, request: &Request) -> Done {
    let mut conversation = Conversation::open(cx)?;
    let done = act(cx, &mut conversation, request);
    conversation.close();
    done
}

fn act(cx: &Context, conversation: &mut Conversation, request: &Request) -> Done {
    let document = conversation.ask(request)?;
    let id = document.pointer("/run/id").and_then(Value::as_str).unwrap_or_default().to_owned();
    // What was asked for is done; how the run ends is another matter.
    run(cx, conversation, &id, false).map(|_| Exit::Done)
}

/// A run once it is parked, without showing anything.
pub fn parked(conversation: &mut Conversation, run: &str) -> Result<Value, Failure> {
    let mut after = 0;
    loop {
        let document = conversation.ask(&Request::Watch { run: run.to_owned(), after })?;
        if document.get("parked").and_then(Value::as_bool).unwrap_or(true) {
            return Ok(document);
        }
        after = document.get("seq").and_then(Value::as_u64).unwrap_or(after);
    }
}

/// Follows a run until it is parked; with `on`, until it is settled.
pub fn run(cx: &Context, conversation: &mut Conversation, id: &str, on: bool) -> Done {
    let mut live = Live::new(cx);
    let settled = settle(cx, conversation, id, on, &mut live);
    live.clear();
    Ok(shown(cx, &settled?))
}

/// Shows a run as it stands, and says what it ends with.
fn shown(cx: &Context, document: &Value) -> Exit {
    cx.show(document, |look| rendered::document(document, look));
    let state = document.get("run").map(|run| text(run, "state")).unwrap_or_default();
    let exit = Exit::of_run(state);
    if exit == Exit::Waits && !cx.json {
        hint(cx, document.get("run").unwrap_or(&Value::Null));
    }
    exit
}

fn settle(
    cx: &Context,
    conversation: &mut Conversation,
    id: &str,
    on: bool,
    live: &mut Live,
) -> Result<Value, Failure> {
    let (mut after, mut told) = (0, 0);
    loop {
        let request = Request::Watch { run: id.to_owned(), after };
        let document = conversation.ask_ticking(&request, TICK, |_| live.tick())?;
        let reminders = list(&document, "reminders");
        if reminders.len() != told {
            live.clear();
            for reminder in reminders.iter().skip(told) {
                cx.remark(&reminded(reminder));
            }
            told = reminders.len();
        }
        live.show(document.get("run").unwrap_or(&Value::Null));
        let parked = document.get("parked").and_then(Value::as_bool).unwrap_or(true);
        let state = document.pointer("/run/state").and_then(Value::as_str).unwrap_or_default();
        let waits = Exit::of_run(state) == Exit::Waits;
        if parked && !(on && waits) {
            return Ok(json!({"run": document.get("run").cloned().unwrap_or_default()}));
        }
        let seq = document.get("seq").and_then(Value::as_u64).unwrap_or_default();
        if seq <= after && parked {
            // It stands still and we were asked to stay: look again when something may have changed.
            std::thread::sleep(TICK * 5);
        }
        after = seq.max(after);
    }
}

/// People were told again that they are waited for.
fn reminded(reminder: &Value) -> String {
    let to: Vec<&str> = list(reminder, "to").iter().filter_map(Value::as_str).collect();
    let escalation = reminder.get("escalation").is_some_and(|escalation| escalation == true);
    let what = if escalation { "escalated to" } else { "reminding" };
    let (step, approval) = (text(reminder, "step"), text(reminder, "approval"));
    format!("`{step}` still waits for `{approval}`: {what} {}", to.join(", "))
}

/// What a person can do about a run that waits.
fn hint(cx: &Context, run: &Value) {
    let id = text(run, "id");
    let waits: Vec<&str> = run
        .get("waitingFor")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if text(run, "state") == "paused" {
        cx.remark(&format!("it is paused: `ordain resume {id}` lets it go on"));
    }
    for what in waits {
        match what {
            "approval" => cx.remark("people must agree: `ordain approvals` shows what and who"),
            "signal" => cx.remark(&format!("it waits for a signal: `ordain signal {id} NAME --field k=v`")),
            "subrun" => cx.remark("a sub-run waits or is stuck: `ordain runs` shows which"),
            "queue" => cx.remark("it waits for its turn: other runs hold the lock"),
            "timer" | "throttle" => {
                cx.remark(&format!("it waits for time to pass: `ordain watch {id}` drives it on"))
            }
            _ => {}
        }
    }
}
