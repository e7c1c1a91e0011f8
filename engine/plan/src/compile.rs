//! From a runbook of a checked catalogue to its plan: references resolved, defaults applied, floors
//! merged, sub-runbooks compiled. The only maker of a [`Plan`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ordain_spec::catalogue::Catalogue;
use ordain_spec::digest::Digest;
use ordain_spec::expr::Arg;
use ordain_spec::kind::capability::Idempotency;
use ordain_spec::kind::connector::ConnectorType;
use ordain_spec::kind::export::Deliver;
use ordain_spec::kind::field::Named;
use ordain_spec::kind::metadata::Rollback;
use ordain_spec::kind::runbook::Step;
use ordain_spec::kind::scalar::Name;
use ordain_spec::kind::scalar::{Effect, Reference};
use ordain_spec::kind::{Approval, Capability, Connector, Export, Notice, Runbook};

use crate::connection::Grants;
use crate::gate;
use crate::graph::{self, Graph};
use crate::model::{Action, Body, Plan, PlanStep, ResolvedConnection, Undo};
use crate::{bounds, digest, flow};

/// How deep sub-runs may nest; a law (`subrun-cycle`) holds it.
const MAX_DEPTH: usize = 8;

/// A catalogue that does not hold what its runbook names. Never happens to a checked one: the laws
/// refuse it first. It is a type of its own so that a fault of ours is told from a fault of an author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("runbook `{runbook}` cannot be compiled: {what}")]
pub struct Uncompilable {
    /// The runbook.
    pub runbook: String,
    /// What it names and the catalogue does not hold.
    pub what: String,
}

/// The plan of a runbook. Deterministic; linear in steps and edges, and each distinct sub-runbook is
/// compiled once however many paths lead to it.
///
/// # Errors
///
/// Never for a catalogue made by `check`: see [`Uncompilable`].
pub fn compile(
    runbook: &Arc<Runbook>,
    catalogue: &Catalogue,
    grants: &Grants,
) -> Result<Arc<Plan>, Uncompilable> {
    Compiler::new(catalogue, grants).plan(runbook)
}

/// The plan that carries out an export by itself.
///
/// # Errors
///
/// Never for a catalogue made by `check`: see [`Uncompilable`].
pub fn compile_flow(
    export: &Export,
    catalogue: &Catalogue,
    grants: &Grants,
) -> Result<Arc<Plan>, Uncompilable> {
    Compiler::new(catalogue, grants).flow(export)
}

/// The plan that delivers a notice.
///
/// # Errors
///
/// Never for a catalogue made by `check`: see [`Uncompilable`].
pub fn compile_notice(
    notice: &Notice,
    catalogue: &Catalogue,
    grants: &Grants,
) -> Result<Arc<Plan>, Uncompilable> {
    Compiler::new(catalogue, grants).notice(notice)
}

/// The plan of runs whose runbook nobody wrote, by their name: the flow of an export, the deliveries of a notice. None
/// for the name of a runbook, or of what the catalogue does not hold.
#[must_use]
pub fn compile_unwritten(name: &str, catalogue: &Catalogue, grants: &Grants) -> Option<Arc<Plan>> {
    if let Some(export) = Name::flow(name) {
        return compile_flow(catalogue.exports.get(export)?, catalogue, grants).ok();
    }
    compile_notice(catalogue.notices.get(Name::notice(name)?)?, catalogue, grants).ok()
}

struct Compiler<'c> {
    catalogue: &'c Catalogue,
    grants: &'c Grants,
    plans: BTreeMap<Digest, Arc<Plan>>,
    connections: BTreeMap<Digest, Option<Arc<ResolvedConnection>>>,
    path: Vec<Digest>,
}

impl<'c> Compiler<'c> {
    const fn new(catalogue: &'c Catalogue, grants: &'c Grants) -> Self {
        Self { catalogue, grants, plans: BTreeMap::new(), connections: BTreeMap::new(), path: Vec::new() }
    }

    fn flow(&mut self, export: &Export) -> Result<Arc<Plan>, Uncompilable> {
        let name = &export.metadata.name.value;
        let made = flow::runbook(export);
        let made = made.ok_or_else(|| Uncompilable { runbook: name.to_string(), what: "no flow".into() })?;
        self.plan(&Arc::new(made))
    }

    fn notice(&mut self, notice: &Notice) -> Result<Arc<Plan>, Uncompilable> {
        let unmade = |what| Uncompilable { runbook: notice.metadata.name.value.to_string(), what };
        let capability = self.capability(&notice.spec.uses.value).map_err(unmade)?;
        let made = flow::telling(notice, &capability.spec.input);
        self.plan(&Arc::new(made.ok_or_else(|| unmade("no delivery".into()))?))
    }

