//! A plan for a terminal: lanes, gates, and what stands behind each step. Fits the width it is given.

use ordain_spec::kind::field::{Field, FieldType};
use ordain_spec::kind::runbook::{NeedOn, OnLimit};

use super::lanes::{Row, lanes};
use super::paint::{Ink, Line, Look};
use super::say;
use crate::connection::missing_connections;
use crate::model::{Plan, PlanStep};
use crate::words::{count, duration, expression, number};

/// The plan, its sub-runs after it, each once.
#[must_use]
pub fn text(plan: &Plan, look: Look) -> String {
    let mut page = Page { look, out: String::new() };
    page.head(plan);
    page.inputs(plan);
    page.steps(plan);
    for child in plan.sub_plans() {
        page.blank();
        page.rule(&say::titled(child));
        page.about(child);
        page.inputs(child);
        page.steps(child);
    }
    page.foot(plan);
    page.out
}

struct Page {
    look: Look,
    out: String,
}

impl Page {
    fn line(&mut self, line: &Line) {
        line.write(self.look, &mut self.out);
    }

    fn blank(&mut self) {
        self.out.push('\n');
    }

    /// `label` and its text, wrapped under itself, after `left`.
    fn labelled(&mut self, left: &Line, label: &str, width: usize, said: &Line) {
        let room = self.look.width.saturating_sub(left.width() + width).max(24);
        for (at, piece) in said.wrap(room).iter().enumerate() {
            let mut line = left.clone();
            line.add(Ink::Dim, if at == 0 { label } else { "" }).pad(left.width() + width).append(piece);
            self.line(&line);
        }
    }

    fn head(&mut self, plan: &Plan) {
        let metadata = &plan.runbook.metadata;
        let title = Line::default()
            .with(Ink::Strong, plan.name())
            .with(Ink::Plain, &format!(" {}", plan.version()))
            .with(Ink::Dim, "  ")
            .with(Ink::Plain, &metadata.summary.value.0);
        for piece in title.wrap(self.look.width.max(24)) {
            self.line(&piece);
        }
        self.about(plan);
    }

    /// Owner, modes and what a failure does.
    fn about(&mut self, plan: &Plan) {
        let spec = &plan.runbook.spec;
        let mut facts = Vec::new();
        if let Some(owner) = &plan.runbook.metadata.owner {
            facts.push(owner.value.to_string());
        }
        let modes: Vec<&str> = spec.modes.iter().map(|mode| mode.value.as_str()).collect();
        facts.push(modes.join(" and "));
        facts.push(say::on_failure(spec.on_failure.value).to_owned());
        facts.push(format!("{} at most", duration(spec.timeout.value.0)));
        if let Some(limit) = &spec.concurrency {
            let over =
                limit.key.as_ref().map(|key| format!(" for each {}", expression(key))).unwrap_or_default();
            let rest = match limit.on_limit.value {
                OnLimit::Queue => "others queue",
                OnLimit::Refuse => "others are refused",
            };
            facts.push(format!("{} at once{over}, {rest}", limit.limit.value));
        }
        let line = Line::default().with(Ink::Dim, &facts.join(" · "));
        for piece in line.wrap(self.look.width.max(24)) {
            self.line(&piece);
        }
    }

    fn inputs(&mut self, plan: &Plan) {
        let inputs = &plan.runbook.spec.inputs;
        if inputs.is_empty() {
            return;
        }
        self.blank();
        let left = Line::default();
        let width = inputs.keys().map(|name| name.len()).max().unwrap_or_default().min(24) + 4;
        for (name, field) in inputs.iter() {
            let label = format!("  {name}");
            self.labelled(&left, &label, width, &described(field));
        }
    }

    fn steps(&mut self, plan: &Plan) {
        let rows = lanes(plan);
        let columns = Columns::of(plan, rows.as_deref(), self.look.width);
        self.blank();
        for step in &plan.steps {
            let row = rows.as_ref().and_then(|rows| rows.get(step.index));
            self.step(plan, step, row, &columns);
        }
    }

