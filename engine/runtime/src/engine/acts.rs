//! Requests that change something: who acts is established here, once; whether it may is the kernel's.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_kernel::actor::Actor;
use ordain_kernel::approval::{Statement, verify_signature};
use ordain_kernel::ids::{ApprovalId, RunId};
use ordain_kernel::kill::Selector;
use ordain_kernel::realm::StartRequest;
use ordain_kernel::reason::{Code, Reason};
use ordain_kernel::retention;
use ordain_kernel::run::Run;
use ordain_kernel::run::command::{Command, Decide, Verdict};
use ordain_kernel::run::system::{SystemCommand, SystemEvent};
use ordain_spec::diagnostic::{counted, nearest};
use ordain_spec::digest::Digest;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::scenario::{Assurance, ResolveOutcome};
use ordain_spec::kind::{Kind, Retention};
use serde_json::{Map, Value, json};

use super::Inner;
use super::asked::About;
use super::looks::document;
use crate::api::{Answer, ApiError, Caller, Decision, Request};
use crate::identity::{self, Acting};
use crate::prune::{Pruned, Wish};
use crate::writer::{Care, Message, REFUSED};

/// Codes of a refused start that mean "you asked for something that is not there".
const NOT_A_START: [&str; 3] = ["not_found", "version_ambiguous", "usage"];

impl Inner {
    pub(super) async fn act(&self, caller: Caller, request: Request) -> Answer {
        match request {
            Request::Start { runbook, inputs, live } => self.start(&caller, runbook, inputs, live).await,
            Request::Preview { export, live } => self.preview(&caller, &export, live).await,
            Request::Rerun { run, live } => self.rerun(&caller, &run, live).await,
            Request::Decide { id, decision, rationale, form, digest, signature } => {
                let act = Act { decision, rationale, form, digest, signature };
                self.decide(&caller, &id, act).await
            }
            Request::Signal { run, name, fields } => {
                let by = self.acting(&caller)?.actor;
                let command = Command::Signal { name, by, fields: Value::Object(fields), reason: None };
                self.command_of(&run, command).await
            }
            Request::Cancel { run, rollback, reason } => {
                let by = self.acting(&caller)?.actor;
                self.command_of(&run, Command::Cancel { by, rollback, reason }).await
            }
            Request::Pause { run, reason } => {
                let by = self.acting(&caller)?.actor;
                self.command_of(&run, Command::Pause { by, reasons: said(reason) }).await
            }
            Request::Resume { run, reason } => {
                let by = self.acting(&caller)?.actor;
                self.command_of(&run, Command::Resume { by, reason }).await
            }
            Request::Resolve { run, step, outcome, reason, outputs } => {
                let by = self.acting(&caller)?.actor;
                let outcome = ResolveOutcome::from_word(&outcome).ok_or_else(|| {
                    ApiError::new("usage", format!("`{outcome}` is no outcome"))
                        .hint("succeeded, failed, undone or again")
                })?;
                let outputs = (!outputs.is_empty()).then_some(Value::Object(outputs));
                self.command_of(&run, Command::Resolve { step: step.into(), outcome, by, reason, outputs })
                    .await
            }
            Request::Kill { selector, reason, until, pause } => {
                let until = until.map(|until| instant(&until)).transpose()?;
                let (selector, by) = (self.selector(&selector)?, self.stopping(&caller)?.actor);
                self.bears(&selector).await?;
                self.system(SystemCommand::Kill { selector, reason, by, until, pause }).await?;
                self.kills().await
            }
            Request::Revive { selector, reason } => {
                let (selector, by) = (self.selector(&selector)?, self.acting(&caller)?.actor);
                self.system(SystemCommand::Revive { selector, reason, by }).await?;
                self.kills().await
            }
            Request::ResetQuota { name, reason } => {
                let by = self.acting(&caller)?.actor;
                self.system(SystemCommand::ResetQuota { capability: name, reason, by }).await?;
                self.quotas().await
            }
            Request::Rebuild => {
                let rows = self.ask(|answer| Message::Care(Care::Rebuild(answer))).await?;
                Ok(
                    json!({"ok": true, "created": [], "detail": format!("{} of views built from the journal", counted(rows, "row"))}),
                )
            }
            Request::Prune { older_than, dry_run } => self.prune(&caller, older_than, dry_run).await,
            Request::Reencrypt => self.reencrypt(&caller).await,
            Request::Rekey => self.rekey(&caller).await,
            other => self.look(other).await,
        }
    }

