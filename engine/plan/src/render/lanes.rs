//! The DAG as lanes beside the steps, like a version history read downwards: a lane begins at a step
//! and ends at the last step that needs it.

use ordain_spec::kind::runbook::NeedOn;

use crate::model::{Plan, PlanStep};

/// More lanes than this help nobody: the steps are then listed with what they need in words.
const MOST_LANES: usize = 10;

/// What stands left of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line above the step where edges meet; empty where none do.
    pub joint: String,
    /// Left of the step's own line, its mark left out: text before and after the mark.
    pub mark: (String, String),
    /// Left of the lines below it.
    pub below: String,
}

/// The lanes of a plan, one row for each step; `None` where there would be too many.
pub fn lanes(plan: &Plan) -> Option<Vec<Row>> {
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut rows = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        rows.push(row(plan, step, &mut open));
        if open.len() > MOST_LANES {
            return None;
        }
    }
    Some(rows)
}

/// How an edge arrives in a lane.
struct Arrival {
    lane: usize,
    ends: bool,
    dotted: bool,
}

fn row(plan: &Plan, step: &PlanStep, open: &mut Vec<Option<usize>>) -> Row {
    let arrivals = arrivals(plan, step, open);
    let taken_over = arrivals.iter().filter(|arrival| arrival.ends).map(|arrival| arrival.lane).min();
    let free = open.iter().position(Option::is_none).unwrap_or(open.len());
    let own = taken_over.unwrap_or(free);
    let before = open.clone();
    for arrival in arrivals.iter().filter(|arrival| arrival.ends) {
        if let Some(lane) = open.get_mut(arrival.lane) {
            *lane = None;
        }
    }
    if open.len() <= own {
        open.resize(own + 1, None);
    }
    let joint = joint(&before, own, taken_over.is_some(), &arrivals);
    let (left, right) = open.split_at(own.min(open.len()));
    let mark = (bars(left), bars(right.get(1..).unwrap_or_default()));
    if let Some(lane) = open.get_mut(own) {
        *lane = (!step.dependents.is_empty()).then_some(step.index);
    }
    while open.last().is_some_and(Option::is_none) {
        open.pop();
    }
    Row { joint, mark, below: bars(open) }
}

fn bars(lanes: &[Option<usize>]) -> String {
    lanes.iter().map(|lane| if lane.is_some() { "│ " } else { "  " }).collect()
}

fn arrivals(plan: &Plan, step: &PlanStep, open: &[Option<usize>]) -> Vec<Arrival> {
    let mut found: Vec<Arrival> = Vec::new();
    for (lane, source) in open.iter().enumerate() {
        let Some(source) = *source else { continue };
        let mut edges = step.needs.iter().filter(|need| need.step == source).peekable();
        if edges.peek().is_none() {
            continue;
        }
        let dotted = edges.all(|need| need.on == NeedOn::Any);
        let last = plan.steps.get(source).and_then(|earlier| earlier.dependents.last().copied());
        found.push(Arrival { lane, ends: last == Some(step.index), dotted });
    }
    found
}

fn joint(before: &[Option<usize>], own: usize, from_above: bool, arrivals: &[Arrival]) -> String {
    let ends = arrivals.iter().map(|arrival| arrival.lane).filter(|lane| *lane != own);
    let (Some(low), Some(high)) = (ends.clone().min(), ends.max()) else { return String::new() };
    let (low, high) = (low.min(own), high.max(own));
    let mut out = String::new();
    for lane in 0..before.len().max(own + 1) {
        let arrival = arrivals.iter().find(|arrival| arrival.lane == lane);
        let above = before.get(lane).is_some_and(Option::is_some);
        let left = lane > low && lane <= high;
        let right = lane >= low && lane < high;
        let corner = if lane == own {
            corner(from_above, true, left, right)
        } else if let Some(arrival) = arrival {
            corner(true, !arrival.ends, left, right)
        } else if above {
            // A lane that only passes by: the edge runs behind it.
            '│'
        } else if left {
            dash(arrivals, own, lane.saturating_sub(1))
        } else {
            ' '
        };
        out.push(corner);
        out.push(if right { dash(arrivals, own, lane) } else { ' ' });
    }
    out
}

const fn corner(above: bool, below: bool, left: bool, right: bool) -> char {
    match (above, below, left, right) {
        (true, true, true, true) => '┼',
        (true, true, true, false) => '┤',
        (true, true, false, true) => '├',
        (true, true, false, false) | (false, true, false, false) | (true, false, false, false) => '│',
        (true, false, true, true) => '┴',
        (true, false, true, false) => '╯',
        (true, false, false, true) => '╰',
        (false, true, true, true) => '┬',
        (false, true, true, false) => '╮',
        (false, true, false, true) => '╭',
        (false, false, _, _) => '─',
    }
}

/// The stroke right of `lane`: dotted where every edge over it is `on: any`.
fn dash(arrivals: &[Arrival], own: usize, lane: usize) -> char {
    let mut over = arrivals
        .iter()
        .filter(|arrival| arrival.lane.min(own) <= lane && lane < arrival.lane.max(own))
        .peekable();
    if over.peek().is_some() && over.all(|arrival| arrival.dotted) { '┄' } else { '─' }
}
