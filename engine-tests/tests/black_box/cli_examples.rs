//! The examples do what their READMEs say, command by command, in fresh copies.

use engine_tests::transcript::replay;

#[test]
fn hello_says_hello() {
    replay("examples/hello/README.md");
}

#[test]
fn a_restored_folder_is_swapped_in_and_back() {
    replay("examples/restore-drill/README.md");
}

#[test]
fn a_configuration_goes_out_in_waves() {
    replay("examples/rollout/README.md");
}

#[test]
fn an_agent_asks_and_people_decide() {
    replay("examples/agent-refund/README.md");
}

#[test]
fn evidence_is_made_verified_elsewhere_and_refused_when_changed() {
    replay("docs/guide/evidence.md");
}