    fn plan(&mut self, runbook: &Arc<Runbook>) -> Result<Arc<Plan>, Uncompilable> {
        if let Some(plan) = self.plans.get(&runbook.digest) {
            return Ok(Arc::clone(plan));
        }
        if self.path.contains(&runbook.digest) || self.path.len() > MAX_DEPTH {
            return Err(fault(runbook, "its sub-runs never end"));
        }
        self.path.push(runbook.digest);
        let plan = Arc::new(self.fresh_plan(runbook)?);
        self.path.pop();
        self.plans.insert(runbook.digest, Arc::clone(&plan));
        Ok(plan)
    }

    fn fresh_plan(&mut self, runbook: &Arc<Runbook>) -> Result<Plan, Uncompilable> {
        let mut graph = Graph::of(&runbook.spec.steps).map_err(|what| fault(runbook, what))?;
        let mut steps = Vec::with_capacity(runbook.spec.steps.len());
        for node in graph.take_nodes() {
            let Some(step) = runbook.spec.steps.get(node.source) else { continue };
            let made = self.step(runbook, step, steps.len(), node);
            steps.push(made.map_err(|what| fault(runbook, what))?);
        }
        let digest = digest_of(runbook, &steps);
        let worst_case = bounds::worst_case(&steps);
        Ok(Plan {
            runbook: Arc::clone(runbook),
            digest,
            catalogue: self.catalogue.digest(),
            steps,
            worst_case,
        })
    }

    fn step(
        &mut self,
        runbook: &Runbook,
        step: &Step,
        index: usize,
        node: graph::Node,
    ) -> Result<PlanStep, String> {
        let body = self.body(runbook, step)?;
        let approvals = self.approvals(step, &body)?;
        let gates = match &body {
            Body::Use(action) => gate::expected(self.catalogue, self.grants, runbook, &action.capability),
            _ => Vec::new(),
        };
        let timeout_ms = match &body {
            Body::Use(action) => action.timeout_ms,
            _ => None,
        };
        let max_items =
            step.for_each.as_ref().and_then(|each| each.max_items.as_ref()).map_or(1, |max| max.value);
        let rounds = step.repeat.as_ref().map_or(1, |repeat| repeat.max.value);
        let attempts = step.retry.as_ref().map_or(1, |retry| retry.attempts.value);
        Ok(PlanStep {
            index,
            id: step.id.value.shared(),
            spec: Arc::new(step.clone()),
            needs: node.needs,
            dependents: node.dependents,
            ancestors: node.ancestors,
            body,
            approvals,
            gates,
            timeout_ms,
            max_items,
            max_attempts: rounds.max(1).saturating_mul(attempts.max(1)),
        })
    }

    fn body(&mut self, runbook: &Runbook, step: &Step) -> Result<Body, String> {
        if let Some(uses) = &step.uses {
            let capability = self.capability(uses)?;
            let mut action =
                self.action(&capability, step.timeout.as_ref().map(|timeout| timeout.value.0))?;
            action.undo = self.undo(&capability)?.map(Box::new);
            return Ok(Body::Use(Arc::new(action)));
        }
        if let Some(reference) = &step.runbook {
            let child = self.catalogue.runbook(reference).map_err(|_| unresolved("runbook", reference))?;
            let child = Arc::clone(child);
            return Ok(Body::SubRun(self.plan(&child).map_err(|error| error.what)?));
        }
        if let Some(reference) = &step.approve {
            return Ok(Body::Approve(self.approval(reference)?));
        }
        if let Some(wait) = &step.wait {
            return Ok(Body::Wait { ms: wait.value.0 });
        }
        if step.signal.is_some() {
            return Ok(Body::Signal);
        }
        if let Some(export) = &step.export {
            return self.export(runbook, &export.value);
        }
        Err(format!("step `{}` does nothing", step.id.value))
    }

    /// What is only fetched is released by the step itself; what is handed over has a run of its own.
    fn export(&mut self, runbook: &Runbook, name: &Name) -> Result<Body, String> {
        let export = self.catalogue.exports.get(name).cloned();
        let export = export.ok_or_else(|| format!("the catalogue holds no export `{name}`"))?;
        let within = Name::flow(runbook.metadata.name.as_str()).is_some();
        match export.spec.deliver.value {
            Deliver::Uses { .. } if !within => {
                Ok(Body::SubRun(self.flow(&export).map_err(|error| error.what)?))
            }
            Deliver::Uses { .. } | Deliver::Download => Ok(Body::Export(export)),
        }
    }