    /// Recorded first; then page by page, so that others get their turn between two of them.
    async fn reencrypt(&self, caller: &Caller) -> Answer {
        let by = self.acting(caller)?.actor;
        let Some(key) = self.reader.vault().map(|vault| vault.id().to_owned()) else {
            return Err(ApiError::new("usage", "payloads are not encrypted here")
                .hint("declare `payloads: {encrypt: {secret: …}}` in ordain.yaml"));
        };
        self.system(SystemCommand::Encrypt { key: key.clone(), by }).await.map_err(admin)?;
        let (mut rows, mut next) = (0, Some((String::new(), 0)));
        while let Some(after) = next {
            let (changed, last) = self.ask(|answer| Message::Care(Care::Reencrypt(after, answer))).await?;
            (rows, next) = (rows + changed, last);
        }
        self.ask(|answer| Message::Care(Care::Reencrypted(answer))).await?;
        let detail =
            format!("{rows} pieces of payloads were put under key {key}; no other key is needed here");
        Ok(json!({"ok": true, "created": [], "detail": detail, "rows": rows, "key": key}))
    }

    async fn rekey(&self, caller: &Caller) -> Answer {
        let by = Box::new(self.acting(caller)?.actor);
        let key = self.ask(|answer| Message::Care(Care::Rekey(by, answer))).await.map_err(admin)?;
        let detail = "another key signs the log from here on; the old one signed which, and what it signed stays verifiable";
        Ok(json!({"ok": true, "created": [".ordain/log.key"], "detail": detail, "publicKey": key}))
    }

    fn retention(&self) -> Option<Arc<Retention>> {
        self.specs.active().and_then(|active| active.catalogue.retention.clone())
    }

    /// Page by page, so that others get their turn between two of them.
    async fn prune(&self, caller: &Caller, older_than: Option<u64>, dry_run: bool) -> Answer {
        let by = self.acting(caller)?.actor;
        let now = self.clock.now();
        let (age, due_at) = match (older_than, self.retention()) {
            (Some(age), _) => (age, None),
            (None, Some(retention)) => (retention::shortest_ms(&retention.spec), Some(now)),
            (None, None) => {
                return Err(ApiError::new(
                    "usage",
                    "no retention is declared: nothing says what is old enough",
                )
                .hint("say `--older-than 30d`, or declare a Retention"));
            }
        };
        let age = i64::try_from(age).unwrap_or(i64::MAX);
        let before =
            Timestamp::from_millisecond(now.as_millisecond().saturating_sub(age)).unwrap_or(Timestamp::MIN);
        let mut all = Pruned::default();
        let mut next = Some(String::new());
        while let Some(after) = next {
            let wish = Wish { before, due_at, after, dry_run, by: by.clone() };
            let page = self.ask(|answer| Message::Care(Care::Prune(Box::new(wish), answer))).await;
            all.add(page.map_err(|error| match error.code.as_str() {
                "not_permitted" => error.hint("a person with `role:admin` erases"),
                _ => error,
            })?);
            next = all.next.take();
        }
        let Pruned { runs, bytes, kept, held, .. } = all;
        let done = if dry_run { "would be erased" } else { "were erased" };
        let mut detail =
            format!("the payloads of {} {done}, {}", counted(runs, "run"), counted(bytes, "byte"));
        if kept > 0 {
            let kept = counted(kept, "older run");
            detail.push_str(&format!("; not those of {kept}: keys remember the outcome"));
        }
        if held > 0 {
            let held = counted(held, "older run");
            detail.push_str(&format!("; not those of {held}: a legal hold is about them"));
        }
        Ok(json!({
            "ok": true, "created": [], "detail": detail, "runs": runs, "bytes": bytes, "kept": kept, "held": held,
            "before": before.to_string(), "dryRun": dry_run,
        }))
    }

    pub(super) async fn start(
        &self,
        caller: &Caller,
        runbook: String,
        inputs: Map<String, Value>,
        live: bool,
    ) -> Answer {
        if let Some(reason) = &self.unsealed {
            return self.unsealed_start(runbook, reason.clone()).await;
        }
        let requester = self.acting(caller)?.actor;
        let request = StartRequest {
            runbook,
            inputs: Value::Object(inputs),
            mode: if live { Mode::Live } else { Mode::Mock },
            requester,
            environment: None,
            // What is active in `prod` is sealed; elsewhere nobody asks.
            signed: true,
            declared: false,
        };
        match self.ask(|answer| Message::Start(Box::new(request), answer)).await {
            Ok(started) => self.shown(started.id, started.over).await,
            Err(refused) if refused.code == REFUSED => self.refused(refused),
            Err(error) => Err(error),
        }
    }

