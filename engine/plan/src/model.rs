//! The plan as data. Made by `compile` alone; nothing here resolves or decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordain_spec::digest::Digest;
use ordain_spec::expr::Arg;
use ordain_spec::kind::capability::Idempotency;
use ordain_spec::kind::connector::Operation;
use ordain_spec::kind::field::Named;
use ordain_spec::kind::runbook::{NeedOn, Step};
use ordain_spec::kind::scalar::Name;
use ordain_spec::kind::workspace::Connection;
use ordain_spec::kind::{Approval, Capability, Connector, Export, Runbook};

/// What one run of a runbook will do, as far as it is known before the inputs are.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The runbook.
    pub runbook: Arc<Runbook>,
    /// Over the digests of runbook, capabilities, connectors, sub-runbooks and resolved connections.
    pub digest: Digest,
    /// The catalogue from which it was compiled.
    pub catalogue: Digest,
    /// In an order in which every step comes after what it needs; ties in the order of the file.
    pub steps: Vec<PlanStep>,
    /// Bounds over all paths.
    pub worst_case: WorstCase,
}

impl Plan {
    /// The step of that id.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&PlanStep> {
        self.steps.iter().find(|step| &*step.id == id)
    }

    /// The name of the runbook.
    #[must_use]
    pub fn name(&self) -> &str {
        self.runbook.metadata.name.as_str()
    }

    /// The export that this plan carries out; none for a runbook that somebody wrote.
    #[must_use]
    pub fn flow(&self) -> Option<&str> {
        Name::flow(self.name())
    }

    /// The notice that this plan delivers; none for a runbook that somebody wrote.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        Name::notice(self.name())
    }

    /// True for a runbook that somebody wrote.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.flow().is_none() && self.notice().is_none()
    }

    /// The release of the runbook, empty where it declares none.
    #[must_use]
    pub fn version(&self) -> String {
        self.runbook.metadata.version.as_ref().map(|version| version.value.to_string()).unwrap_or_default()
    }

    /// Every distinct plan below this one that a sub-run starts, nearest first, each once.
    #[must_use]
    pub fn sub_plans(&self) -> Vec<&Arc<Self>> {
        let mut found: Vec<&Arc<Self>> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut queue: std::collections::VecDeque<&Self> = [self].into();
        while let Some(plan) = queue.pop_front() {
            for step in &plan.steps {
                if let Body::SubRun(child) = &step.body
                    && seen.insert(child.digest)
                {
                    found.push(child);
                    queue.push_back(child);
                }
            }
        }
        found
    }
}

/// One step with everything resolved.
#[derive(Debug, Clone)]
pub struct PlanStep {
    /// Its place in [`Plan::steps`].
    pub index: usize,
    /// Its name within the runbook.
    pub id: Arc<str>,
    /// As declared: expressions, bounds, reasons.
    pub spec: Arc<Step>,
    /// What must have settled before, in the order of the file.
    pub needs: Vec<Need>,
    /// The steps that need this one, ascending.
    pub dependents: Vec<usize>,
    /// Every step before this one through `needs`.
    pub ancestors: StepSet,
    /// What it does.
    pub body: Body,
    /// The approvals that the capability and the step name, united by name (and release, where two
    /// releases of one name are asked for), ascending. An `approve` step's own is in its body.
    pub approvals: Vec<Arc<Approval>>,
    /// The approvals that policies and budgets of the catalogue may ask for besides. For people and
    /// for bounds: not in the digest, and the decision is made anew at run time.
    pub gates: Vec<Gate>,
    /// Limit of one attempt: the smallest of capability's, step's and operation's. `None` where none
    /// is declared (only connectors of type `mock` need none) and for bodies that call nothing.
    pub timeout_ms: Option<u64>,
    /// The most items that it can have: `forEach.maxItems`, else 1.
    pub max_items: u64,
    /// The most attempts of one item: `retry.attempts`, or the rounds of `repeat` times that.
    pub max_attempts: u64,
}

impl PlanStep {
    /// The action of a step with `uses`.
    #[must_use]
    pub const fn action(&self) -> Option<&Arc<Action>> {
        match &self.body {
            Body::Use(action) => Some(action),
            _ => None,
        }
    }

    /// The way back of a step with `uses`, if it has one.
    #[must_use]
    pub fn undo(&self) -> Option<&Undo> {
        self.action().and_then(|action| action.undo.as_deref())
    }

    /// True when it runs as clean-up: at least one `needs` entry is `on: any`.
    #[must_use]
    pub fn is_clean_up(&self) -> bool {
        self.needs.iter().any(|need| need.on == NeedOn::Any)
    }

    /// True when it runs once for each item of a list.
    #[must_use]
    pub fn is_for_each(&self) -> bool {
        self.spec.for_each.is_some()
    }
}

/// An approval that the active catalogue may ask for, beyond what capability and step name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The approval.
    pub approval: Arc<str>,
    /// Who asks for it.
    pub source: GateSource,
    /// True when it is asked for whoever runs the step with whatever inputs.
    pub certain: bool,
    /// The rule's own condition.
    pub when: Option<Arc<str>>,
}