    fn action(&mut self, capability: &Arc<Capability>, step_timeout: Option<u64>) -> Result<Action, String> {
        let spec = &capability.spec;
        let connector = Arc::clone(
            self.catalogue.connector(&spec.uses).map_err(|_| unresolved("connector", &spec.uses))?,
        );
        let operation = spec.operation.value.shared();
        let declared = connector.spec.operations.get(&operation).ok_or_else(|| {
            format!("connector `{}` has no operation `{operation}`", connector.metadata.name.value)
        })?;
        let own = spec.timeout.as_ref().map(|timeout| timeout.value.0);
        let limit = declared.timeout.as_ref().map(|timeout| timeout.value.0);
        let timeout_ms = [own, step_timeout, limit].into_iter().flatten().min();
        let idempotency = match &spec.idempotency {
            Some(declared) => declared.value.clone(),
            None if spec.effect.value == Effect::Read => Idempotency::Natural,
            None => Idempotency::None,
        };
        let connection = self.connection(&connector);
        let capability = Arc::clone(capability);
        Ok(Action { capability, connector, operation, connection, idempotency, timeout_ms, undo: None })
    }

    fn undo(&mut self, capability: &Capability) -> Result<Option<Undo>, String> {
        let (uses, with): (&Reference, &Named<Arg>) =
            match capability.metadata.rollback.as_ref().map(|rollback| &rollback.value) {
                Some(Rollback::Uses { uses, with }) => (uses, with),
                Some(Rollback::None { .. }) | None => return Ok(None),
            };
        let undoing = self.capability(uses)?;
        Ok(Some(Undo { action: Arc::new(self.action(&undoing, None)?), with: with.clone() }))
    }

    fn connection(&mut self, connector: &Connector) -> Option<Arc<ResolvedConnection>> {
        if connector.spec.type_.value == ConnectorType::Mock {
            return None;
        }
        let grants = self.grants;
        self.connections
            .entry(connector.digest)
            .or_insert_with(|| grants.resolve(connector).map(Arc::new))
            .clone()
    }

    fn approvals(&self, step: &Step, body: &Body) -> Result<Vec<Arc<Approval>>, String> {
        let floor = match body {
            Body::Use(action) => action.capability.spec.approval.as_ref(),
            Body::Export(export) => export.spec.approval.as_ref(),
            _ => None,
        };
        let mut united = BTreeMap::new();
        for reference in [floor, step.approval.as_ref()].into_iter().flatten() {
            let approval = self.approval(reference)?;
            let release = approval.metadata.version.as_ref().map(|version| version.value.clone());
            united.insert((approval.metadata.name.value.shared(), release), approval);
        }
        Ok(united.into_values().collect())
    }

    fn capability(&self, reference: &Reference) -> Result<Arc<Capability>, String> {
        self.catalogue.capability(reference).cloned().map_err(|_| unresolved("capability", reference))
    }

    fn approval(&self, reference: &Reference) -> Result<Arc<Approval>, String> {
        self.catalogue.approval(reference).cloned().map_err(|_| unresolved("approval", reference))
    }
}

fn fault(runbook: &Runbook, what: impl Into<String>) -> Uncompilable {
    Uncompilable { runbook: runbook.metadata.name.value.to_string(), what: what.into() }
}

fn unresolved(kind: &str, reference: &Reference) -> String {
    format!("the catalogue holds no {kind} `{reference}`")
}

/// What a run keeps: its runbook, and for each step the digests of all that it resolves to. Neither
/// approvals nor policies are in here: those are always the active catalogue's.
fn digest_of(runbook: &Runbook, steps: &[PlanStep]) -> Digest {
    let action = |action: &Action| {
        serde_json::json!({
            "capability": action.capability.digest.to_string(),
            "connector": action.connector.digest.to_string(),
            "connection": action.connection.as_ref().map(|connection| connection.digest.to_string()),
        })
    };
    let mut resolved = serde_json::Map::new();
    for step in steps {
        let entry = match &step.body {
            Body::Use(used) => {
                let mut entry = action(used);
                if let (Some(undo), Some(object)) = (&used.undo, entry.as_object_mut()) {
                    object.insert("undo".to_owned(), action(&undo.action));
                }
                entry
            }
            Body::SubRun(child) => serde_json::json!({ "plan": child.digest.to_string() }),
            Body::Export(export) => serde_json::json!({ "export": export.digest.to_string() }),
            Body::Approve(_) | Body::Wait { .. } | Body::Signal => continue,
        };
        resolved.insert(step.id.to_string(), entry);
    }
    digest::of_json(&serde_json::json!({
        "apiVersion": "ordain/v1",
        "runbook": runbook.digest.to_string(),
        "steps": resolved,
    }))
}

/// The names of every capability, connector and runbook that a plan stands on, sub-runs included.
#[must_use]
pub fn stands_on(plan: &Plan) -> BTreeSet<Digest> {
    let mut found = BTreeSet::from([plan.runbook.digest]);
    let below = plan.sub_plans();
    for plan in std::iter::once(plan).chain(below.into_iter().map(|child| &**child)) {
        found.insert(plan.runbook.digest);
        for action in plan.steps.iter().filter_map(PlanStep::action) {
            let undo = action.undo.as_ref().map(|undo| &undo.action);
            for action in std::iter::once(action).chain(undo) {
                found.extend([action.capability.digest, action.connector.digest]);
            }
        }
    }
    found
}
