//! What is seen of connectors, and when they may be probed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop where something is not as said"
)]

use ordain_plan::Grants;
use ordain_spec::check::{check, read_workspace};
use ordain_spec::source::{Notation, SourceFile, Sources};

use super::*;
use crate::realm::{Batch, Body, Realm};
use crate::run::system::{SystemCommand, SystemEvent};

const SPECS: &str = "apiVersion: ordain/v1
kind: Roster
metadata: {name: roster, owner: group:team, summary: Who.}
spec:
  people: {alice: {type: human, email: alice@example.org}, bob: {type: human, email: bob@example.org}}
  groups: {team: ['user:alice', 'user:bob']}
  roles: {operator: ['group:team'], viewer: ['group:team'], admin: ['user:bob']}
---
apiVersion: ordain/v1
kind: Connector
metadata: {name: api, version: 1.0.0, owner: group:team, summary: A service.}
spec:
  type: http
  http: {baseUrl: 'https://api.example.org/v1'}
  health: {operation: ping, every: 1s}
  operations:
    ping: {effect: read, path: /ping, output: {}, timeout: 2s, maxResponse: 1KiB, mock: {output: {}}}
---
apiVersion: ordain/v1
kind: Connector
metadata: {name: quiet, version: 1.0.0, owner: group:team, summary: Says nothing of its health.}
spec:
  type: http
  http: {baseUrl: 'https://quiet.example.org/v1'}
  operations:
    ping: {effect: read, path: /ping, output: {}, timeout: 2s, maxResponse: 1KiB, mock: {output: {}}}
";

const GRANTED: &str = "connections: {api: {hosts: [api.example.org]}, quiet: {hosts: [quiet.example.org]}}";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_607_200 + seconds).unwrap()
}

fn active(workspace: &str) -> Arc<Active> {
    let mut sources = Sources::default();
    sources.add(SourceFile::new("specs.yaml".into(), SPECS.into(), Notation::Yaml));
    let checked = check(sources);
    let catalogue = checked.catalogue.unwrap_or_else(|| panic!("{:?}", checked.diagnostics.first()));
    let text = format!("apiVersion: ordain/v1\nkind: Workspace\nspec: {{catalogue: [.], {workspace}}}\n");
    let file = SourceFile::new("ordain.yaml".into(), text.as_str().into(), Notation::Yaml);
    let id = Sources::default().add(file.clone());
    let mut problems = Vec::new();
    let spec = read_workspace(id, &file, &mut problems).unwrap_or_else(|| panic!("{problems:?}"));
    Arc::new(Active { catalogue, grants: Arc::new(Grants::from(&spec)) })
}

fn realm(workspace: &str) -> Realm {
    Realm::new(World::new(Some(active(workspace))))
}

fn probed(realm: &mut Realm, fault: Option<Code>, seconds: i64) -> Batch {
    realm.system(SystemCommand::Probed { connector: "api".into(), fault }, at(seconds)).unwrap()
}

fn refused(realm: &Realm) -> Code {
    admit(&realm.world, "api", at(0)).unwrap_err().code
}

#[test]
fn only_a_change_is_recorded_and_a_fault_that_becomes_another_is_none() {
    let mut realm = realm(GRANTED);
    let steps = [
        (None, 1, true),
        (None, 2, false),
        (Some(Code::ConnectorTimeout), 3, true),
        (Some(Code::ConnectorRefused), 4, false),
        (None, 5, true),
    ];
    for (fault, seconds, told) in steps {
        let batch = probed(&mut realm, fault, seconds);
        assert_eq!(batch.entries.len(), usize::from(told), "{seconds}");
        for entry in &batch.entries {
            let record = &entry.audit[0].entry;
            assert_eq!((record.action.as_str(), &*record.subject), ("health.changed", "api"));
            assert_eq!(record.actor, Actor::system());
            let codes: Vec<Code> = record.reasons.iter().map(|reason| reason.code).collect();
            assert_eq!(codes, fault.into_iter().collect::<Vec<_>>());
        }
    }
    assert_eq!(realm.world.health.0["api"], Seen { since: at(5), fault: None });
}

#[test]
fn what_is_seen_can_be_built_anew_from_the_journal_and_read_again_from_rows() {
    let mut realm = realm(GRANTED);
    let mut anew = World::new(None);
    for (fault, seconds) in [(None, 1), (Some(Code::BreakerOpen), 2)] {
        for entry in probed(&mut realm, fault, seconds).entries {
            let Body::System(event) = entry.body else { panic!("an event of the workspace") };
            let read: SystemEvent = serde_json::from_str(&entry.json).unwrap();
            assert_eq!(read, *event);
            anew.apply_system(&read, entry.at);
        }
    }
    assert_eq!(anew.health, realm.world.health);
    let mut loaded = World::new(None);
    loaded.load(realm.world.changed()).unwrap();
    assert_eq!(loaded.health, realm.world.health);
    assert_eq!(loaded.rows(), realm.world.rows());
}

#[test]
fn a_probe_needs_what_every_call_needs() {
    let granted = realm(GRANTED);
    let probe = admit(&granted.world, "api", at(0)).unwrap();
    assert_eq!((&*probe.operation, &*probe.connection.name), ("ping", "api"));
    assert_eq!(admit(&granted.world, "quiet", at(0)).unwrap_err().code, Code::NotFound);
    assert_eq!(refused(&Realm::new(World::new(None))), Code::CatalogueUnavailable);
    assert_eq!(refused(&realm("environment: local")), Code::ConnectionMissing);
    let prod = realm(&format!("profile: prod, {GRANTED}"));
    assert!(admit(&prod.world, "api", at(0)).is_ok(), "what is active in `prod` is signed");
}

#[test]
fn a_kill_switch_stops_probes_too_and_the_view_says_so() {
    for (selector, stops) in [
        ("all", true),
        ("connector:api", true),
        ("tenant:default", true),
        ("connector:quiet", false),
        ("runbook:x", false),
    ] {
        let mut realm = realm(GRANTED);
        probed(&mut realm, Some(Code::ConnectorTimeout), 1);
        let kill = SystemCommand::Kill {
            selector: selector.parse().unwrap(),
            reason: "drill".to_owned(),
            by: Actor::system(),
            until: None,
            pause: false,
        };
        realm.system(kill, at(2)).unwrap();
        assert_eq!(admit(&realm.world, "api", at(3)).is_err(), stops, "{selector}");
        let view = view(&realm.world, at(3));
        assert_eq!(view["health"].as_array().unwrap().len(), 1, "`quiet` says nothing of its health");
        let row = &view["health"][0];
        assert_eq!(row["state"], "degraded", "what was seen stays");
        assert_eq!(row["reasons"][0]["code"], "connector_timeout");
        assert_eq!(row.get("notProbed").is_some(), stops, "{selector}");
    }
}

#[test]
fn without_a_connection_nothing_is_known_and_nothing_probed() {
    let mut realm = realm("environment: local");
    probed(&mut realm, Some(Code::ConnectorTimeout), 1);
    let row = &view(&realm.world, at(2))["health"][0];
    assert_eq!((&row["state"], &row["notProbed"]["code"]), (&json!("unknown"), &json!("connection_missing")));
    assert!(super::probed(&active("environment: local")).is_empty());
    assert_eq!(
        super::probed(&active(GRANTED)),
        BTreeMap::from([("api".into(), LEAST_EVERY_MS)]),
        "at most that often"
    );
}
