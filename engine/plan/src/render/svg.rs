//! A plan as a picture: SVG without scripts, styles or references, so that any policy lets it pass.

use std::fmt::Write as _;

use ordain_spec::kind::metadata::Risk;
use ordain_spec::kind::runbook::NeedOn;
use ordain_spec::kind::scalar::Effect;

use super::escape::xml;
use super::layout::{Layout, Point, Size, layout};
use super::say;
use crate::model::{Body, Plan, PlanStep};

const MARGIN: i64 = 28;
const HEAD: i64 = 46;
const LINE: i64 = 17;
const PADDING: i64 = 14;
const NARROWEST: i64 = 150;
const WIDEST: i64 = 340;
const SANS: &str = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";

/// The picture. Boxes are steps, in the colour of their risk; amber boxes wait for people.
#[must_use]
pub fn svg(plan: &Plan) -> String {
    let cards: Vec<Card> = plan.steps.iter().map(Card::of).collect();
    let sizes: Vec<Size> = cards.iter().map(|card| card.size).collect();
    let edges: Vec<Edge> = plan
        .steps
        .iter()
        .flat_map(|step| step.needs.iter().map(|need| Edge { from: need.step, to: step.index, on: need.on }))
        .collect();
    let pairs: Vec<(usize, usize)> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let drawn = layout(&sizes, &pairs);
    let title = format!("{} — {}", say::titled(plan), plan.runbook.metadata.summary.value.0);
    let mut out = open(&drawn, &title, plan);
    for (edge, route) in edges.iter().zip(&drawn.routes) {
        draw_edge(&mut out, edge, route);
    }
    for (card, corner) in cards.iter().zip(&drawn.corners) {
        card.draw(&mut out, *corner);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

struct Edge {
    from: usize,
    to: usize,
    on: NeedOn,
}

fn open(drawn: &Layout, title: &str, plan: &Plan) -> String {
    let heading = fitted(title, 1_000, 14);
    let width = (drawn.size.width.max(text_width(&heading, 14)) + 2 * MARGIN).max(240);
    let height = drawn.size.height + 2 * MARGIN + HEAD;
    let shift = (width - drawn.size.width) / 2;
    let mut out = String::new();
    let _infallible = write!(
        out,
        concat!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" ",
            "height=\"{height}\" role=\"img\" font-family=\"{sans}\">\n",
            "<title>{title}</title>\n",
            "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" ",
            "markerHeight=\"7\" orient=\"auto\"><path d=\"M0.5 0.5 L7.5 4 L0.5 7.5 z\" fill=\"#667085\"/>",
            "</marker></defs>\n",
            "<rect width=\"{width}\" height=\"{height}\" rx=\"10\" fill=\"#fcfcfd\"/>\n",
            "<text x=\"{margin}\" y=\"{base}\" font-size=\"14\" font-weight=\"600\" fill=\"#101828\">{heading}</text>\n",
            "<text x=\"{margin}\" y=\"{under}\" font-size=\"11\" fill=\"#667085\">{bounds}</text>\n",
            "<g transform=\"translate({shift} {top})\">\n",
        ),
        width = width,
        height = height,
        sans = SANS,
        title = xml(title),
        margin = MARGIN,
        base = MARGIN + 6,
        heading = xml(&heading),
        under = MARGIN + 24,
        bounds = xml(&bounds(plan)),
        shift = shift,
        top = MARGIN + HEAD,
    );
    out
}

fn bounds(plan: &Plan) -> String {
    use crate::words::{count, number};
    let worst = &plan.worst_case;
    let mut parts: Vec<String> =
        worst.cost.iter().map(|(unit, amount)| format!("{} {unit}", number(*amount))).collect();
    parts.push(count(worst.approvals, "approval", "approvals"));
    parts.push(count(worst.steps, "step", "steps"));
    format!("at most {}", parts.join(" · "))
}

/// The text of a box and its size.
struct Card<'a> {
    step: &'a PlanStep,
    lines: Vec<(String, Tone)>,
    size: Size,
}

