//! `ordain drill`: every step of a runbook fails in rehearsal, and what happened before it is looked after.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordain_kernel::rehearsal::{Drill, Fate, Fault, drill, drill_bases};
use ordain_plan::render::{Ink, Line, Look};
use ordain_spec::diagnostic::counted;
use ordain_spec::kind::scalar::Reference;
use serde_json::json;

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::table::state_ink;

/// Lets every step of a runbook fail in rehearsal: is what happened undone, or said to stand?
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It is drilled in its own scenarios that end as a success: they give the inputs and the people who agree. \
    Nothing outside is touched"
)]
pub struct Options {
    /// The runbook: `name` or `name@requirement`
    runbook: String,
}

impl Options {
    /// Drills and shows.
    pub fn run(self, cx: &Context) -> Done {
        let loaded = cx.load()?;
        let catalogue = &loaded.catalogue;
        let reference = Reference::new(&self.runbook)
            .ok_or_else(|| Failure::usage(format!("`{}` is no reference", self.runbook)))?;
        let runbook = catalogue.runbook(&reference).map_err(|_| {
            Failure::not_found("runbook", &self.runbook).hint("`ordain specs runbook` lists them")
        })?;
        if drill_bases(runbook, catalogue).is_empty() {
            let name = &runbook.metadata.name.value;
            return Err(Failure::new("not_found", format!("no scenario shows `{name}` succeeding")).hint(
                "write a Scenario of it with `expect: {state: succeeded}`: a drill begins from there",
            ));
        }
        let drills = drill(runbook, catalogue, &Arc::new(loaded.grants));
        let ok = drills.iter().all(|drill| drill.ok);
        let document = json!({
            "runbook": runbook.metadata.name.as_str(),
            "version": runbook.metadata.version.as_ref().map(|version| version.value.to_string()),
            "ok": ok,
            "drills": drills,
        });
        cx.show(&document, |look| told(&drills, look));
        Ok(if ok { Exit::Done } else { Exit::Found })
    }
}

fn told(drills: &[Drill], look: Look) -> String {
    let mut out = String::new();
    for drill in drills {
        let (mark, ink) = if drill.ok { ("✓", Ink::Good) } else { ("✗", Ink::Alarm) };
        let mut line = Line::default().with(ink, mark).with(Ink::Plain, " ");
        line.add(Ink::Strong, &format!("{}/{}", drill.runbook, drill.step));
        line.add(Ink::Plain, if drill.fault == Fault::Refused { " is refused" } else { " gives no answer" });
        match (drill.state, drill.rollback) {
            (Some(state), Some(rollback)) => {
                line.add(Ink::Plain, ": the run is ").add(state_ink(state), state);
                line.add(Ink::Dim, &format!(", rollback {rollback}"));
            }
            _ => {
                line.add(Ink::Alarm, ": no scenario comes this far");
            }
        }
        line.write(look, &mut out);
        for trace in &drill.effects {
            let mut line = Line::default().with(Ink::Plain, "    ");
            let item = trace.item.map(|item| format!("[{item}]")).unwrap_or_default();
            line.add(Ink::Name, &format!("{}/{}{item}", trace.runbook, trace.step));
            let (ink, word) = said(trace.fate);
            line.add(Ink::Plain, " ").add(ink, word);
            if let Some(why) = &trace.why {
                line.add(Ink::Dim, &format!(": {why}"));
            }
            line.write(look, &mut out);
        }
    }
    let mut counts: BTreeMap<bool, usize> = BTreeMap::new();
    drills.iter().for_each(|drill| *counts.entry(drill.ok).or_default() += 1);
    let count = |ok| counts.get(&ok).copied().unwrap_or_default();
    let all = counted(drills.len(), "drill");
    let said = match count(false) {
        0 => format!("{all}: each was reached, and nothing is left behind unsaid"),
        bad => format!("{bad} of {all}: something is left behind, or was not reached"),
    };
    Line::default().with(Ink::Plain, &said).write(look, &mut out);
    out
}

const fn said(fate: Fate) -> (Ink, &'static str) {
    match fate {
        Fate::Undone => (Ink::Good, "is undone"),
        Fate::Wanted => (Ink::Good, "is wanted: the run succeeds all the same"),
        Fate::Stands => (Ink::Note, "stands, as the spec says"),
        Fate::Waits => (Ink::Note, "waits for a person: `ordain resolve`"),
        Fate::Left => (Ink::Alarm, "is left behind, and nothing says so"),
    }
}
