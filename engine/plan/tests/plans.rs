//! Plans of a real catalogue: order, bounds, digests, grants, and every picture of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::sync::Arc;

use ordain_plan::{Body, Grants, Plan, compile, missing_connections, render};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::check::check;
use ordain_spec::decode::{Decode, Decoder};
use ordain_spec::kind::workspace::WorkspaceSpec;
use ordain_spec::source::{FileId, Notation, SourceFile, Sources};

const MOVE: &str = include_str!("catalogue/move.yaml");

fn catalogue(text: &str) -> Arc<Catalogue> {
    let mut sources = Sources::default();
    sources.add(SourceFile::new("specs/move.yaml".into(), text.into(), Notation::Yaml));
    let checked = check(sources);
    let problems: Vec<String> =
        checked.diagnostics.iter().map(|found| format!("{}: {}", found.code, found.message)).collect();
    checked.catalogue.unwrap_or_else(|| panic!("the catalogue is refused:\n{}", problems.join("\n")))
}

fn plan_of(text: &str, name: &str, grants: &Grants) -> Arc<Plan> {
    let catalogue = catalogue(text);
    let (_, releases) = catalogue.runbooks.iter().find(|(known, _)| known.as_str() == name).unwrap();
    compile(releases.values().next_back().unwrap(), &catalogue, grants).unwrap()
}

fn move_cluster() -> Arc<Plan> {
    plan_of(MOVE, "move-cluster", &Grants::default())
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| &*step.id).collect()
}

#[test]
fn steps_come_after_what_they_need_and_else_in_the_order_of_the_file() {
    let plan = move_cluster();
    assert_eq!(ids(&plan), ["lag", "backup", "window", "promote", "settle", "waves", "sign_off", "tell"]);
    for step in &plan.steps {
        assert!(step.needs.iter().all(|need| need.step < step.index));
        assert!(
            step.dependents
                .iter()
                .all(|later| plan.steps[*later].needs.iter().any(|need| need.step == step.index))
        );
        assert_eq!(
            step.ancestors.iter().collect::<Vec<_>>(),
            (0..step.index).filter(|at| step.ancestors.contains(*at)).collect::<Vec<_>>()
        );
    }
    let tell = plan.step("tell").unwrap();
    assert_eq!(tell.ancestors.iter().count(), 7);
    assert!(tell.is_clean_up());
}

#[test]
fn an_approval_that_capability_and_step_both_name_is_one() {
    let plan = move_cluster();
    let promote = plan.step("promote").unwrap();
    assert_eq!(promote.approvals.len(), 1);
    assert_eq!(promote.approvals[0].metadata.name.value.as_str(), "two-people");
    let gates: Vec<(&str, bool)> = promote.gates.iter().map(|gate| (&*gate.approval, gate.certain)).collect();
    assert_eq!(gates, [("four-eyes", true)]);
}

#[test]
fn the_smallest_timeout_holds_and_defaults_are_applied() {
    let plan = move_cluster();
    assert_eq!(plan.step("promote").unwrap().timeout_ms, Some(5 * 60_000));
    assert_eq!(plan.step("backup").unwrap().timeout_ms, Some(20 * 60_000));
    assert_eq!(plan.step("lag").unwrap().timeout_ms, Some(10_000));
    assert_eq!(plan.step("window").unwrap().timeout_ms, None);
    let idempotency = |id: &str| format!("{:?}", plan.step(id).unwrap().action().unwrap().idempotency);
    assert_eq!(idempotency("lag"), "Natural");
    assert_eq!(idempotency("tell"), "None");
    assert_eq!(idempotency("backup"), "Step");
}

#[test]
fn bounds_add_up_over_items_and_sub_runs_and_an_item_costs_its_max_once() {
    let plan = move_cluster();
    let worst = &plan.worst_case;
    // backup 250 (three attempts, one reservation) and four waves of 250.
    assert_eq!(worst.cost.get("gigabytes"), Some(&1_250));
    assert_eq!(worst.undo_cost.get("gigabytes"), Some(&5));
    // backup: four-eyes by policy, two-people by budget; promote: two-people, four-eyes;
    // four waves: four-eyes and two-people each; sign_off.
    assert_eq!(worst.approvals, 2 + 2 + 4 * 2 + 1);
    assert_eq!(worst.steps, 7 + 4 * 3);
}

