//! The catalogue as one fact, `catalogue`: its type, and its value. Only the author's own invariants read it; no
//! expression of a spec does.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::catalogue::{Declarations, every};
use crate::check::context::risk;
use crate::decode::Spanned;
use crate::expr::{Field, Scope, Type};
use crate::kind::metadata::Risk;
use crate::kind::scalar::{Effect, Name, Principal, Sensitivity};
use crate::kind::{Capability, Connector};

use super::meta;

/// Longest name, with the prefix of a principal.
const NAME_BYTES: u64 = 69;
/// Most specs of a kind: what `catalogue.…` lists are bounded by.
const SPECS: u64 = 5_000;

fn name_text() -> Type {
    Type::Text { domain: None, max_len: Some(NAME_BYTES) }
}

/// `catalogue`: what invariants read.
#[must_use]
pub fn invariants() -> Scope {
    let name = || meta(name_text());
    let optional = |ty| Field::optional(ty, Sensitivity::Meta, "not every spec has it");
    let common = || vec![("name", name()), ("version", optional(name_text())), ("owner", name())];
    let list = |more: Vec<(&'static str, Field)>| {
        meta(Type::list(Type::record(common().into_iter().chain(more)), Some(SPECS)))
    };
    let capability = vec![
        ("risk", meta(Type::one_of(Risk::ALL.iter().map(|risk| risk.as_str())))),
        ("effect", meta(Type::one_of(Effect::ALL.iter().map(|effect| effect.as_str())))),
        ("connector", name()),
        ("operation", name()),
        ("approval", optional(name_text())),
        ("tests", meta(Type::list(name_text(), Some(SPECS)))),
        ("tags", meta(Type::Map(Arc::new(Type::text())))),
    ];
    let connector = vec![("type", meta(Type::one_of(["http", "exec", "mock"])))];
    let catalogue = Type::record([
        ("capabilities", list(capability)),
        ("connectors", list(connector)),
        ("runbooks", list(Vec::new())),
        ("policies", list(Vec::new())),
        ("approvals", list(Vec::new())),
        ("budgets", list(Vec::new())),
    ]);
    Scope::new([("catalogue", meta(catalogue))])
}

/// The value of `catalogue` that invariants are evaluated over.
#[must_use]
pub fn catalogue_facts(all: &Declarations) -> Json {
    fn common(name: &Name, version: Option<String>, owner: Option<&Spanned<Principal>>) -> Map<String, Json> {
        let mut map = Map::new();
        map.insert("name".into(), name.as_str().into());
        if let Some(version) = version {
            map.insert("version".into(), version.into());
        }
        map.insert("owner".into(), owner.map(|owner| owner.value.to_string()).unwrap_or_default().into());
        map
    }
    macro_rules! list {
        ($specs:expr, $($more:expr)?) => {
            $specs
                .map(|spec| {
                    let metadata = &spec.metadata;
                    let version = metadata.version.as_ref().map(|version| version.value.to_string());
                    #[allow(unused_mut, reason = "some kinds have no further fields")]
                    let mut map = common(&metadata.name.value, version, metadata.owner.as_ref());
                    $($more(spec, &mut map);)?
                    Json::Object(map)
                })
                .collect::<Vec<_>>()
        };
    }
    let capability = |spec: &Arc<Capability>, map: &mut Map<String, Json>| {
        let mut set = |key: &str, value: Json| map.insert(key.to_owned(), value);
        set("risk", risk(spec).as_str().into());
        set("effect", spec.spec.effect.value.as_str().into());
        set("connector", spec.spec.uses.value.name.as_str().into());
        set("operation", spec.spec.operation.value.as_str().into());
        if let Some(approval) = &spec.spec.approval {
            set("approval", approval.value.name.as_str().into());
        }
        set("tests", spec.metadata.tests.iter().map(|test| test.value.as_str()).collect::<Vec<_>>().into());
        let tags = spec.metadata.tags.iter().map(|(name, tag)| (name.to_string(), tag.value.as_ref().into()));
        set("tags", Json::Object(tags.collect()));
    };
    let connector = |spec: &Arc<Connector>, map: &mut Map<String, Json>| {
        map.insert("type".into(), spec.spec.type_.value.as_str().into());
    };
    json!({
        "capabilities": list!(every(&all.capabilities), capability),
        "connectors": list!(every(&all.connectors), connector),
        "runbooks": list!(every(&all.runbooks),),
        "policies": list!(all.policies.values(),),
        "approvals": list!(every(&all.approvals),),
        "budgets": list!(all.budgets.values(),),
    })
}
