//! Specs for tests, read by the language's own reader.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where something is not as said")]

use ordain_spec::decode::{Decode, Decoder, Spanned};
use ordain_spec::digest::Digest;
use ordain_spec::kind::metadata::Metadata;
use ordain_spec::kind::scalar::{Name, Prose};
use ordain_spec::kind::{Approval, Budget, Declared, Exemption, Policy, Roster};
use ordain_spec::source::{Notation, SourceFile, Sources, Span};
use ordain_spec::tree::yaml;

/// Reads a part of a spec.
pub(crate) fn read<T: Decode>(text: &str) -> T {
    let mut sources = Sources::default();
    let file = sources.add(SourceFile::new("test.yaml".into(), text.into(), Notation::Yaml));
    let mut problems = Vec::new();
    let nodes = yaml::read(file, text, &mut problems);
    let mut decoder = Decoder::for_text(text, Notation::Yaml);
    let made = nodes.first().and_then(|node| T::decode(node, &mut decoder));
    problems.extend(decoder.finish());
    assert!(problems.is_empty(), "{problems:#?}\n{text}");
    made.expect("a document")
}

fn declared<S: Decode>(name: &str, text: &str) -> Declared<Metadata, S> {
    let spec: S = read(text);
    let canonical = serde_json::json!([name, spec.canonical()]);
    Declared {
        metadata: Metadata {
            name: Spanned::nowhere(Name::new(name).unwrap()),
            version: None,
            owner: None,
            summary: Spanned::nowhere(Prose("for a test".into())),
            tags: ordain_spec::kind::field::Named::default(),
            span: Span::nowhere(),
        },
        spec,
        digest: Digest::of_json(&canonical),
        span: Span::nowhere(),
    }
}

pub(crate) fn policy(name: &str, text: &str) -> Policy {
    declared(name, text)
}

pub(crate) fn approval(text: &str) -> Approval {
    declared("four-eyes", text)
}

pub(crate) fn budget(name: &str, text: &str) -> Budget {
    declared(name, text)
}

pub(crate) fn exemption(name: &str, text: &str) -> Exemption {
    declared(name, text)
}

pub(crate) fn roster() -> Roster {
    declared(
        "roster",
        "
people:
  alice: {type: human, email: alice@example.org, subject: idp|1}
  bob: {type: human, email: bob@example.org}
  carol: {type: human, email: carol@example.org}
  dan: {type: human, email: dan@example.org}
  alicia: {type: human, email: Alice@example.org}
  erin: {type: human, email: erin@example.org}
  planner: {type: agent, custodians: ['user:carol'], onBehalfOf: 'user:alice'}
  deploy-bot: {type: service, custodians: ['user:bob']}
groups:
  data: ['user:alice', 'user:bob', 'user:deploy-bot', 'user:planner', 'user:alicia']
  loop: ['group:loop', 'user:carol']
  risk: {external: true, atLeast: 3}
roles:
  operator: ['group:data']
  sre: ['group:data', 'group:loop']
",
    )
}
