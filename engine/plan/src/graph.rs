//! The DAG of a runbook: order, edges, ancestors. It knows ids and `needs` only.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use ordain_spec::kind::runbook::{NeedOn, Step};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::model::{Need, StepSet};

/// A step's place in the DAG. All indices but `source` are places in the plan.
#[derive(Debug)]
pub struct Node {
    /// Its place in the file.
    pub source: usize,
    /// What must have settled before, in the order of the file.
    pub needs: Vec<Need>,
    /// The steps that need this one, ascending.
    pub dependents: Vec<usize>,
    /// Every step before this one.
    pub ancestors: StepSet,
}

/// The DAG of a runbook, in an order in which every step comes after what it needs.
#[derive(Debug)]
pub struct Graph {
    nodes: Vec<Node>,
}

impl Graph {
    /// Reads `needs`. Among steps that are ready at once, the order of the file holds.
    ///
    /// # Errors
    ///
    /// An unknown or repeated id, or a cycle: laws refuse them all before a plan is made.
    pub fn of(steps: &[Step]) -> Result<Self, String> {
        let dag = edges(steps)?;
        let order = topological(&dag);
        if order.len() < steps.len() {
            return Err(cycle(&dag, steps));
        }
        let mut place = vec![0_usize; steps.len()];
        for (at, node) in order.iter().enumerate() {
            if let Some(slot) = place.get_mut(node.index()) {
                *slot = at;
            }
        }
        let place_of = |node: NodeIndex| place.get(node.index()).copied().unwrap_or_default();
        let mut nodes: Vec<Node> = Vec::with_capacity(order.len());
        for node in &order {
            let mut incoming: Vec<_> = dag.edges_directed(*node, Direction::Incoming).collect();
            incoming.sort_by_key(|edge| edge.weight().1);
            let needs: Vec<Need> = incoming
                .iter()
                .map(|edge| Need { step: place_of(edge.source()), on: edge.weight().0 })
                .collect();
            let mut ancestors = StepSet::default();
            for need in &needs {
                ancestors.insert(need.step);
                if let Some(earlier) = nodes.get(need.step) {
                    ancestors.extend(&earlier.ancestors);
                }
            }
            let mut dependents: Vec<usize> =
                dag.neighbors_directed(*node, Direction::Outgoing).map(place_of).collect();
            dependents.sort_unstable();
            dependents.dedup();
            nodes.push(Node { source: node.index(), needs, dependents, ancestors });
        }
        Ok(Self { nodes })
    }

    /// The steps in their order.
    pub fn take_nodes(&mut self) -> Vec<Node> {
        std::mem::take(&mut self.nodes)
    }
}

type Dag = DiGraph<usize, (NeedOn, usize)>;

/// Nodes carry the place in the file, edges how and as which entry of `needs` they were written.
fn edges(steps: &[Step]) -> Result<Dag, String> {
    let mut dag = Dag::new();
    let mut by_id = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        let node = dag.add_node(at);
        if by_id.insert(step.id.value.as_str(), node).is_some() {
            return Err(format!("two steps are called `{}`", step.id.value));
        }
    }
    for step in steps {
        let Some(to) = by_id.get(step.id.value.as_str()) else { continue };
        for (entry, need) in step.needs.iter().enumerate() {
            let Some(from) = by_id.get(need.step.value.as_str()) else {
                return Err(format!(
                    "step `{}` needs `{}`, which does not exist",
                    step.id.value, need.step.value
                ));
            };
            dag.add_edge(*from, *to, (need.on.value, entry));
        }
    }
    Ok(dag)
}

/// Kahn's order with the earliest of the file first; shorter than the graph where there is a cycle.
fn topological(dag: &Dag) -> Vec<NodeIndex> {
    let mut missing: Vec<usize> =
        dag.node_indices().map(|node| dag.edges_directed(node, Direction::Incoming).count()).collect();
    let mut ready: BinaryHeap<Reverse<NodeIndex>> = dag.externals(Direction::Incoming).map(Reverse).collect();
    let mut order = Vec::with_capacity(dag.node_count());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for next in dag.neighbors_directed(node, Direction::Outgoing) {
            if let Some(count) = missing.get_mut(next.index()) {
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse(next));
                }
            }
        }
    }
    order
}

fn cycle(dag: &Dag, steps: &[Step]) -> String {
    let knot = petgraph::algo::tarjan_scc(dag)
        .into_iter()
        .find(|part| part.len() > 1 || part.iter().any(|node| dag.contains_edge(*node, *node)))
        .unwrap_or_default();
    let mut ids: Vec<_> = knot
        .iter()
        .filter_map(|node| steps.get(node.index()))
        .map(|step| format!("`{}`", step.id.value))
        .collect();
    ids.sort();
    format!("steps need each other: {}", ids.join(", "))
}
