//! Runs, steps, items and work before anything happened to them.

use super::*;

impl Run {
    /// A run at its first event.
    #[must_use]
    pub fn new(plan: Arc<Plan>, at: Timestamp, started: Arc<Started>) -> Self {
        let steps =
            plan.steps.iter().map(|step| StepRun::new(u32::try_from(step.needs.len()).unwrap_or(u32::MAX)));
        let steps: Vec<_> = steps.collect();
        let main = plan.steps.iter().filter(|step| !step.is_clean_up()).count();
        let waits = started.lock.as_ref().is_some_and(|lock| !lock.granted);
        let mut run = Self {
            created_at: at,
            last_at: at,
            earliest: at,
            stage: if waits { Stage::Queued } else { Stage::Forward },
            unsettled: u32::try_from(steps.len()).unwrap_or(u32::MAX),
            unsettled_main: u32::try_from(main).unwrap_or(u32::MAX),
            children: 0,
            steps,
            seq: 0,
            audit_chain: Chain::default(),
            record_digest: Digest([0; 32]),
            record_salt: crate::run::payload::record_salt(&started.salt),
            timers: BTreeSet::new(),
            flying: 0,
            ready: 0,
            running_ms: 0,
            running_since: None,
            limit_ms: started.timeout_ms,
            timed_out: 0,
            holds_lock: started.lock.as_ref().is_some_and(|lock| lock.granted),
            paused: false,
            stuck: 0,
            failing: None,
            outcomes: 0,
            happened: Vec::new(),
            rollback: RollbackState::None,
            signals: BTreeMap::new(),
            end: None,
            ended_before: None,
            agenda: BTreeSet::new(),
            plan,
            started,
        };
        run.look_at_everything();
        run
    }
}

impl StepRun {
    fn new(blockers: u32) -> Self {
        Self {
            state: StepState::Blocked,
            blockers,
            items: Vec::new(),
            next: 0,
            open: 0,
            flying: 0,
            retrying: 0,
            settled: false,
            done: 0,
            broken: None,
            reasons: Vec::new(),
            holds: Vec::new(),
            grounds: aged::Grounds::new(),
            asked_again: 0,
            show: None,
            forms: BTreeMap::new(),
            outputs: None,
            until: None,
            expiry: None,
            tolerated: false,
            stuck: false,
            vouched: false,
            resolving: None,
            preview: None,
            released: false,
        }
    }
}

impl Item {
    pub(super) fn new(prepared: &Prepared) -> Self {
        Self {
            value: prepared.value.clone(),
            work: Work::new(Arc::clone(&prepared.input), prepared.call.clone()),
            undo: None,
            child: None,
            outcome: None,
        }
    }
}

impl Work {
    pub(super) fn new(input: Arc<Value>, call: Option<Arc<Value>>) -> Self {
        Self {
            state: StepState::Blocked,
            input,
            call,
            attempts: 0,
            tries: 0,
            rounds: 0,
            had_unknown: false,
            last_unknown: false,
            repeats: 0,
            flight: None,
            key: None,
            remembered: false,
            reserved: Vec::new(),
            until: None,
            output: None,
            reasons: Vec::new(),
            basis: None,
            masks: BTreeSet::new(),
            replayed: false,
            declared: false,
            observed: None,
        }
    }
}
