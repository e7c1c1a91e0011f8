//! Requests that only look.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ordain_kernel::ids::RunId;
use ordain_kernel::realm::Realm;
use ordain_kernel::run::{Run, RunState, WaitingFor};
use ordain_kernel::view;
use ordain_spec::diagnostic::nearest;
use serde_json::{Map, Value, json};

use super::{Inner, is_id_prefix};
use crate::api::{Answer, ApiError, Request};
use crate::local::left;
use crate::store::read::RunFilter;
use crate::store::rows::RunRow;
use crate::{recover, verify};

/// A run that waits longer than this for a time alone is left alone.
const SHORT_WAIT_MS: i64 = 60_000;

impl Inner {
    pub(super) async fn look(&self, request: Request) -> Answer {
        match request {
            Request::Show { run } => self.show(self.run_id(&run).await?).await,
            Request::Watch { run, after } => self.watch(&run, after).await,
            Request::Runs { state, runbook, limit, cursor } => {
                self.runs(RunFilter { state, runbook, before: cursor, limit: i64::from(limit) }).await
            }
            Request::Why { target, step } => self.why(&target, step).await,
            Request::Approvals { state } => self.approvals(state.as_deref().unwrap_or("open")).await,
            Request::Approval { id } => {
                let about = self.asked(&id).await?;
                Ok(json!({"approvals": [self.approval(&about).await?]}))
            }
            Request::Kills => self.kills().await,
            Request::Budgets => {
                let now = self.clock.now();
                self.with_realm(move |realm| view::budgets(&realm.world, now)).await
            }
            Request::Quotas => self.quotas().await,
            Request::AuditTail { run, limit } => self.audit_tail(run, limit).await,
            Request::AuditVerify { from_checkpoint, checkpoint } => {
                let against =
                    verify::against(&self.state, &self.trust, checkpoint.as_deref(), from_checkpoint);
                verify::log(&self.reader, &against).await
            }
            Request::AuditCompleteness => self.audit_completeness().await,
            Request::Probe => self.prober.look().await,
            Request::Report { since, until } => self.report(since, until).await,
            Request::Status => self.status().await,
            _ => Err(ApiError::fault("not a question")),
        }
    }

    pub(super) async fn show(&self, run: RunId) -> Answer {
        self.with_run(run, document).await
    }

    async fn watch(&self, run: &str, after: u64) -> Answer {
        let id = self.run_id(run).await?;
        let (mut commits, mut leaving) = (self.commits.clone(), self.leaving.subscribe());
        loop {
            let failing = commits.borrow_and_update().failing.clone();
            let now = self.clock.now();
            let look =
                move |run: &Run| (document(run), run.seq, is_parked(run, now), run.effects().is_empty());
            let (Value::Object(mut document), seq, mut parked, idle) = self.with_run(id, look).await? else {
                return Err(ApiError::fault("a run's document is an object"));
            };
            if idle && !parked && self.specs.active().is_none() {
                return Err(self.catalogue_refused());
            }
            if parked && self.children_move(id).await? {
                parked = false;
            }
            if parked || seq > after {
                document.insert("seq".into(), seq.into());
                document.insert("parked".into(), parked.into());
                let reminders = self.with_realm(move |realm| reminders(realm, id, now)).await?;
                if !reminders.is_empty() {
                    document.insert("reminders".into(), reminders.into());
                }
                return Ok(Value::Object(document));
            }
            if let Some(error) = failing {
                return Err(error);
            }
            let more = tokio::select! {
                changed = commits.changed() => changed.is_ok(),
                () = left(&mut leaving) => false,
            };
            if !more {
                return Err(super::gone());
            }
        }
    }

    /// True while a sub-run below `run` is not parked itself.
    async fn children_move(&self, run: RunId) -> Result<bool, ApiError> {
        let now = self.clock.now();
        self.with_realm(move |realm| {
            let mut above = BTreeSet::from([run]);
            // Ids grow with time, so a child comes after its parent.
            realm.runs().any(|run| {
                let below = run.started.parent.as_ref().is_some_and(|parent| above.contains(&parent.run));
                if below {
                    above.insert(run.id());
                }
                below && !is_parked(run, now)
            })
        })
        .await
    }