/// Who asks for an approval.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GateSource {
    /// A rule of a policy.
    Policy {
        /// The policy.
        name: Arc<str>,
        /// The rule.
        rule: Arc<str>,
    },
    /// A budget, when it would be exceeded.
    Budget {
        /// The budget.
        name: Arc<str>,
    },
}

/// An edge of the DAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Index of the earlier step in [`Plan::steps`].
    pub step: usize,
    /// How it must have settled.
    pub on: NeedOn,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Body {
    /// Uses a capability.
    Use(Arc<Action>),
    /// Runs another runbook.
    SubRun(Arc<Plan>),
    /// Asks people, and does nothing else.
    Approve(Arc<Approval>),
    /// Pauses.
    Wait {
        /// For so long.
        ms: u64,
    },
    /// Waits for a message from outside; what it asks for is in [`PlanStep::spec`].
    Signal,
    /// Previews an export, asks people about exactly that, and releases it.
    Export(Arc<Export>),
}

impl Body {
    /// The word in JSON: the field of the step that made it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Use(_) => "uses",
            Self::SubRun(plan) if plan.flow().is_some() => "export",
            Self::SubRun(_) => "runbook",
            Self::Approve(_) => "approve",
            Self::Wait { .. } => "wait",
            Self::Signal => "signal",
            Self::Export(_) => "export",
        }
    }

    /// The name of the export that it carries out, itself or with its delivery.
    #[must_use]
    pub fn export(&self) -> Option<&str> {
        match self {
            Self::Export(export) => Some(export.metadata.name.as_str()),
            Self::SubRun(plan) => plan.flow(),
            Self::Use(_) | Self::Approve(_) | Self::Wait { .. } | Self::Signal => None,
        }
    }
}

/// One call of one operation, with every reference resolved and every default applied.
#[derive(Debug, Clone)]
pub struct Action {
    /// The governed action.
    pub capability: Arc<Capability>,
    /// What carries it out.
    pub connector: Arc<Connector>,
    /// The connector's operation.
    pub operation: Arc<str>,
    /// What the workspace grants the connector; `None` where it grants nothing (mock runs only).
    pub connection: Option<Arc<ResolvedConnection>>,
    /// What makes repeating it harmless; the default is applied.
    pub idempotency: Idempotency,
    /// Limit of one attempt: the smallest of what is declared.
    pub timeout_ms: Option<u64>,
    /// The way back. An undo has none itself.
    pub undo: Option<Box<Undo>>,
}

impl Action {
    /// The operation's declaration.
    #[must_use]
    pub fn declared_operation(&self) -> Option<&Operation> {
        self.connector.spec.operations.get(&self.operation)
    }

    /// `connector.operation`, as scenarios and counts write it.
    #[must_use]
    pub fn call_name(&self) -> String {
        format!("{}.{}", self.connector.metadata.name.value, self.operation)
    }

    /// The capability as `name@version`.
    #[must_use]
    pub fn uses(&self) -> String {
        let metadata = &self.capability.metadata;
        match &metadata.version {
            Some(version) => format!("{}@{}", metadata.name.value, version.value),
            None => metadata.name.value.to_string(),
        }
    }
}

/// The way back from an action.
#[derive(Debug, Clone)]
pub struct Undo {
    /// The undoing call.
    pub action: Arc<Action>,
    /// Its arguments, over `input output run`.
    pub with: Named<Arg>,
}

/// What the workspace grants to the connector of that name, and the settings that the connector names.
/// Part of the plan's digest; it holds names of secrets, never their values.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedConnection {
    /// The connector's name, which is also the connection's.
    pub name: Arc<str>,
    /// What is granted.
    pub grants: Connection,
    /// The settings that the connector names, by name; one that the workspace lacks is not in here.
    pub settings: BTreeMap<Arc<str>, Arc<str>>,
    /// Over all of the above.
    pub digest: Digest,
}

/// Bounds over all paths of a run, sub-runs included. They saturate at 2^53−1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorstCase {
    /// The most that can be spent by doing, by unit. An item costs its `max` once: a reservation is
    /// kept over retries.
    pub cost: BTreeMap<Arc<str>, i64>,
    /// The most that undoing all of it can spend on top, by unit.
    pub undo_cost: BTreeMap<Arc<str>, i64>,
    /// How many approvals can be asked for (an approval with several stages counts once).
    pub approvals: u64,
    /// How many steps can run; each item of a `forEach` counts, and each step of a sub-run.
    pub steps: u64,
}

/// A set of steps of one plan, as bits: 2,000 steps need 250 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepSet(Vec<u64>);

impl StepSet {
    /// Adds a step.
    pub fn insert(&mut self, step: usize) {
        let word = step / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (step % 64);
        }
    }

    /// Adds every step of another set.
    pub fn extend(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (bits, more) in self.0.iter_mut().zip(&other.0) {
            *bits |= more;
        }
    }

    /// True when the step is in the set.
    #[must_use]
    pub fn contains(&self, step: usize) -> bool {
        self.0.get(step / 64).is_some_and(|bits| bits & (1 << (step % 64)) != 0)
    }

    /// The steps, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits & (1 << bit) != 0).map(move |bit| word * 64 + bit)
        })
    }

    /// True when no step is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|bits| *bits == 0)
    }
}