#[test]
fn the_digest_changes_with_what_a_run_keeps_and_with_nothing_else() {
    let plan = move_cluster();
    let digest = |text: &str| plan_of(text, "move-cluster", &Grants::default()).digest;
    assert_eq!(
        plan.digest,
        digest(&MOVE.replace("Moves a cluster to its standby and tells everybody.", "Another summary."))
    );
    assert_eq!(
        plan.digest,
        digest(&MOVE.replace("id: chat-watch", "id: other-name")),
        "policies are always the active ones"
    );
    assert_ne!(plan.digest, digest(&MOVE.replace("max_lag: 5", "max_lag: 6")), "the runbook");
    assert_ne!(
        plan.digest,
        digest(&MOVE.replace("idempotency: step", "idempotency: natural")),
        "a capability"
    );
    assert_ne!(plan.digest, digest(&MOVE.replace("timeout: 30m", "timeout: 31m")), "a connector");
    assert_ne!(plan.digest, digest(&MOVE.replace("draining ${", "drains ${")), "a sub-runbook");
    assert_ne!(plan.digest, digest(&MOVE.replace("args: [drop,", "args: [remove,")), "the way back");
    let granted = Grants { environment: "elsewhere".into(), ..Grants::default() };
    assert_eq!(
        plan.digest,
        plan_of(MOVE, "move-cluster", &granted).digest,
        "a fact of the run, not of the plan"
    );
    assert_ne!(
        plan.digest,
        plan_of(MOVE, "move-cluster", &workspace(GRANTED)).digest,
        "a resolved connection"
    );
}

const GRANTED: &str = r"
apiVersion: ordain/v1
kind: Workspace
spec:
  settings: {chat-url: 'https://chat.example.org/api', data: /srv/data/pg, backups: /srv/backups}
  connections:
    chat: {hosts: [chat.example.org], secrets: [chat-token]}
    postgres: {programs: {/usr/bin/pgtool: any}, read: [/srv/data], write: [/srv/backups], network: host}
";

fn workspace(text: &str) -> Grants {
    let file = SourceFile::new("ordain.yaml".into(), text.into(), Notation::Yaml);
    let mut problems = Vec::new();
    let nodes = ordain_spec::tree::yaml::read(FileId(0), text, &mut problems);
    let mut decoder = Decoder::new(&file);
    let (_, spec) = nodes[0].as_map().unwrap().get("spec").unwrap();
    let spec = WorkspaceSpec::decode(spec, &mut decoder);
    problems.extend(decoder.finish());
    assert!(problems.is_empty(), "{problems:?}");
    Grants::from(&spec.unwrap())
}

fn missing(grants: &Grants) -> Vec<String> {
    let plan = plan_of(MOVE, "move-cluster", grants);
    missing_connections(&plan)
        .into_iter()
        .map(|fault| format!("{} {}: {}", fault.code, fault.step, fault.detail))
        .collect()
}

#[test]
fn a_live_run_misses_whatever_the_workspace_does_not_grant() {
    assert_eq!(missing(&workspace(GRANTED)), Vec::<String>::new());
    assert_eq!(
        missing(&Grants::default()),
        [
            "connection_missing lag: the workspace has no connection `postgres`",
            "connection_missing waves/drain: the workspace has no connection `chat`",
        ]
    );
    let without = |what: &str, with: &str| missing(&workspace(&GRANTED.replace(what, with)));
    assert_eq!(
        without("hosts: [chat.example.org], ", "hosts: [example.org], "),
        ["connection_missing waves/drain: host `chat.example.org` is not among `hosts` of connection `chat`"]
    );
    assert_eq!(
        without("secrets: [chat-token]", "secrets: [other]"),
        ["connection_missing waves/drain: secret `chat-token` is not among `secrets` of connection `chat`"]
    );
    assert_eq!(
        without("backups: /srv/backups}", "backups: /srv/backups/../data}"),
        ["connection_missing lag: `/srv/backups/../data` is not under `write` of connection `postgres`"]
    );
    assert_eq!(
        without(", data: /srv/data/pg", ""),
        ["connection_missing lag: the workspace has no setting `data`"]
    );
    assert_eq!(
        without(", network: host", ""),
        ["connection_missing lag: connection `postgres` does not grant `network: host`"]
    );
    assert_eq!(
        without("/usr/bin/pgtool: any", "/usr/bin/other: any"),
        [
            "connection_missing lag: program `/usr/bin/pgtool` is not among `programs` of connection `postgres`"
        ]
    );
}