    fn step(&mut self, plan: &Plan, step: &PlanStep, row: Option<&Row>, columns: &Columns) {
        let (mark, ink) = say::mark(step);
        let mut line = Line::default().with(Ink::Plain, "  ");
        let mut below = Line::default().with(Ink::Plain, "  ");
        if let Some(row) = row {
            if !row.joint.is_empty() {
                self.line(&Line::default().with(Ink::Plain, "  ").with(Ink::Dim, &row.joint));
            }
            line.add(Ink::Dim, &row.mark.0).add(ink, mark).add(Ink::Plain, " ").add(Ink::Dim, &row.mark.1);
            below.add(Ink::Dim, &row.below);
        } else {
            line.add(ink, mark);
        }
        line.pad(columns.id).add(Ink::Strong, &step.id).add(Ink::Plain, " ");
        if columns.one_line {
            line.pad(columns.body);
            does(step, &mut line, columns);
            self.line(&line);
        } else {
            self.line(&line);
        }
        let mut left = below.clone();
        left.pad(columns.id + 2);
        if !columns.one_line {
            let mut said = Line::default();
            does(step, &mut said, &Columns { body: 0, ..*columns });
            self.labelled(&left, "", 0, &said);
        }
        for (label, said) in say::details(plan, step, row.is_none() || in_words(plan, step)) {
            self.labelled(&left, label, 12, &said);
        }
        let last = step.index + 1 == plan.steps.len();
        if !last {
            self.line(&below);
        }
    }

    fn rule(&mut self, title: &str) {
        let mut line = Line::default().with(Ink::Dim, "── ").with(Ink::Strong, title).with(Ink::Dim, " ");
        let rest = self.look.width.min(100).saturating_sub(line.width());
        line.add(Ink::Dim, &"─".repeat(rest));
        self.line(&line);
    }

    fn foot(&mut self, plan: &Plan) {
        const WIDTH: usize = 13;
        self.blank();
        let worst = &plan.worst_case;
        let mut bounds = Line::default();
        for (unit, amount) in &worst.cost {
            bounds
                .add(Ink::Strong, &number(*amount))
                .add(Ink::Plain, &format!(" {unit}"))
                .add(Ink::Dim, " · ");
        }
        bounds
            .add(Ink::Plain, &count(worst.approvals, "approval", "approvals"))
            .add(Ink::Dim, " · ")
            .add(Ink::Plain, &count(worst.steps, "step", "steps"));
        if worst.undo_cost.values().any(|amount| *amount > 0) {
            let undo: Vec<String> =
                worst.undo_cost.iter().map(|(unit, amount)| format!("{} {unit}", number(*amount))).collect();
            bounds.add(Ink::Dim, &format!(" · undoing it all adds {} at most", undo.join(", ")));
        }
        let left = Line::default();
        self.labelled(&left, "at most", WIDTH, &bounds);
        self.live(plan, WIDTH);
        self.labelled(&left, "plan", WIDTH, &Line::default().with(Ink::Dim, &plan.digest.to_string()));
        self.labelled(
            &left,
            "catalogue",
            WIDTH,
            &Line::default().with(Ink::Dim, &plan.catalogue.to_string()),
        );
    }

    /// What stands between this plan and a live run, as far as the workspace says.
    fn live(&mut self, plan: &Plan, width: usize) {
        let allows = plan.runbook.spec.modes.iter().any(|mode| mode.value.as_str() == "live");
        if !allows {
            return;
        }
        let left = Line::default();
        let missing = missing_connections(plan);
        if missing.is_empty() {
            let line = Line::default().with(Ink::Good, "the workspace grants all that it asks for");
            self.labelled(&left, "live", width, &line);
        }
        for (at, fault) in missing.iter().enumerate() {
            let line = Line::default()
                .with(Ink::Note, &fault.detail)
                .with(Ink::Dim, &format!(" (step {})", fault.step));
            self.labelled(&left, if at == 0 { "live, not yet" } else { "" }, width.max(15), &line);
        }
    }
}