    /// Nothing of a catalogue that is not the signed one is believed, not even its roster: who asked is nobody.
    async fn unsealed_start(&self, reference: String, reason: Reason) -> Answer {
        let shown = json!({"refused": {"reasons": [&reason]}});
        let event = SystemEvent::StartRefused { reference, by: Actor::system(), reasons: vec![reason] };
        self.system(SystemCommand::Note(Box::new(event))).await?;
        Ok(shown)
    }

    /// A refused start is a document of its own, but where what was asked for is not there at all.
    fn refused(&self, refused: ApiError) -> Answer {
        let code = |reason: &Value| reason.get("code").and_then(Value::as_str).map(str::to_owned);
        let first = refused.reasons.first().and_then(code).unwrap_or_default();
        if first == "catalogue_refused" || first == "catalogue_unavailable" {
            return Err(self.catalogue_refused());
        }
        if NOT_A_START.contains(&first.as_str()) {
            let detail =
                refused.reasons.first().and_then(|reason| reason.get("detail")).and_then(Value::as_str);
            let message = detail.unwrap_or("there is no such runbook").to_owned();
            return Err(ApiError { reasons: refused.reasons, ..ApiError::new(first, message) }
                .hint("`ordain specs runbook` lists what can be run"));
        }
        Ok(json!({"refused": {"reasons": refused.reasons}}))
    }

    async fn rerun(&self, caller: &Caller, run: &str, live: bool) -> Answer {
        let id = self.run_id(run).await?;
        let (reference, inputs, mode, erased) = self
            .with_run(id, |run| {
                let started = &run.started;
                (started.reference.clone(), started.inputs.clone(), started.mode, run.is_erased())
            })
            .await?;
        if erased {
            return Err(ApiError::new("not_found", format!("the inputs of run {id} were erased"))
                .hint("`ordain run` with the inputs starts a new one"));
        }
        if mode == Mode::Live && !live {
            return Err(
                ApiError::new("usage", "the run was live: live is asked for again").hint("add `--live`")
            );
        }
        let inputs = inputs.as_object().cloned().unwrap_or_default();
        self.start(caller, reference, inputs, mode == Mode::Live).await
    }

    async fn command_of(&self, run: &str, command: Command) -> Answer {
        let id = self.run_id(run).await?;
        let over = self.command(id, command).await?;
        self.shown(id, over).await
    }

    /// The run, at hand or not.
    async fn shown(&self, id: RunId, over: Option<Box<Run>>) -> Answer {
        match over {
            Some(run) => Ok(document(&run)),
            None => self.show(id).await,
        }
    }

    async fn system(&self, command: SystemCommand) -> Result<(), ApiError> {
        self.ask(|answer| Message::System(Box::new(command), answer)).await
    }

    fn selector(&self, text: &str) -> Result<Selector, ApiError> {
        text.parse().map_err(|_| {
            ApiError::new("usage", format!("`{text}` selects nothing"))
                .hint("`all`, `capability:NAME`, `connector:NAME`, `runbook:NAME`, `actor:user:NAME` or `tenant:NAME`")
        })
    }

    /// Refuses the name that nothing bears, neither in the catalogue nor in a run that goes on: whoever mistypes in
    /// an emergency must not be told that it is done. While the catalogue does not load, every name is taken.
    async fn bears(&self, selector: &Selector) -> Result<(), ApiError> {
        let (kind, name) = match selector {
            Selector::Capability(name) => (Kind::Capability, name),
            Selector::Connector(name) => (Kind::Connector, name),
            Selector::Runbook(name) => (Kind::Runbook, name),
            Selector::Actor(name) => (Kind::Roster, name),
            Selector::All | Selector::Tenant(_) => return Ok(()),
        };
        let Some(active) = self.specs.active() else { return Ok(()) };
        let known: BTreeSet<String> = if kind == Kind::Roster {
            self.roster()?.people.keys().map(ToString::to_string).collect()
        } else {
            let index = active.catalogue.index().into_iter();
            index.filter(|entry| entry.kind == kind).map(|entry| entry.name.to_string()).collect()
        };
        let name = name.to_string();
        if known.contains(&name) || self.is_at_work(selector.clone()).await? {
            return Ok(());
        }
        let message = format!("nothing is called `{selector}`: no switch was set");
        let near = nearest(&name, known.iter().map(String::as_str));
        let prefix = selector.to_string().trim_end_matches(&name).to_owned();
        Err(ApiError::new("not_found", message).hint(match near {
            Some(near) => format!("did you mean `{prefix}{near}`?"),
            None => "`ordain specs` lists what there is; `all` stops everything".to_owned(),
        }))
    }

