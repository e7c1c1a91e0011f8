//! Every spec file of the project is read and decoded without a word of complaint.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use ordain_spec::decode::{Decode, Decoder};
use ordain_spec::kind::metadata::{CapabilityMetadata, Metadata};
use ordain_spec::kind::{
    approval, budget, capability, connector, policy, roster, runbook, scenario, workspace,
};
use ordain_spec::source::{FileId, Notation, SourceFile};
use ordain_spec::tree::{yaml, Node, Value};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            found.push(path);
        }
    }
}

fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(map) = &node.value else { return None };
    map.get(name).map(|(_, value)| value)
}

fn text(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => text.value.to_string(),
        _ => String::new(),
    }
}

fn decode(document: &Node, cx: &mut Decoder<'_>) {
    let kind = text(field(document, "kind").expect("a kind"));
    let spec = field(document, "spec").expect("a spec");
    if kind == "Capability" {
        CapabilityMetadata::decode(field(document, "metadata").unwrap(), cx);
    } else if kind != "Workspace" {
        Metadata::decode(field(document, "metadata").unwrap(), cx);
    }
    match &*kind {
        "Capability" => drop(capability::CapabilitySpec::decode(spec, cx)),
        "Connector" => drop(connector::ConnectorSpec::decode(spec, cx)),
        "Runbook" => drop(runbook::RunbookSpec::decode(spec, cx)),
        "Policy" => drop(policy::PolicySpec::decode(spec, cx)),
        "Approval" => drop(approval::ApprovalSpec::decode(spec, cx)),
        "Budget" => drop(budget::BudgetSpec::decode(spec, cx)),
        "Roster" => drop(roster::RosterSpec::decode(spec, cx)),
        "Scenario" => drop(scenario::ScenarioSpec::decode(spec, cx)),
        "Workspace" => drop(workspace::WorkspaceSpec::decode(spec, cx)),
        other => panic!("unknown kind {other}"),
    }
}

#[test]
fn every_spec_of_the_project_decodes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in ["specs", "examples", "engine-tests/fixtures/catalogues"] {
        files(&root.join(folder), &mut found);
    }
    assert!(found.len() > 100, "the specs are where this test looks for them");
    let mut complaints = Vec::new();
    for path in &found {
        let source = std::fs::read_to_string(path).unwrap();
        let file = SourceFile::new(path.display().to_string(), source.as_str().into(), Notation::Yaml);
        let mut sink = Vec::new();
        let documents = yaml::read(FileId(0), &source, &mut sink);
        let mut cx = Decoder::new(&file);
        documents.iter().for_each(|document| decode(document, &mut cx));
        sink.extend(cx.finish());
        for problem in sink {
            let place = problem.primary.as_ref().map(|label| file.line_column(label.span.start));
            complaints.push(format!("{} {place:?}: {} {:?}", path.display(), problem.message, problem.help));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
