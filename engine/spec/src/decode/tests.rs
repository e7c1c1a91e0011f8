//! What records report, what they recover, and what is digested of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic
)]

use super::*;
use crate::kind::approval::ApprovalSpec;
use crate::kind::budget::BudgetSpec;
use crate::kind::capability::CapabilitySpec;
use crate::kind::metadata::CapabilityMetadata;
use crate::kind::runbook::RunbookSpec;
use crate::source::FileId;

fn decode<T: Decode>(source: &str) -> (Option<T>, Vec<Diagnostic>) {
    let mut sink = Vec::new();
    let nodes = crate::tree::yaml::read(FileId(0), source, &mut sink);
    let mut cx = Decoder::for_text(source, Notation::Yaml);
    let value = T::decode(nodes.first().expect("a document"), &mut cx);
    sink.extend(cx.finish());
    (value, sink)
}

fn codes<T: Decode>(source: &str) -> Vec<&'static str> {
    decode::<T>(source).1.iter().map(|problem| problem.code).collect()
}

const CAPABILITY: &str = "effect: write\nuses: stripe@^2\noperation: create\n";
const METADATA: &str = "name: a.b\nversion: 1.0.0\nowner: group:data\nsummary: Does a thing.\n";
const BUDGET: &str = "unit: usd_cents\nlimit: 10\nwindow: month\napplies: {}\n";

#[test]
fn one_pass_reports_every_problem_of_a_record() {
    let source = "efect: write\nuses: Stripe\noperation: [a]\ntimeout: 30\ncosts: {unit: a}\nquotas: [{per: actr, limit: -1, window: 1 h}]\n";
    let mut found = codes::<CapabilitySpec>(source);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "bad-duration",
            "bad-duration",
            "bad-name",
            "out-of-range",
            "unknown-field",
            "unknown-value",
            "wrong-type",
            "wrong-type"
        ]
    );
}

#[test]
fn each_fault_has_its_law() {
    for (extra, code) in [
        ("timeout: 30\n", "bad-duration"),
        ("timeout: 30sec\n", "bad-duration"),
        ("timeout: 1h30m\n", "bad-duration"),
        ("timeout: 030s\n", "bad-duration"),
        ("timeout: '9007199254740992d'\n", "bad-duration"),
        ("timeout: ~\n", "wrong-type"),
        ("timeout: [30s]\n", "wrong-type"),
        ("approval: four-eyes@latest\n", "bad-requirement"),
        ("approval: four-eyes@\n", "bad-requirement"),
        ("approval: four-eyes@>=1\n", "bad-requirement"),
        ("approval: four-eyes@^1.2.3\n", "bad-requirement"),
        ("approval: four-eyes@1.2\n", "bad-requirement"),
        ("approval: four-eyes@~1\n", "bad-requirement"),
        ("approval: four-eyes@^01\n", "bad-requirement"),
        ("approval: Four\n", "bad-name"),
        ("approval: fоur\n", "confusable-name"),
        ("guards: {a: 1}\n", "wrong-type"),
        ("guards: [{id: a_b, expr: 'true'}]\n", "bad-name"),
        ("guards: [{id: a}]\n", "missing-field"),
        ("guards: [{id: a, expr: ''}]\n", "missing-field"),
        ("guards: [{id: a, expr: TODO}]\n", "placeholder-value"),
        ("guards: [{id: a, expr: true}]\n", "wrong-type"),
        ("costs: [{unit: eur, estimate: '1', max: 1.5}]\n", "float-amount"),
        ("costs: [{unit: eur, estimate: '1', max: 017}]\n", "wrong-type"),
        ("quotas: [{per: actor, limit: 1.0, window: 1h}]\n", "wrong-type"),
        ("input: {in: {type: string}}\n", "bad-name"),
        ("input: {a-b: {type: string}}\n", "bad-name"),
        ("input: {a: {type: strng}}\n", "unknown-value"),
        ("input: {a: {type: string, default: .inf}}\n", "wrong-type"),
        ("input: {a: {type: string, default: [~]}}\n", "wrong-type"),
        ("idempotency: sometimes\n", "unknown-value"),
        ("idempotency: {keys: a}\n", "unknown-field"),
        ("description: ~\n", "wrong-type"),
        ("wiht: {}\n", "unknown-field"),
    ] {
        let source = format!("{CAPABILITY}{extra}");
        assert!(
            codes::<CapabilitySpec>(&source).contains(&code),
            "{extra}: {:?}",
            decode::<CapabilitySpec>(&source).1
        );
    }
    for (extra, code) in [
        ("grace: 20\n", "bad-duration"),
        ("grace: 20.5%\n", "bad-duration"),
        ("onBreach: {approval: a, b: 1}\n", "unknown-field"),
        ("onBreach: allow\n", "unknown-value"),
    ] {
        let source = format!("{BUDGET}{extra}");
        assert!(codes::<BudgetSpec>(&source).contains(&code), "{extra}");
    }
    assert!(codes::<BudgetSpec>(&BUDGET.replace("10", "10.5")).contains(&"float-amount"));
}

