//! Deciding: what will happen is shown first, then the person is asked, then the decision is sent for
//! exactly the digest that was shown.

use std::io::Write as _;
use std::path::PathBuf;

use ordain_kernel::approval::{Act, Statement};
use ordain_plan::render::{Ink, Line};
use ordain_runtime::api::{Decision, Request};
use ordain_runtime::keys::Key;
use serde_json::{Map, Value};

use crate::context::{Context, say};
use crate::failure::{Done, Exit, Failure};
use crate::inputs::untyped;
use crate::render::{approval, list, run, text};
use crate::session::Conversation;

/// What a person says with a decision.
#[derive(Debug, clap::Args)]
pub struct Words {
    /// The approval: id or unique prefix
    id: String,
    /// Why; in a terminal you are asked
    #[arg(long, value_name = "TEXT")]
    rationale: Option<String>,
    /// A field of the form that the stage asks for; may stand several times
    #[arg(long, value_name = "NAME=VALUE")]
    form: Vec<String>,
    /// The digest that you were shown: decides without asking, and only if it is still that one
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Sign the decision with this key file; `ordain keys init` makes one
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Words {
    /// What the person named.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same words about that approval.
    pub fn about(self, id: String) -> Self {
        Self { id, ..self }
    }

    /// True where there is a terminal to ask at, or the digest that was shown is given. Who takes an agreement
    /// back allows nothing: whatever it was given for, it is gone.
    pub fn is_complete(&self, cx: &Context, decision: Decision) -> Result<(), Failure> {
        if self.digest.is_some() || cx.can_ask() || decision == Decision::Withdraw {
            return Ok(());
        }
        Err(Failure::usage("without a terminal the digest that was shown is needed")
            .hint(format!("`ordain approvals {}` shows it; then say `--digest DIGEST`", self.id)))
    }
}

/// Shows, asks, decides.
pub fn decide(cx: &Context, decision: Decision, words: Words) -> Done {
    words.is_complete(cx, decision)?;
    let mut conversation = Conversation::open(cx)?;
    let done = deciding(cx, &mut conversation, decision, words);
    conversation.close();
    done
}

/// The same in a conversation that is open already.
pub fn deciding(cx: &Context, conversation: &mut Conversation, decision: Decision, words: Words) -> Done {
    let key = words.key.as_ref().map(|path| read_key(path)).transpose()?;
    let shown = match conversation.ask(&Request::Approval { id: words.id.clone() }) {
        Ok(document) => list(&document, "approvals").first().cloned().unwrap_or_default(),
        // The person was shown it before; that it cannot be decided any more is the engine's to say.
        Err(_) if words.digest.is_some() => Value::Null,
        Err(failure) => return Err(failure),
    };
    let mut form = untyped(&words.form)?;
    fit_form(&mut form, shown.get("form"));
    let mut rationale = words.rationale.unwrap_or_default();
    let digest = match words.digest {
        Some(digest) => digest,
        None if decision == Decision::Withdraw && !cx.can_ask() => text(&shown, "digest").to_owned(),
        None => {
            let look = cx.error_look();
            let _left = std::io::stderr().lock().write_all(approval::card(&shown, look).as_bytes());
            ask_form(cx, &mut form, shown.get("form"))?;
            if rationale.is_empty() {
                rationale = question(cx, "why? ")?;
            }
            let word = decision_word(decision);
            let answer = question(cx, &format!("{word} this? [y/N] "))?;
            if !matches!(answer.as_str(), "y" | "Y" | "yes") {
                return Err(Failure::new("cancelled", "nothing was decided"));
            }
            text(&shown, "digest").to_owned()
        }
    };
    let id = if shown.is_null() { words.id } else { text(&shown, "id").to_owned() };
    let signature = match &key {
        Some(key) => {
            let by = signer(cx, conversation, key)?;
            conversation.speak_as(by.clone());
            Some(sign(by, key, &id, decision, &digest, &rationale, &form)?)
        }
        None => None,
    };
    let request = Request::Decide { id, decision, rationale, form, digest, signature };
    let document = conversation.ask(&request)?;
    // A decision lets a run go on: it is driven until it stands still again.
    let run_id = document.pointer("/run/id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let settled = if run_id.is_empty() { None } else { Some(super::follow::parked(conversation, &run_id)?) };
    let document = after(document, settled.as_ref());
    cx.show(&document, |look| decided(&document, settled.as_ref(), look));
    Ok(Exit::Done)
}

/// The document with the run as it stands afterwards.
fn after(mut document: Value, settled: Option<&Value>) -> Value {
    let run = settled.and_then(|settled| settled.get("run"));
    if let (Some(run), Some(brief)) = (run, document.get_mut("run").and_then(Value::as_object_mut)) {
        brief.insert("state".into(), text(run, "state").into());
        match run.get("waitingFor") {
            Some(waits) => brief.insert("waitingFor".into(), waits.clone()),
            None => brief.remove("waitingFor"),
        };
    }
    document
}

fn decided(document: &Value, settled: Option<&Value>, look: ordain_plan::render::Look) -> String {
    let approval = document.get("approval").unwrap_or(&Value::Null);
    let state = text(approval, "state");
    let mut line = Line::default().with(Ink::People, text(approval, "approval"));
    line.add(Ink::Plain, &format!(", stage {}: ", text(approval, "stage")));
    line.add(crate::render::table::state_ink(state), state);
    let needed = approval.get("needed").and_then(Value::as_u64).unwrap_or_default();
    line.add(Ink::Dim, &format!("  {} of {needed} agreed", list(approval, "granted").len()));
    let mut out = String::new();
    line.write(look, &mut out);
    if let Some(settled) = settled {
        out.push('\n');
        out.push_str(&run::document(settled, look));
    }
    out
}

const fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Approve => "approve",
        Decision::Reject => "reject",
        Decision::Withdraw => "withdraw",
    }
}