    async fn runs(&self, filter: RunFilter) -> Answer {
        self.asks_for_something(&filter).await?;
        let limit = filter.limit.min(1_000);
        let mut rows = self.reader.runs(&RunFilter { limit: limit + 1, ..filter }).await?;
        let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let mut document = Map::new();
        let cursor = rows.last().filter(|_| more).map(|row| row.id.clone());
        document.insert("runs".into(), rows.iter().map(run_row).collect());
        if let Some(cursor) = cursor {
            document.insert("nextCursor".into(), cursor.into());
        }
        Ok(Value::Object(document))
    }

    /// Refuses what no run can answer to: it would look like an answer.
    async fn asks_for_something(&self, filter: &RunFilter) -> Result<(), ApiError> {
        if filter.limit < 1 {
            return Err(ApiError::new("usage", "a limit of 0 asks for nothing")
                .hint("leave the limit out, or ask for 1 to 1000"));
        }
        if let Some(state) =
            filter.state.as_deref().filter(|state| RunState::ALL.iter().all(|one| one.as_str() != *state))
        {
            let words: Vec<&str> = RunState::ALL.iter().map(|state| state.as_str()).collect();
            return Err(ApiError::new("usage", format!("`{state}` is no state of a run"))
                .hint(format!("the states are: {}", words.join(", "))));
        }
        if let Some(cursor) = &filter.before {
            let named = self.reader.runs_with_prefix(cursor).await?;
            if cursor.parse::<RunId>().is_err() || named.iter().all(|row| row.id != *cursor) {
                return Err(ApiError::new("usage", format!("`{cursor}` is no cursor of a page of runs"))
                    .hint("give the `nextCursor` of the page before as it is"));
            }
        }
        let Some(runbook) = &filter.runbook else { return Ok(()) };
        let active = self.specs.active();
        let declared = active.as_ref().map(|active| &active.catalogue.runbooks);
        let is_declared = declared.is_some_and(|runbooks| runbooks.contains_key(&**runbook));
        let one = RunFilter { runbook: Some(runbook.clone()), limit: 1, ..RunFilter::default() };
        // Runs outlive their runbooks.
        if is_declared || !self.reader.runs(&one).await?.is_empty() {
            return Ok(());
        }
        let names = declared.into_iter().flat_map(|runbooks| runbooks.keys()).map(|name| name.as_str());
        let hint = nearest(runbook, names).map_or_else(
            || "`ordain specs runbook` lists those that are declared".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Err(ApiError::not_found("runbook", runbook).hint(hint))
    }

    async fn why(&self, target: &str, step: Option<String>) -> Answer {
        let decisions =
            if is_id_prefix(target) { self.reader.decisions_with_prefix(target).await? } else { Vec::new() };
        if let [(decision, run)] = decisions.as_slice() {
            let events = recover::journal(&self.reader, run).await?.events;
            let mut document = view::why(events.iter().map(|(_, event)| event), None);
            if let Some(decisions) = document.get_mut("decisions").and_then(Value::as_array_mut) {
                decisions.retain(|one| one.get("id").and_then(Value::as_str) == Some(decision));
            }
            return Ok(document);
        }
        let run = self.run_id(target).await?;
        if let Some(step) = step.clone() {
            let there =
                self.with_run(run, |run| run.plan.steps.iter().map(|of| of.id.clone()).collect::<Vec<_>>());
            let there = there.await?;
            if !there.iter().any(|id| **id == *step) {
                return Err(
                    ApiError::not_found("step", &step).hint(format!("there are: {}", there.join(", ")))
                );
            }
        }
        let events = recover::journal(&self.reader, &run.to_string()).await?.events;
        Ok(view::why(events.iter().map(|(_, event)| event), step.as_deref()))
    }

    pub(super) async fn kills(&self) -> Answer {
        let now = self.clock.now();
        self.with_realm(move |realm| view::kill_switches(&realm.world, now)).await
    }

    pub(super) async fn quotas(&self) -> Answer {
        let now = self.clock.now();
        self.with_realm(move |realm| view::quotas(&realm.world, now)).await
    }

    async fn audit_tail(&self, run: Option<String>, limit: u32) -> Answer {
        let run = match run {
            Some(run) => Some(self.run_id(&run).await?.to_string()),
            None => None,
        };
        let rows = self.reader.audit_tail(run.as_deref(), i64::from(limit.clamp(1, 10_000))).await?;
        let records = recover::records(&rows)?;
        Ok(json!({"records": records}))
    }

    /// Is there a record for everything that runs did? The records that a run's journal makes are made
    /// again and compared with those that are there, by the head of their chain.
    async fn audit_completeness(&self) -> Answer {
        let mut missing = Vec::new();
        let ids = self.reader.run_ids().await?;
        for id in &ids {
            let recorded = self.reader.audit_head(Some(id)).await?;
            let recorded = recorded.map(|row| recover::record(&row)).transpose()?.map(|record| record.hash);
            match recover::run(&self.reader, &self.specs, id).await {
                Ok(run) if recorded == Some(run.audit_chain.head) => {}
                Ok(_) => {
                    missing.push(json!({"run": id, "what": "its records do not end where its journal does"}))
                }
                Err(error) => missing.push(json!({"run": id, "what": error.to_string()})),
            }
        }
        Ok(json!({"ok": missing.is_empty(), "runs": ids.len(), "missing": missing}))
    }

    async fn status(&self) -> Answer {
        let unsettled = self.reader.unsettled().await?.len();
        let left_out: Vec<Value> =
            self.left_out.iter().map(|(run, why)| json!({"run": run, "detail": why})).collect();
        let catalogue = self.specs.active().map(|active| active.catalogue.digest().to_string());
        Ok(
            json!({"catalogueDigest": catalogue, "refused": self.refused, "unsettled": unsettled, "leftOut": left_out}),
        )
    }
}

/// `{run: …}`
pub(super) fn document(run: &Run) -> Value {
    json!({"run": view::run(run)})
}

/// `{id, state, waitingFor?}`
pub(super) fn brief(run: &Run) -> Value {
    let mut brief = view::run(run);
    if let Some(fields) = brief.as_object_mut() {
        fields.retain(|name, _| matches!(name.as_str(), "id" | "state" | "waitingFor"));
    }
    brief
}

/// What was told about the open stages of a run until now, soonest first, each with its approval and step.
fn reminders(realm: &Realm, run: RunId, now: Timestamp) -> Vec<Value> {
    let approvals = realm.run(run).map(|run| view::approvals(run, &realm.world, now)).unwrap_or_default();
    let mut found = Vec::new();
    for approval in approvals {
        let named = |field: &str| approval.get(field).cloned().unwrap_or_default();
        for told in approval.get("reminders").and_then(Value::as_array).into_iter().flatten() {
            let mut told = told.clone();
            if let Some(told) = told.as_object_mut() {
                told.extend(["approval", "stage", "step"].map(|field| (field.to_owned(), named(field))));
            }
            found.push(told);
        }
    }
    // Soonest first over all stages: what is new stands last.
    found.sort_by_key(|told| {
        told.get("at").and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok())
    });
    found
}