    /// True when a run that is not settled may still do what it selects.
    async fn is_at_work(&self, selector: Selector) -> Result<bool, ApiError> {
        self.with_realm(move |realm| {
            realm.runs().filter(|run| !run.is_settled()).any(|run| run.may_meet(&selector))
        })
        .await
    }

    async fn decide(&self, caller: &Caller, id: &str, act: Act) -> Answer {
        let about = self.asked(id).await?;
        let approval = about.id().clone();
        let digest: Digest = act
            .digest
            .parse()
            .map_err(|_| ApiError::new("usage", "`digest` is not the digest of an approval"))?;
        let acting = self.deciding(caller, &approval, digest, &act)?;
        let verdict = match act.decision {
            Decision::Approve => Verdict::Approve,
            Decision::Reject => Verdict::Reject,
            Decision::Withdraw => Verdict::Withdraw,
        };
        let decide = Box::new(Decide {
            approval,
            by: acting.actor,
            verdict,
            rationale: act.rationale,
            form: Value::Object(act.form),
            digest: Some(digest),
            assurance: Some(acting.assurance),
            claims: None,
            token_creator: None,
            signature: act.signature,
        });
        let About::Step(run, _) = about else {
            self.system(SystemCommand::DecideExemption(decide)).await?;
            return Ok(json!({"approval": self.approval(&about).await?}));
        };
        self.command(run, Command::Decide(decide)).await?;
        let approval = self.approval(&about).await?;
        let run = self.with_run(run, super::looks::brief).await?;
        Ok(json!({"approval": approval, "run": run}))
    }

    /// Who decides: with a signature the person whose key it is, else whoever the caller is.
    fn deciding(
        &self,
        caller: &Caller,
        approval: &ApprovalId,
        digest: Digest,
        act: &Act,
    ) -> Result<Acting, ApiError> {
        let Some(signature) = &act.signature else { return self.acting(caller) };
        let roster = self.roster()?;
        let named = match &caller.acting_as {
            Some(named) => named.clone(),
            None => identity::signer(roster, caller)?,
        };
        let (name, person) = identity::person_named(roster, &named)?;
        let statement = Statement {
            approval: approval.clone(),
            digest,
            decision: act.decision.act(),
            rationale: act.rationale.clone(),
            form: Value::Object(act.form.clone()),
            by: named.as_str().into(),
            at: None,
        };
        let key = person.key.as_ref().map(|key| &*key.value).unwrap_or_default();
        verify_signature(key, &statement, signature).map_err(|error| {
            ApiError::new("interactive_required", format!("`{named}` did not sign this decision: {error}"))
                .hint("sign with the key whose public half stands in the roster (`people.<name>.key`)")
        })?;
        Ok(Acting { actor: identity::actor(name, person), assurance: Assurance::Signed })
    }
}

fn admin(error: ApiError) -> ApiError {
    match error.code.as_str() {
        "not_permitted" => error.hint("a person with `role:admin` may"),
        _ => error,
    }
}

/// What a person does.
struct Act {
    decision: Decision,
    rationale: String,
    form: Map<String, Value>,
    digest: String,
    signature: Option<String>,
}

/// A person's own words as a reason.
fn said(reason: Option<String>) -> Vec<Reason> {
    // Pausing is nobody's fault: the code says that somebody called for it.
    reason.map(|reason| Reason::new(Code::Cancelled, reason)).into_iter().collect()
}

pub(super) fn instant(text: &str) -> Result<Timestamp, ApiError> {
    text.parse().map_err(|_| {
        ApiError::new("usage", format!("`{text}` is no instant")).hint("such as 2026-12-31T18:00:00Z")
    })
}