#[derive(Clone, Copy)]
enum Tone {
    Id,
    Body,
    Facts,
    Gate,
    MayGate,
    Quiet,
}

impl Tone {
    const fn font(self) -> i64 {
        match self {
            Self::Id => 13,
            Self::Body | Self::Facts | Self::Gate | Self::MayGate | Self::Quiet => 11,
        }
    }

    const fn attributes(self) -> &'static str {
        match self {
            Self::Id => "font-size=\"13\" font-weight=\"600\" fill=\"#101828\"",
            Self::Body => "font-size=\"11\" fill=\"#344054\"",
            Self::Facts => "font-size=\"11\" font-weight=\"600\"",
            Self::Gate => "font-size=\"11\" font-weight=\"600\" fill=\"#b54708\"",
            Self::MayGate => "font-size=\"11\" fill=\"#b54708\"",
            Self::Quiet => "font-size=\"11\" fill=\"#667085\"",
        }
    }
}

impl<'a> Card<'a> {
    fn of(step: &'a PlanStep) -> Self {
        let mut lines = vec![(step.id.to_string(), Tone::Id), (say::body(step), Tone::Body)];
        if let Some(action) = step.action() {
            let risk = say::risk(step).map(|risk| format!("{risk} · ")).unwrap_or_default();
            lines.push((format!("{risk}{}", action.capability.spec.effect.value), Tone::Facts));
        }
        for approval in &step.approvals {
            lines.push((format!("◆ {}", approval.metadata.name.value), Tone::Gate));
        }
        for gate in &step.gates {
            if !step.approvals.iter().any(|approval| approval.metadata.name.value.as_str() == &*gate.approval)
            {
                let tone = if gate.certain { Tone::Gate } else { Tone::MayGate };
                let word = if gate.certain { "◆" } else { "◇ perhaps" };
                lines.push((format!("{word} {}", gate.approval), tone));
            }
        }
        if let Some(each) = &step.spec.for_each {
            lines.push((
                format!("× {} at most, {} at once", step.max_items, each.max_parallel.value),
                Tone::Quiet,
            ));
        }
        if let Some(undo) = step.undo() {
            lines.push((format!("↩ {}", undo.action.uses()), Tone::Quiet));
        }
        let widest = lines.iter().map(|(text, tone)| text_width(text, tone.font())).max().unwrap_or_default();
        let width = (widest + 2 * PADDING + 6).clamp(NARROWEST, WIDEST);
        let height = LINE * i64::try_from(lines.len()).unwrap_or(8) + 2 * PADDING - 4;
        Self { step, lines, size: Size { width: (width + 1) / 2 * 2, height } }
    }

    fn draw(&self, out: &mut String, corner: Point) {
        let Size { width, height } = self.size;
        let full: Vec<&str> = self.lines.iter().map(|(text, _)| text.as_str()).collect();
        let _infallible = write!(
            out,
            "<g transform=\"translate({} {})\"><title>{}</title>",
            corner.x,
            corner.y,
            xml(&full.join(" · "))
        );
        let (stroke, dash) = self.border();
        let _infallible = write!(
            out,
            "<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\" stroke=\"{stroke}\" stroke-width=\"1.5\"{dash}/>"
        );
        if matches!(self.step.body, Body::SubRun(_)) {
            let _infallible = write!(
                out,
                "<rect x=\"3\" y=\"3\" width=\"{}\" height=\"{}\" rx=\"6\" fill=\"none\" stroke=\"{stroke}\"/>",
                width - 6,
                height - 6
            );
        }
        if let Some(colour) = say::risk(self.step).map(risk_colour) {
            let _infallible = write!(
                out,
                "<rect x=\"6\" y=\"10\" width=\"4\" height=\"{}\" rx=\"2\" fill=\"{colour}\"/>",
                height - 20
            );
        }
        for (row, (text, tone)) in self.lines.iter().enumerate() {
            let y = PADDING + 9 + LINE * i64::try_from(row).unwrap_or_default();
            let fill = match tone {
                Tone::Facts => format!(" fill=\"{}\"", self.facts_colour()),
                _ => String::new(),
            };
            let fits = fitted(text, width - 2 * PADDING - 6, tone.font());
            let _infallible = write!(
                out,
                "<text x=\"{}\" y=\"{y}\" {}{fill}>{}</text>",
                PADDING + 4,
                tone.attributes(),
                xml(&fits)
            );
        }
        out.push_str("</g>\n");
    }