#[test]
fn two_to_the_thirty_paths_cost_no_more_than_their_steps() {
    use std::fmt::Write as _;
    let mut steps = String::from("    - {id: s0, uses: chat.post@^1, with: {text: a}}\n");
    let mut last = "s0".to_owned();
    for layer in 0..30 {
        for side in ["a", "b"] {
            writeln!(
                steps,
                "    - {{id: {side}{layer}, needs: [{last}], uses: chat.post@^1, with: {{text: a}}}}"
            )
            .unwrap();
        }
        writeln!(
            steps,
            "    - {{id: j{layer}, needs: [a{layer}, b{layer}], uses: chat.post@^1, with: {{text: a}}}}"
        )
        .unwrap();
        last = format!("j{layer}");
    }
    let head = "\n---\napiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: wide, version: 1.0.0, owner: group:data, summary: Many ways.}\nspec:\n  steps:\n";
    let plan = plan_of(&format!("{MOVE}{head}{steps}"), "wide", &Grants::default());
    assert_eq!(plan.worst_case.steps, 91);
    assert!(render::svg(&plan).len() > 10_000);
    assert!(render::text(&plan, render::Look::plain()).lines().count() > 91);
}

#[test]
fn a_sub_run_is_compiled_once_and_shared() {
    let text = MOVE.replace(
        "    - id: sign_off\n      needs: [waves]\n",
        "    - {id: again, needs: [waves], runbook: move-clients@^1, with: {wave: last}}\n    - id: sign_off\n      needs: [again]\n",
    );
    let plan = plan_of(&text, "move-cluster", &Grants::default());
    let child = |id: &str| match &plan.step(id).unwrap().body {
        Body::SubRun(child) => Arc::as_ptr(child),
        other => panic!("{other:?}"),
    };
    assert_eq!(child("waves"), child("again"));
    assert_eq!(plan.sub_plans().len(), 1);
}

#[test]
fn the_text_fits_a_terminal_and_a_narrow_one() {
    let plan = plan_of(MOVE, "move-cluster", &workspace(GRANTED));
    insta::assert_snapshot!("text-100", render::text(&plan, render::Look { colour: false, width: 100 }));
    insta::assert_snapshot!("text-60", render::text(&plan, render::Look { colour: false, width: 60 }));
}

#[test]
fn colours_change_no_letter() {
    let plan = move_cluster();
    let plain = render::text(&plan, render::Look { colour: false, width: 100 });
    let coloured = render::text(&plan, render::Look { colour: true, width: 100 });
    assert_ne!(plain, coloured);
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plain);
}

#[test]
fn the_other_formats() {
    let plan = plan_of(MOVE, "move-cluster", &workspace(GRANTED));
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&render::json(&plan)).unwrap());
    insta::assert_snapshot!("dot", render::dot(&plan));
    insta::assert_snapshot!("mermaid", render::mermaid(&plan));
    insta::assert_snapshot!("svg", render::svg(&plan));
}

#[test]
fn an_expression_cannot_break_out_of_any_format() {
    let evil = r#"when: inputs.cluster != "<script>alert(1)</script>\"]; x""#;
    let text = MOVE
        .replace(r#"when: inputs.cluster != "us1""#, evil)
        .replace("enum: [eu1, us1]}\n    waves", "maxLength: 60}\n    waves");
    let catalogue_text = text.replace(
        "input: {cluster: {type: string, enum: [eu1, us1]}}",
        "input: {cluster: {type: string, maxLength: 60}}",
    );
    let plan = plan_of(&catalogue_text, "move-cluster", &Grants::default());
    assert!(!render::svg(&plan).contains("<script"));
    assert!(!render::mermaid(&plan).contains("<script"));
    assert!(render::text(&plan, render::Look::plain()).contains("<script>"));
}