/// True where the lanes alone do not say it: how an edge must have settled.
fn in_words(plan: &Plan, step: &PlanStep) -> bool {
    let far = step.needs.iter().any(|need| need.step + 1 != step.index);
    let plain = step.needs.iter().all(|need| need.on == NeedOn::Success);
    !plain || (far && plan.steps.len() > 2)
}

/// Where the parts of a step's own line begin.
struct Columns {
    id: usize,
    body: usize,
    risk: usize,
    one_line: bool,
}

impl Columns {
    fn of(plan: &Plan, rows: Option<&[Row]>, width: usize) -> Self {
        let lanes = rows
            .unwrap_or_default()
            .iter()
            .map(|row| row.mark.0.chars().count() + row.mark.1.chars().count() + 2)
            .max()
            .unwrap_or(2);
        let id = lanes + 3;
        let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default();
        let body = id + longest(&mut plan.steps.iter().map(|step| step.id.chars().count())).min(28) + 2;
        let risk =
            body + longest(&mut plan.steps.iter().map(|step| say::body(step).chars().count())).min(36) + 2;
        Self { id, body, risk, one_line: risk + 22 <= width }
    }
}

/// What the step does, its risk and effect.
fn does(step: &PlanStep, line: &mut Line, columns: &Columns) {
    line.add(Ink::Name, &say::body(step));
    if let Some(action) = step.action() {
        if columns.one_line {
            line.add(Ink::Plain, " ").pad(columns.risk);
        } else {
            line.add(Ink::Plain, "  ");
        }
        if let Some(risk) = say::risk(step) {
            line.add(say::risk_ink(risk), risk.as_str());
        }
        if columns.one_line {
            line.add(Ink::Plain, " ").pad(columns.risk + 9);
        } else {
            line.add(Ink::Plain, "  ");
        }
        let effect = action.capability.spec.effect.value;
        line.add(say::effect_ink(effect), effect.as_str());
    }
}

/// `string, pattern pay_[a-z0-9]{8,32}` · `integer 1 to 500,000, default 3`
fn described(field: &Field) -> Line {
    let mut line = Line::default().with(Ink::Plain, field.type_.value.as_str());
    if let Some(items) = &field.items {
        line.add(Ink::Plain, &format!(" of {}", items.type_.value));
    }
    let mut facts = Vec::new();
    if let Some(words) = &field.enum_ {
        let words: Vec<String> = words.value.iter().map(|word| shown(&word.value.0)).collect();
        facts.push(format!("one of {}", words.join(", ")));
    }
    let least = field.minimum.as_ref().map(|least| shown(&least.value.0));
    let most = field.maximum.as_ref().map(|most| shown(&most.value.0));
    match (least, most) {
        (Some(least), Some(most)) => facts.push(format!("{least} to {most}")),
        (Some(least), None) => facts.push(format!("from {least}")),
        (None, Some(most)) => facts.push(format!("up to {most}")),
        (None, None) => {}
    }
    if let Some(pattern) = &field.pattern {
        facts.push(format!("like {}", pattern.value));
    }
    if let Some(format) = &field.format {
        facts.push(format!("a valid {}", format.value));
    }
    if let Some(length) = &field.max_length {
        facts.push(format!("{} characters at most", length.value));
    }
    if let (Some(items), FieldType::Array) = (&field.max_items, field.type_.value) {
        facts.push(format!("{} at most", count(items.value, "item", "items")));
    }
    if let Some(default) = &field.default {
        facts.push(format!("default {}", shown(&default.value.0)));
    }
    if field.optional {
        facts.push("optional".to_owned());
    }
    for fact in facts {
        line.add(Ink::Dim, &format!(", {fact}"));
    }
    line
}

fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(n) => n.as_i64().map_or_else(|| n.to_string(), number),
        other => other.to_string(),
    }
}