    fn border(&self) -> (&'static str, &'static str) {
        match &self.step.body {
            Body::Approve(_) => ("#f79009", ""),
            Body::Use(_) | Body::Export(_)
                if !self.step.approvals.is_empty() || self.step.gates.iter().any(|gate| gate.certain) =>
            {
                ("#f79009", "")
            }
            Body::Wait { .. } | Body::Signal => ("#98a2b3", " stroke-dasharray=\"4 3\""),
            Body::Use(_) | Body::SubRun(_) | Body::Export(_) => ("#d0d5dd", ""),
        }
    }

    fn facts_colour(&self) -> &'static str {
        let irreversible = self
            .step
            .action()
            .is_some_and(|action| action.capability.spec.effect.value == Effect::Irreversible);
        match say::risk(self.step) {
            _ if irreversible => "#b42318",
            Some(risk) => text_colour(risk),
            None => "#667085",
        }
    }
}

const fn risk_colour(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "#32d583",
        Risk::Medium => "#fdb022",
        Risk::High => "#f97066",
        Risk::Critical => "#b42318",
    }
}

const fn text_colour(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "#027a48",
        Risk::Medium => "#b54708",
        Risk::High => "#d92d20",
        Risk::Critical => "#912018",
    }
}

fn draw_edge(out: &mut String, edge: &Edge, route: &[Point]) {
    let (Some(first), Some(last)) = (route.first(), route.last()) else { return };
    let mut path = format!("M{} {}", first.x, first.y);
    for pair in route.windows(2) {
        let [from, to] = pair else { continue };
        if from.x == to.x {
            let _infallible = write!(path, " L{} {}", to.x, to.y);
        } else {
            let half = i64::midpoint(from.y, to.y);
            let _infallible = write!(path, " C{} {half} {} {half} {} {}", from.x, to.x, to.x, to.y);
        }
    }
    let dash = if edge.on == NeedOn::Success { "" } else { " stroke-dasharray=\"5 4\"" };
    let _infallible = writeln!(
        out,
        "<path d=\"{path}\" fill=\"none\" stroke=\"#98a2b3\" stroke-width=\"1.5\"{dash} marker-end=\"url(#arrow)\"/>"
    );
    let word = match edge.on {
        NeedOn::Success => return,
        NeedOn::Ok => "done or skipped",
        NeedOn::Any => "however it settles",
    };
    let _infallible = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" font-size=\"10\" fill=\"#667085\" stroke=\"#fcfcfd\" stroke-width=\"3\" paint-order=\"stroke\">{word}</text>",
        last.x + 6,
        last.y - 10
    );
}

/// Pixels that a text needs, guessed generously: fonts differ.
fn text_width(text: &str, font: i64) -> i64 {
    use unicode_width::UnicodeWidthStr;
    i64::try_from(text.width()).unwrap_or(i64::MAX / 16) * font * 58 / 100
}

/// The text, cut with an ellipsis where it is too wide; the whole stands in the box's title.
fn fitted(text: &str, width: i64, font: i64) -> String {
    if text_width(text, font) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if text_width(&out, font) + font > width {
            break;
        }
    }
    out.push('…');
    out
}