/// Reads a person's key.
pub fn read_key(path: &std::path::Path) -> Result<Key, Failure> {
    Key::read(path).map_err(|error| {
        Failure::usage(format!("`{}` cannot be used as a key: {error}", path.display()))
            .hint("`ordain keys init` makes one")
    })
}

fn sign(
    by: String,
    key: &Key,
    id: &str,
    decision: Decision,
    digest: &str,
    rationale: &str,
    form: &Map<String, Value>,
) -> Result<String, Failure> {
    let digest = digest.parse().map_err(|_| Failure::usage("`--digest` is not the digest of an approval"))?;
    let statement = Statement {
        approval: id.parse().map_err(|_| Failure::not_found("approval", id))?,
        digest,
        decision: match decision {
            Decision::Approve => Act::Approve,
            Decision::Reject => Act::Reject,
            Decision::Withdraw => Act::Withdraw,
        },
        rationale: rationale.to_owned(),
        form: Value::Object(form.clone()),
        by: by.into(),
        at: None,
    };
    Ok(key.sign(&statement.bytes()))
}

/// Who decides with a key: `--as`, else the person whose key it is. Whose login this is does not count.
fn signer(cx: &Context, conversation: &Conversation, key: &Key) -> Result<String, Failure> {
    if let Some(named) = &cx.acting_as {
        return Ok(named.clone());
    }
    let public = key.public();
    let roster = conversation.workspace().read.checked.declarations.roster.clone();
    let people = roster.iter().flat_map(|roster| roster.spec.people.iter());
    let mut owners =
        people.filter(|(_, person)| person.key.as_ref().is_some_and(|known| *known.value == *public));
    owners.next().map(|(name, _)| format!("user:{name}")).ok_or_else(|| {
        Failure::new("interactive_required", "the key is nobody's of the roster")
            .hint("sign with the key whose public half stands in the roster (`people.<name>.key`)")
    })
}

/// Fields that the form declares as text stay text, whatever they look like.
fn fit_form(form: &mut Map<String, Value>, declared: Option<&Value>) {
    for (name, value) in form.iter_mut() {
        let kind = declared.and_then(|declared| declared.get(name)).map(|field| text(field, "type"));
        if matches!(kind, Some("string" | "timestamp" | "duration")) && !value.is_string() {
            *value = Value::from(value.to_string());
        }
    }
}

fn ask_form(cx: &Context, form: &mut Map<String, Value>, declared: Option<&Value>) -> Result<(), Failure> {
    for (name, field) in declared.and_then(Value::as_object).into_iter().flatten() {
        if form.contains_key(name) {
            continue;
        }
        let answer = question(cx, &format!("{name} ({})? ", text(field, "type")))?;
        if !answer.is_empty() {
            let plain = matches!(text(field, "type"), "string" | "timestamp" | "duration");
            let value = if plain {
                Value::from(answer)
            } else {
                serde_json::from_str(&answer).unwrap_or(Value::from(answer))
            };
            form.insert(name.clone(), value);
        }
    }
    Ok(())
}

/// Asks the person at the terminal.
fn question(cx: &Context, words: &str) -> Result<String, Failure> {
    let mut shown = String::new();
    Line::default().with(Ink::People, words.trim_end()).write(cx.error_look(), &mut shown);
    let _left = write!(std::io::stderr().lock(), "{} ", shown.trim_end_matches('\n'));
    let mut line = String::new();
    let read = std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::new("system_fault", error.to_string()))?;
    if read == 0 {
        say(&Line::default(), cx.error_look());
        return Err(Failure::new("cancelled", "nothing was decided"));
    }
    Ok(line.trim().to_owned())
}
