//! Any text as rows of the store: lines that are records of an audit log, events of a journal, or payloads with
//! their references before them. What is read is written back the same; an event whose payloads are not there, and
//! a journal that cannot have happened, are refused, and never a panic.
#![no_main]

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use ordain_kernel::audit::{AuditRecord, verify_lines};
use ordain_kernel::run::payload::{Kept, PREFIX, references_in};
use ordain_kernel::run::{Event, Run};
use ordain_kernel::world::World;
use ordain_plan::{Grants, Plan, compile};
use ordain_spec::check::check;
use ordain_spec::source::{Notation, SourceFile, Sources};

/// A runbook with an approval, a way back and clean-up.
static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
    let mut sources = Sources::default();
    sources.add(SourceFile::new("a.yaml".into(), include_str!("store_row.yaml").into(), Notation::Yaml));
    let catalogue = check(sources).catalogue.expect("a lawful catalogue");
    let (_, releases) =
        catalogue.runbooks.iter().find(|(name, _)| name.as_str() == "refund").expect("its runbook");
    compile(releases.values().next_back().expect("a release"), &catalogue, &Grants::default())
        .expect("a plan")
});

fuzz_target!(|text: &str| {
    let _ = verify_lines(text.lines());
    let mut kept = Kept::default();
    for line in text.lines().filter(|line| line.starts_with(PREFIX)) {
        if let Some((reference, payload)) = line.split_once(' ')
            && let Ok(payload) = serde_json::from_str(payload)
        {
            kept.insert(reference.to_owned(), payload);
        }
    }
    let mut journal = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Ok(record) = AuditRecord::from_line(line) {
            assert_eq!(record.to_line(), line);
        }
        if let Ok(event) = serde_json::from_str::<Event>(line) {
            let again = serde_json::to_string(&event).expect("an event is JSON");
            assert_eq!(serde_json::from_str::<Event>(&again).expect("what was written"), event);
            assert!(references_in(line).all(|reference| reference.starts_with(PREFIX)));
            let mut restored = event.clone();
            let event = if kept.restore(&mut restored).is_ok() { restored } else { event };
            let at = Timestamp::from_millisecond(i64::try_from(number).unwrap_or(0)).expect("an instant");
            journal.push((at, event));
        }
    }
    let replayed = Run::replay(Arc::clone(&PLAN), journal.iter().map(|(at, event)| (*at, event)));
    if let Ok(run) = replayed {
        let _ =
            (run.effects(), run.next_wake(), run.waiting_for(), run.reasons(), run.state(), run.rollback());
        let mut world = World::default();
        for (at, event) in &journal {
            world.apply(&run.started, event, *at);
        }
        let _ = world.changed();
    }
});