#[test]
fn what_only_pretends_counts_as_missing() {
    for value in
        ["~", "null", "", "''", "TODO", "todo", "'null'", "'~'", "changeme", "Changeme.", "tbd", "FIXME"]
    {
        let source = METADATA.replace("group:data", value);
        let (metadata, problems) = decode::<CapabilityMetadata>(&source);
        assert_eq!(problems.len(), 1, "{value}: {problems:?}");
        assert_eq!(problems[0].code, "placeholder-value", "{value}");
        assert!(metadata.unwrap().owner.is_none(), "{value}");
    }
    assert!(codes::<CapabilityMetadata>(METADATA).is_empty());
}

#[test]
fn a_near_name_is_offered_as_a_safe_fix_that_mends_the_file() {
    for (source, mended) in [
        ("efect: write\nuses: a\noperation: b\n", "effect: write\nuses: a\noperation: b\n"),
        ("effect: wirte\nuses: a\noperation: b\n", "effect: write\nuses: a\noperation: b\n"),
    ] {
        let (_, problems) = decode::<CapabilitySpec>(source);
        let fix = problems.iter().find_map(|problem| problem.fix.as_ref()).expect("a fix");
        assert!(fix.safe);
        let edit = &fix.edits[0];
        let text = format!(
            "{}{}{}",
            &source[..edit.span.start as usize],
            edit.text,
            &source[edit.span.end as usize..]
        );
        assert_eq!(text, mended);
        assert!(codes::<CapabilitySpec>(&text).is_empty());
    }
}

#[test]
fn a_near_name_is_read_as_meant_so_that_one_mistake_is_one_problem() {
    let (spec, problems) = decode::<CapabilitySpec>("efect: wirte\nuses: a\noperation: b\n");
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["unknown-field", "unknown-value"]);
    assert_eq!(spec.unwrap().effect.value, crate::kind::scalar::Effect::Write);
}

#[test]
fn a_missing_field_labels_the_first_line_and_inserts_what_is_refused_in_its_turn() {
    let source = "effect: write\nuses: a\nguards:\n  - expr: 'true'\n    reason: r\noperation: b\n";
    let (_, problems) = decode::<CapabilitySpec>(source);
    assert_eq!(problems.len(), 1);
    let label = problems[0].primary.as_ref().unwrap().span;
    assert_eq!(&source[label.start as usize..label.end as usize], "expr: 'true'");
    let fix = problems[0].fix.as_ref().unwrap();
    assert!(!fix.safe);
    let at = fix.edits[0].span.start as usize;
    let text = format!("{}{}{}", &source[..at], fix.edits[0].text, &source[at..]);
    assert_eq!(codes::<CapabilitySpec>(&text), ["placeholder-value"], "{text}");
}

#[test]
fn a_broken_optional_field_leaves_the_rest() {
    let (spec, problems) = decode::<CapabilitySpec>(&format!("{CAPABILITY}timeout: 30\n"));
    assert_eq!(problems.len(), 1);
    assert!(spec.unwrap().timeout.is_none());
}

#[test]
fn defaults_prose_and_places_are_no_part_of_the_canonical_form() {
    let canonical =
        |source: &str| decode::<ApprovalSpec>(source).0.expect("an approval").canonical().unwrap();
    let plain = canonical("stages: [{id: peer, anyOf: ['group:data'], expires: 4h}]\n");
    let wordy = canonical(
        "description: For people.\nstages:\n- anyOf: ['group:data']\n  id: peer # who\n  expires: 240m\n  quorum: 1\n  stepUp: false\n  form: {}\ndistinct: true\nrequesterMayApprove: false\nrationale: {minLength: 10}\n",
    );
    assert_eq!(plain, wordy);
    assert_eq!(
        plain,
        serde_json::json!({ "stages": [{ "id": "peer", "anyOf": ["group:data"], "expires": 14_400_000 }] })
    );
    assert_ne!(
        plain,
        canonical("stages: [{id: peer, anyOf: ['group:data'], expires: 4h}]\ndistinct: false\n")
    );
}

#[test]
fn a_bare_need_is_short_for_success() {
    let steps = |needs: &str| {
        let source = format!("steps: [{{id: a, wait: 1s}}, {{id: b, wait: 1s, needs: {needs}}}]\n");
        let (spec, problems) = decode::<RunbookSpec>(&source);
        assert!(problems.is_empty(), "{problems:?}");
        spec.unwrap().canonical().unwrap()
    };
    assert_eq!(steps("[a]"), steps("[{step: a, on: success}]"));
    assert_ne!(steps("[a]"), steps("[{step: a, on: any}]"));
}
