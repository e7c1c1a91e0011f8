//! A report over what happened between two instants: runs and how they ended, decisions and what denied, approvals and how
//! long they took, and what the workspace itself saw. Counted from journals alone, so the same journals always give the
//! same report; it holds names, codes and numbers, never a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::decision::{Decision, ExemptionState, Outcome, RuleKind, RuleValue};
use crate::ids::{ApprovalId, RunId};
use crate::run::Event;
use crate::run::system::SystemEvent;

/// The most causes of denials that are listed.
const CAUSES: usize = 20;

/// What was counted so far.
#[derive(Debug, Default)]
pub struct Report {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    runs: BTreeMap<RunId, Ran>,
    asked: BTreeMap<ApprovalId, Asked>,
    outcomes: [u64; 3],
    denials: BTreeMap<Cause, u64>,
    rules: BTreeMap<(Arc<str>, Arc<str>), u64>,
    exemptions: BTreeMap<Arc<str>, u64>,
    marks: BTreeMap<(String, bool), u64>,
    workspace: BTreeMap<&'static str, u64>,
}

/// Code, author's reason, kind and name of the source, rule.
type Cause = (&'static str, String, String, String);

/// A run, as far as it is counted.
#[derive(Debug)]
struct Ran {
    runbook: Arc<str>,
    mode: &'static str,
    started: Timestamp,
    end: Option<(Timestamp, &'static str)>,
}

/// A stage that people were asked at.
#[derive(Debug)]
struct Asked {
    approval: Arc<str>,
    quorum: u64,
    opened: Option<Timestamp>,
    granted: u64,
    end: Option<(Timestamp, &'static str)>,
}

impl Report {
    /// A report over what happened from `since` to before `until`; from the beginning and to the end where nothing is said.
    #[must_use]
    pub fn over(since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self { since, until, ..Self::default() }
    }

    fn is_within(&mut self, at: Timestamp) -> bool {
        let within = self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until);
        if within {
            self.first = Some(self.first.map_or(at, |first| first.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
        }
        within
    }

    /// Counts an event of a run.
    pub fn run(&mut self, run: RunId, at: Timestamp, event: &Event) {
        if !self.is_within(at) {
            return;
        }
        match event {
            Event::Started(started) => {
                let (runbook, mode) = (Arc::clone(&started.runbook), started.mode.as_str());
                self.runs.insert(run, Ran { runbook, mode, started: at, end: None });
            }
            Event::Settled(settled) => {
                if let Some(ran) = self.runs.get_mut(&run) {
                    ran.end = Some((at, settled.state.as_str()));
                }
            }
            Event::Decided { decision, .. } => self.decided(decision),
            Event::Held { asked, .. } => {
                for approval in asked {
                    for stage in &approval.stages {
                        let name = Arc::clone(&approval.name);
                        let asked = Asked {
                            approval: name,
                            quorum: stage.quorum,
                            opened: None,
                            granted: 0,
                            end: None,
                        };
                        self.asked.insert(stage.id.clone(), asked);
                    }
                }
            }
            Event::StageOpened { approval, .. } => self.stage(approval, |asked| asked.opened = Some(at)),
            Event::Granted { approval, .. } => self.stage(approval, |asked| {
                asked.granted += 1;
                if asked.granted >= asked.quorum {
                    asked.end = Some((at, "granted"));
                }
            }),
            Event::Withdrawn { approval, .. } => self.stage(approval, |asked| {
                asked.granted = asked.granted.saturating_sub(1);
                asked.end = None;
            }),
            Event::Refused { approval, .. } => {
                self.stage(approval, |asked| asked.end = Some((at, "rejected")));
            }
            Event::StageExpired { approval, .. } => {
                self.stage(approval, |asked| asked.end = Some((at, "expired")));
            }
            Event::BudgetNoted { budget, breached, .. } => {
                *self.marks.entry((budget.clone(), *breached)).or_default() += 1;
            }
            _ => {}
        }
    }

    fn stage(&mut self, id: &ApprovalId, change: impl FnOnce(&mut Asked)) {
        if let Some(asked) = self.asked.get_mut(id) {
            change(asked);
        }
    }

    fn decided(&mut self, decision: &Decision) {
        let [allow, hold, deny] = &mut self.outcomes;
        match decision.outcome {
            Outcome::Allow => *allow += 1,
            Outcome::Hold => *hold += 1,
            Outcome::Deny => *deny += 1,
        }
        if decision.outcome == Outcome::Deny {
            for reason in &decision.reasons {
                let text = |text: Option<&Arc<str>>| text.map(ToString::to_string).unwrap_or_default();
                let source = reason.source.as_ref();
                let cause = (
                    reason.code.as_str(),
                    text(reason.reason.as_ref()),
                    source.map(|source| source.name.to_string()).unwrap_or_default(),
                    text(source.and_then(|source| source.rule.as_ref())),
                );
                *self.denials.entry(cause).or_default() += 1;
            }
        }
        for policy in &decision.policies {
            for rule in &policy.rules {
                let counts = rule.value == RuleValue::True && rule.kind != RuleKind::Mask;
                if counts {
                    *self.rules.entry((Arc::clone(&policy.name), Arc::clone(&rule.id))).or_default() += 1;
                }
                let held = rule.exemptions.iter().filter(|one| one.state == ExemptionState::Held);
                for exemption in held {
                    *self.exemptions.entry(Arc::clone(&exemption.name)).or_default() += 1;
                }
            }
        }
    }

    /// Counts an event of the workspace.
    pub fn system(&mut self, at: Timestamp, event: &SystemEvent) {
        if !self.is_within(at) {
            return;
        }
        let word = match event {
            SystemEvent::StartRefused { .. } => "startsRefused",
            SystemEvent::KillSet { .. } => "killSwitchesSet",
            SystemEvent::KillLifted { .. } => "killSwitchesLifted",
            SystemEvent::QuotaReset { .. } => "quotasReset",
            SystemEvent::CatalogueActivated { .. } => "cataloguesActivated",
            SystemEvent::CatalogueRefused { .. } => "cataloguesRefused",
            SystemEvent::WorkspaceChanged { .. } | SystemEvent::StanceTaken { .. } => "workspaceChanges",
            SystemEvent::NoticeFailed { .. } => "noticesFailed",
            SystemEvent::Pruned { .. } => "prunes",
            SystemEvent::Restored { .. } => "restores",
            SystemEvent::Encrypted { .. } => "encryptions",
            SystemEvent::Rekeyed { .. } => "logKeyChanges",
            SystemEvent::ExemptionDecided { .. } => "exemptionDecisions",
            _ => return,
        };
        *self.workspace.entry(word).or_default() += 1;
    }

    /// The last instant that was counted.
    #[must_use]
    pub const fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// The whole, with the rows of `ordain budgets`.
    #[must_use]
    pub fn document(&self, budgets: &Value) -> Value {
        let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let [allow, hold, deny] = self.outcomes;
        json!({
            "from": instant(self.since.or(self.first)),
            "until": instant(self.until.or(self.last)),
            "runs": {"total": self.runs.len(), "states": self.states(), "runbooks": self.runbooks()},
            "decisions": {
                "allow": allow, "hold": hold, "deny": deny,
                "denials": self.causes(),
                "rules": self.rules.iter().map(|((policy, rule), count)| json!({"policy": policy, "rule": rule, "true": count})).collect::<Vec<_>>(),
                "exemptions": self.exemptions.iter().map(|(name, count)| json!({"name": name, "used": count})).collect::<Vec<_>>(),
            },
            "approvals": self.approvals(),
            "budgets": budgets.get("budgets").cloned().unwrap_or_else(|| json!([])),
            "marks": self.marks.iter().map(|((budget, breached), count)| json!({"budget": budget, "mark": if *breached { "breached" } else { "warned" }, "count": count})).collect::<Vec<_>>(),
            "workspace": self.workspace,
        })
    }

    fn states(&self) -> BTreeMap<&'static str, u64> {
        let mut states = BTreeMap::new();
        for ran in self.runs.values() {
            *states.entry(ran.end.map_or("open", |(_, state)| state)).or_default() += 1;
        }
        states
    }

    fn runbooks(&self) -> Vec<Value> {
        let mut all: BTreeMap<(&str, &str), Vec<&Ran>> = BTreeMap::new();
        for ran in self.runs.values() {
            all.entry((&ran.runbook, ran.mode)).or_default().push(ran);
        }
        let row = |((runbook, mode), runs): ((&str, &str), Vec<&Ran>)| {
            let mut states: BTreeMap<&str, u64> = BTreeMap::new();
            for ran in &runs {
                *states.entry(ran.end.map_or("open", |(_, state)| state)).or_default() += 1;
            }
            let took = runs.iter().filter_map(|ran| Some(between(ran.started, ran.end?.0))).collect();
            let (median, longest) = spread(took);
            json!({"runbook": runbook, "mode": mode, "total": runs.len(), "states": states, "medianMs": median, "longestMs": longest})
        };
        all.into_iter().map(row).collect()
    }

    fn causes(&self) -> Vec<Value> {
        let mut causes: Vec<(&Cause, &u64)> = self.denials.iter().collect();
        causes.sort_by(|(one, count), (other, more)| more.cmp(count).then(one.cmp(other)));
        let row = |((code, reason, source, rule), count): (&Cause, &u64)| json!({"code": code, "reason": reason, "source": source, "rule": rule, "count": count});
        causes.into_iter().take(CAUSES).map(row).collect()
    }

    fn approvals(&self) -> Vec<Value> {
        let mut all: BTreeMap<&str, Vec<&Asked>> = BTreeMap::new();
        for asked in self.asked.values().filter(|asked| asked.opened.is_some()) {
            all.entry(&asked.approval).or_default().push(asked);
        }
        let row = |(approval, stages): (&str, Vec<&Asked>)| {
            let ended = |word: &str| {
                stages.iter().filter(|asked| asked.end.is_some_and(|(_, state)| state == word)).count()
            };
            let decided =
                stages.iter().filter(|asked| asked.end.is_some_and(|(_, state)| state != "expired"));
            let took = decided.filter_map(|asked| Some(between(asked.opened?, asked.end?.0))).collect();
            let (median, longest) = spread(took);
            json!({
                "approval": approval, "stages": stages.len(), "granted": ended("granted"),
                "rejected": ended("rejected"), "expired": ended("expired"),
                "undecided": stages.iter().filter(|asked| asked.end.is_none()).count(),
                "medianMs": median, "longestMs": longest,
            })
        };
        all.into_iter().map(row).collect()
    }
}

fn between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millisecond().saturating_sub(from.as_millisecond()).max(0)
}

/// The lower median and the longest.
fn spread(mut took: Vec<i64>) -> (Option<i64>, Option<i64>) {
    took.sort_unstable();
    let middle = took.len().saturating_sub(1) / 2;
    (took.get(middle).copied(), took.last().copied())
}
