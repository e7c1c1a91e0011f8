//! How the steps of a runbook hang together: edges, order, ancestors. Bit sets, one word for 64 steps,
//! so that a diamond with any number of paths costs what its edges cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kind::runbook::{Need, NeedOn, Step, StepOnFailure};

/// A set of steps by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps(Vec<u64>);

impl Steps {
    fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn insert(&mut self, step: usize) {
        if let Some(word) = self.0.get_mut(step / 64) {
            *word |= 1 << (step % 64);
        }
    }

    /// True when the step is among them.
    #[must_use]
    pub fn contains(&self, step: usize) -> bool {
        self.0.get(step / 64).is_some_and(|word| word & (1 << (step % 64)) != 0)
    }

    fn extend(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}

/// An edge: the entry of `needs` and the number of the step it names.
#[derive(Debug, Clone, Copy)]
pub struct Edge<'a> {
    /// The entry.
    pub need: &'a Need,
    /// The number of the earlier step.
    pub from: usize,
}

/// The steps of one runbook and their edges.
#[derive(Debug)]
pub struct Flow<'a> {
    /// In the order of the file.
    pub steps: &'a [Step],
    /// The first step of each id.
    pub index: BTreeMap<Arc<str>, usize>,
    /// Edges into each step; those to unknown steps are left out.
    pub edges: Vec<Vec<Edge<'a>>>,
    /// Steps that lie on a cycle or behind one.
    pub unordered: Vec<usize>,
    /// Steps before every other they lead to.
    pub order: Vec<usize>,
    ancestors: Vec<Steps>,
    succeeded: Vec<Steps>,
}

impl<'a> Flow<'a> {
    /// The edges and the order of these steps.
    #[must_use]
    pub fn of(steps: &'a [Step]) -> Self {
        let mut index = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            index.entry(step.id.value.shared()).or_insert(at);
        }
        let edges: Vec<Vec<Edge<'a>>> = steps
            .iter()
            .map(|step| {
                let known = |need: &'a Need| Some(Edge { need, from: *index.get(need.step.value.as_str())? });
                step.needs.iter().filter_map(known).collect()
            })
            .collect();
        let order = topological(&edges);
        let mut placed = vec![false; steps.len()];
        for step in &order {
            if let Some(place) = placed.get_mut(*step) {
                *place = true;
            }
        }
        let unordered = placed.iter().enumerate().filter(|(_, placed)| !**placed).map(|(at, _)| at).collect();
        let mut flow = Self {
            steps,
            index,
            edges,
            unordered,
            order,
            ancestors: vec![Steps::none(steps.len()); steps.len()],
            succeeded: vec![Steps::none(steps.len()); steps.len()],
        };
        flow.spread();
        flow
    }

    /// Spreads ancestors along the edges.
    fn spread(&mut self) {
        for at in self.order.clone() {
            let mut before = Steps::none(self.steps.len());
            let mut surely = before.clone();
            for edge in self.edges.get(at).into_iter().flatten() {
                before.insert(edge.from);
                if let Some(above) = self.ancestors.get(edge.from) {
                    before.extend(above);
                }
                if edge.need.on.value == NeedOn::Success {
                    surely.insert(edge.from);
                    if let Some(above) = self.succeeded.get(edge.from) {
                        surely.extend(above);
                    }
                }
            }
            if let Some(place) = self.ancestors.get_mut(at) {
                *place = before;
            }
            if let Some(place) = self.succeeded.get_mut(at) {
                *place = surely;
            }
        }
    }

    /// True where the edges of `needs` lead from `from` to `to`; true for all where there are cycles, so
    /// that one mistake is reported once.
    pub fn is_ancestor(&self, from: usize, to: usize) -> bool {
        !self.unordered.is_empty() || self.ancestors.get(to).is_some_and(|before| before.contains(from))
    }

    /// True where one path from `from` to `to` wants success all the way.
    pub fn has_succeeded(&self, from: usize, to: usize) -> bool {
        !self.unordered.is_empty() || self.succeeded.get(to).is_some_and(|before| before.contains(from))
    }

    /// The steps that have succeeded in every run that succeeds: neither they nor anything they need may
    /// be skipped, tolerated, or a clean-up.
    pub fn surely_succeeded(&self) -> Vec<bool> {
        let mut surely = vec![!self.unordered.is_empty(); self.steps.len()];
        for at in &self.order {
            let Some(step) = self.steps.get(*at) else { continue };
            let tolerated =
                step.on_failure.as_ref().is_some_and(|word| word.value == StepOnFailure::Continue);
            let edges = self.edges.get(*at).map_or(&[][..], Vec::as_slice);
            let before = edges.iter().all(|edge| match edge.need.on.value {
                NeedOn::Success => surely.get(edge.from).copied().unwrap_or(false),
                NeedOn::Ok => true,
                NeedOn::Any => false,
            });
            if let Some(place) = surely.get_mut(*at) {
                *place = step.when.is_none() && !tolerated && before;
            }
        }
        surely
    }
}

/// The steps in an order in which each comes after what it needs, ties by the order of the file; steps on
/// a cycle or behind one are left out.
fn topological(edges: &[Vec<Edge<'_>>]) -> Vec<usize> {
    let mut open: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut dependents = vec![Vec::new(); edges.len()];
    for (at, needs) in edges.iter().enumerate() {
        for edge in needs {
            if let Some(list) = dependents.get_mut(edge.from) {
                list.push(at);
            }
        }
    }
    let mut ready: std::collections::BTreeSet<usize> =
        open.iter().enumerate().filter(|(_, count)| **count == 0).map(|(at, _)| at).collect();
    let mut order = Vec::with_capacity(edges.len());
    while let Some(at) = ready.pop_first() {
        order.push(at);
        for next in dependents.get(at).into_iter().flatten() {
            if let Some(count) = open.get_mut(*next) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*next);
                }
            }
        }
    }
    order
}