/// Settled, held by a person, or waiting for nothing that comes soon by itself.
fn is_parked(run: &Run, now: Timestamp) -> bool {
    let state = run.state();
    if state.is_settled() || matches!(state, RunState::Paused | RunState::Stuck) {
        return true;
    }
    if state != RunState::Waiting {
        return false;
    }
    let waits = run.waiting_for();
    if waits.contains(&WaitingFor::Timer) || waits.contains(&WaitingFor::Throttle) {
        let soon = |at: Timestamp| at.as_millisecond() - now.as_millisecond() <= SHORT_WAIT_MS;
        return !run.next_wake().is_some_and(soon);
    }
    true
}

fn run_row(row: &RunRow) -> Value {
    let time = |ms: i64| Timestamp::from_millisecond(ms).map(|at| at.to_string()).unwrap_or_default();
    let mut document = json!({
        "id": row.id,
        "runbook": row.runbook,
        "state": row.state,
        "mode": row.mode,
        "requester": row.requester,
        "createdAt": time(row.created_at),
    });
    if let (Some(settled), Some(document)) = (row.settled_at, document.as_object_mut()) {
        document.insert("settledAt".into(), time(settled).into());
    }
    if let (Some(parent), Some(document)) = (&row.parent, document.as_object_mut()) {
        document.insert("parent".into(), parent.clone().into());
    }
    document
}
