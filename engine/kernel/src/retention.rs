//! How long what runs carried is kept: as the declared Retention says, unless a legal hold forbids to erase it. A run is
//! erased as a whole, when the most sensitive class of what it can carry is due. No clock, no IO.

use jiff::Timestamp;
use ordain_plan::{Body, Plan};
use ordain_spec::kind::field::FieldMap;
use ordain_spec::kind::retention::{LegalHold, RetentionSpec};
use ordain_spec::kind::scalar::Sensitivity;

/// The most sensitive class of anything that a run of this plan can carry, its sub-runs included.
#[must_use]
pub fn class(plan: &Plan) -> Sensitivity {
    let own = std::iter::once(plan).chain(plan.sub_plans().into_iter().map(|plan| &**plan));
    own.map(of_one).max().unwrap_or(Sensitivity::Internal)
}

fn of_one(plan: &Plan) -> Sensitivity {
    let mut highest = of_fields(&plan.runbook.spec.inputs);
    for step in &plan.steps {
        let forms = step.approvals.iter().flat_map(|approval| &approval.spec.stages);
        highest = forms.fold(highest, |highest, stage| highest.max(of_fields(&stage.form)));
        if let Some(signal) = &step.spec.signal {
            highest = highest.max(of_fields(&signal.fields));
        }
        if let Body::Approve(approval) = &step.body {
            let stages = approval.spec.stages.iter();
            highest = stages.fold(highest, |highest, stage| highest.max(of_fields(&stage.form)));
        }
        if let Some(action) = step.action() {
            let spec = &action.capability.spec;
            highest = highest.max(of_fields(&spec.input)).max(of_fields(&spec.output));
        }
    }
    highest
}

fn of_fields(fields: &FieldMap) -> Sensitivity {
    fields.iter().map(|(_, field)| of_field(field)).max().unwrap_or(Sensitivity::Public)
}

fn of_field(field: &ordain_spec::kind::field::Field) -> Sensitivity {
    let inner = field.fields.iter().map(of_fields).chain(field.items.iter().map(|item| of_field(item)));
    inner.fold(field.sensitivity.value, Sensitivity::max)
}

/// When what is of that class is due, for a run that settled then.
#[must_use]
pub fn due(retention: &RetentionSpec, class: Sensitivity, settled: Timestamp) -> Timestamp {
    let keep = match class {
        Sensitivity::Public | Sensitivity::Meta | Sensitivity::Internal => &retention.keep.internal,
        Sensitivity::Personal => &retention.keep.personal,
        // Secrets are references and are in no payload; if one were, it would go first.
        Sensitivity::Raw | Sensitivity::Secret => &retention.keep.raw,
    };
    crate::run::later(settled, keep.value.0)
}

/// True where a run of this plan can hold the file of an export.
#[must_use]
pub fn holds_file(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step.body, Body::Export(_)))
}

/// When the file of an export is due that was released then, or given up then.
#[must_use]
pub fn file_due(retention: &RetentionSpec, since: Timestamp) -> Timestamp {
    crate::run::later(since, retention.keep.exports.value.0)
}

/// The shortest time that anything is kept, in ms: nothing younger is due.
#[must_use]
pub fn shortest_ms(retention: &RetentionSpec) -> u64 {
    let keep = &retention.keep;
    let all = [&keep.raw, &keep.personal, &keep.internal, &keep.exports];
    all.into_iter().map(|keep| keep.value.0).min().unwrap_or_default()
}

/// The legal hold that forbids to erase a run of that runbook which settled then.
#[must_use]
pub fn held<'r>(retention: &'r RetentionSpec, runbook: &str, settled: Timestamp) -> Option<&'r LegalHold> {
    retention.holds.iter().find(|hold| {
        let named = hold.runbooks.as_ref();
        hold.since.value.0 <= settled
            && named.is_none_or(|all| all.iter().any(|name| name.value.matches(runbook)))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop where something is not as said")]
    use super::*;

    const SPEC: &str = "
keep: {raw: 1d, personal: 30d, internal: 365d, exports: 90d}
holds:
  - {id: audit, runbooks: ['payments.*'], reason: An audit is under way., by: 'user:alice', since: 2026-01-10T00:00:00Z}
";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_more_sensitive_goes_first() {
        let retention: RetentionSpec = crate::fixture::read(SPEC);
        let settled = at("2026-01-01T00:00:00Z");
        let table = [
            (Sensitivity::Meta, "2027-01-01T00:00:00Z"),
            (Sensitivity::Internal, "2027-01-01T00:00:00Z"),
            (Sensitivity::Personal, "2026-01-31T00:00:00Z"),
            (Sensitivity::Raw, "2026-01-02T00:00:00Z"),
        ];
        for (class, expected) in table {
            assert_eq!(due(&retention, class, settled), at(expected), "{class}");
        }
        assert_eq!(shortest_ms(&retention), 86_400_000);
        assert_eq!(file_due(&retention, settled), at("2026-04-01T00:00:00Z"));
        let brief: RetentionSpec =
            crate::fixture::read(&SPEC.replace("raw: 1d", "raw: 30d").replace("exports: 90d", "exports: 1d"));
        assert_eq!(shortest_ms(&brief), 86_400_000, "a file may go before anything else");
    }

    #[test]
    fn a_hold_is_about_its_runbooks_and_what_settled_since() {
        let retention: RetentionSpec = crate::fixture::read(SPEC);
        for (runbook, settled, expected) in [
            ("payments.refund", "2026-01-10T00:00:00Z", true),
            ("payments.refund", "2026-01-09T23:59:59.999Z", false),
            ("payments", "2026-02-01T00:00:00Z", false),
            ("failover", "2026-02-01T00:00:00Z", false),
        ] {
            assert_eq!(held(&retention, runbook, at(settled)).is_some(), expected, "{runbook} {settled}");
        }
        let all = SPEC.replace("runbooks: ['payments.*'], ", "");
        let retention: RetentionSpec = crate::fixture::read(&all);
        assert!(held(&retention, "failover", at("2026-02-01T00:00:00Z")).is_some());
    }
}
