//! Generated worlds: a catalogue as documents that can be changed one field at a time, what the operator grants, what
//! is given at the start, and what people will say. Every step has a capability of its own, so that no step takes
//! from the budget or quota of another: fewer calls of one step can then never make room for another's.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use ordain_kernel::run::Verdict;
use ordain_kernel::world::Active;
use ordain_plan::Grants;
use ordain_spec::check::Checker;
use ordain_spec::decode::Spanned;
use ordain_spec::kind::connector::Network;
use ordain_spec::kind::field::Named;
use ordain_spec::kind::workspace::Connection;
use ordain_spec::source::{Notation, SourceFile, Sources, Span};
use serde_json::{Map, Value, json};

use super::chance::Chance;

/// What somebody says to every stage of an approval of that name.
#[derive(Clone)]
pub struct Says {
    /// The name in the roster.
    pub by: &'static str,
    /// The name of the approval.
    pub approval: &'static str,
    /// What is said.
    pub verdict: Verdict,
    /// Takes it back at once, where there is still time.
    pub withdraws: bool,
}

/// Everything that a run depends on.
#[derive(Clone)]
pub struct Given {
    /// The catalogue.
    pub documents: Vec<Value>,
    /// Hosts, secrets and settings that the operator grants to `outside`; none without a connection.
    pub connection: Option<[Vec<&'static str>; 3]>,
    /// The run's inputs.
    pub inputs: Map<String, Value>,
    /// Who starts it.
    pub requester: &'static str,
    /// What people say, in order.
    pub says: Vec<Says>,
    /// Kill switches.
    pub kills: Vec<String>,
    /// Everybody agreed to the exemptions.
    pub exempted: bool,
}

/// Documents in files, by path.
pub type Files = Vec<(String, String)>;

impl Given {
    /// A random world.
    pub fn new(chance: &mut Chance) -> Self {
        let mut documents = vec![roster(), connector(), happy(), undo(), undo_policy(), team_policy()];
        documents.extend(approvals());
        let below = Below::runbook(chance, "below", &mut documents);
        let main = Below::runbook(chance, "main", &mut documents);
        documents.extend([below, main]);
        if chance.in_ten(6) {
            documents.push(second_policy(chance));
        }
        documents.push(elsewhere_policy());
        let spares = chance.in_ten(5);
        if spares {
            documents.push(spared(&documents));
        }
        let mut says = Vec::new();
        for (approval, often) in [("peer", 4), ("two", 6), ("extra", 2)] {
            for by in ["alice", "bob", "carol", "dan"] {
                if chance.in_ten(often) {
                    let rejects = by == "dan" && chance.in_ten(2);
                    let verdict = if rejects { Verdict::Reject } else { Verdict::Approve };
                    says.push(Says { by, approval, verdict, withdraws: false });
                }
            }
        }
        let n = *chance.one(&[5, 5, 5, 20, 55, 75, 150]);
        // An exemption of which nobody has any use shows nothing: what it spares must be asked for, and not given.
        let n = if spares { *chance.one(&[55, 75]) } else { n };
        if spares && chance.in_ten(7) {
            says.retain(|says| says.approval != "peer");
        }
        Self {
            documents,
            connection: Some([vec!["api.example.org"], vec!["token"], vec!["url"]]),
            inputs: json!({"n": n, "cause": "generated"}).as_object().unwrap().clone(),
            requester: chance.one::<&str>(&["alice", "alice", "bot"]),
            says,
            kills: Vec::new(),
            exempted: true,
        }
    }

    /// The documents of that kind.
    pub fn of_kind(&mut self, kind: &str) -> Vec<&mut Value> {
        self.documents.iter_mut().filter(|document| document["kind"] == kind).collect()
    }

    /// What the operator grants.
    pub fn grants(&self) -> Arc<Grants> {
        let mut grants = Grants::default();
        let Some([hosts, secrets, settings]) = &self.connection else { return Arc::new(grants) };
        let list = |names: &[&str]| names.iter().map(|name| Spanned::nowhere(Arc::from(*name))).collect();
        let connection = Connection {
            hosts: list(hosts),
            secrets: list(secrets),
            allow_private: Vec::new(),
            programs: Named::default(),
            read: Vec::new(),
            write: Vec::new(),
            network: Spanned::nowhere(Network::None),
            span: Span::nowhere(),
        };
        grants.connections.insert("outside".into(), connection);
        let url = |name: &&str| (Arc::from(*name), Arc::from("https://api.example.org/v1"));
        grants.settings = settings.iter().map(url).collect();
        Arc::new(grants)
    }

    /// One document a file.
    pub fn files(&self) -> Files {
        let file = |(place, document): (usize, &Value)| (format!("f{place:03}.yaml"), document.to_string());
        self.documents.iter().enumerate().map(file).collect()
    }

    /// What comes into force; why not, where a law is broken.
    pub fn active(&self, checker: &mut Checker, files: Files) -> Result<Arc<Active>, String> {
        let mut sources = Sources::default();
        for (path, text) in files {
            sources.add(SourceFile::new(path, text.into(), Notation::Yaml));
        }
        let checked = checker.check(&sources);
        let first = checked.diagnostics.first().map(|found| format!("{}: {}", found.code, found.message));
        let catalogue = checked.catalogue.ok_or_else(|| first.unwrap_or_default())?;
        Ok(Arc::new(Active { catalogue, grants: self.grants() }))
    }
}

/// A document without its metadata's usual part.
pub fn document(kind: &str, name: &str, spec: Value) -> Value {
    let mut metadata = json!({"name": name, "owner": "group:team", "summary": "Generated."});
    if !matches!(kind, "Roster" | "Scenario" | "Exemption") {
        metadata["version"] = json!("1.0.0");
    }
    json!({"apiVersion": "ordain/v1", "kind": kind, "metadata": metadata, "spec": spec})
}

fn roster() -> Value {
    let mut people = json!({"bot": {"type": "service", "custodians": ["user:carol"]}});
    for (seed, name) in [(1, "alice"), (2, "bob"), (3, "carol"), (4, "dan")] {
        let key = STANDARD.encode(SigningKey::from_bytes(&[seed; 32]).verifying_key().as_bytes());
        people[name] =
            json!({"type": "human", "email": format!("{name}@example.org"), "key": format!("ed25519:{key}")});
    }
    let groups = json!({
        "team": ["user:alice", "user:bob", "user:carol", "user:dan"],
        "leads": ["user:carol", "user:dan"],
        "machines": ["user:bot"],
    });
    let roles = json!({
        "operator": ["group:team", "group:machines"],
        "runner": ["user:alice", "group:leads"],
        "admin": ["user:dan"],
    });
    document("Roster", "roster", json!({"people": people, "groups": groups, "roles": roles}))
}

fn connector() -> Value {
    let operation = |effect: &str, mock: Value| {
        let method = if effect == "read" { "GET" } else { "POST" };
        json!({
            "effect": effect, "method": method, "path": "/x", "output": {"got": "response.json.got"},
            "timeout": "5s", "maxResponse": "4KiB", "mock": mock,
        })
    };
    let good = json!({"output": {"got": "${ input.n }"}});
    let flaky = json!([{"when": "input.n == 20", "error": "permanent"}, good]);
    let operations = json!({
        "get": operation("read", good.clone()),
        "put": operation("write", good),
        "flaky": operation("write", flaky),
    });
    let http = json!({"baseUrl": {"setting": "url"}, "auth": {"bearer": {"secret": "token"}}});
    document(
        "Connector",
        "outside",
        json!({"type": "http", "access": "write", "http": http, "operations": operations}),
    )
}

fn approvals() -> [Value; 3] {
    let one = |name: &str, stages: Value| document("Approval", name, json!({"stages": stages}));
    [
        one("peer", json!([{"id": "one", "anyOf": ["user:bob", "group:leads"], "expires": "4h"}])),
        one("extra", json!([{"id": "one", "anyOf": ["group:team"], "expires": "3h"}])),
        one(
            "two",
            json!([
                {"id": "first", "anyOf": ["group:team"], "expires": "2h"},
                {"id": "second", "anyOf": ["user:dan", "user:carol"], "expires": "3h", "stepUp": true},
            ]),
        ),
    ]
}

fn happy() -> Value {
    let spec = json!({
        "run": "main", "as": "user:alice", "at": "2026-01-05T10:00:00Z",
        "inputs": {"n": 5, "cause": "happy"}, "expect": {"state": "succeeded"},
    });
    document("Scenario", "happy", spec)
}

fn governed(name: &str, risk: &str, rollback: Value, spec: Value) -> Value {
    let mut document = document("Capability", name, spec);
    document["metadata"]["risk"] = json!(risk);
    document["metadata"]["failureMode"] = json!("retry");
    document["metadata"]["rollback"] = rollback;
    document["metadata"]["tests"] = json!(["happy"]);
    document["spec"]["uses"] = json!("outside@^1");
    document["spec"]["input"] = json!({"n": {"type": "integer", "minimum": 0, "maximum": 1000}});
    document["spec"]["output"] = json!({"got": {"type": "integer", "minimum": 0, "maximum": 1000}});
    document
}

fn undo() -> Value {
    let needless = json!({"none": "needless", "why": "It is one."});
    governed(
        "u.undo",
        "medium",
        needless,
        json!({"effect": "write", "operation": "put", "idempotency": "step"}),
    )
}

fn undo_policy() -> Value {
    let rules = json!([{"id": "all", "allow": "true", "reason": "undoing"}]);
    document("Policy", "undoing", json!({"applies": {"capabilities": ["u.*"]}, "rules": rules}))
}

fn team_policy() -> Value {
    let rules = json!([
        {"id": "team-may", "allow": "true", "to": ["group:team"], "reason": "team_member"},
        {"id": "machines-may", "allow": "input.n < 100", "to": ["group:machines"], "reason": "machine"},
        {"id": "no-big", "deny": "input.n > 100", "reason": "too_big"},
        {"id": "ask", "require": "peer", "when": "input.n >= 50", "reason": "peers_see_it"},
    ]);
    document("Policy", "team", json!({"applies": {"capabilities": ["c.*"]}, "rules": rules}))
}

/// The only one that is about `x.*`, and not here: what it covers elsewhere, nothing allows.
fn elsewhere_policy() -> Value {
    let rules = json!([{"id": "all", "allow": "true", "reason": "elsewhere"}]);
    let applies = json!({"capabilities": ["x.*"], "environments": ["elsewhere"]});
    document("Policy", "elsewhere", json!({"applies": applies, "rules": rules}))
}

/// Everything of medium risk is spared the peers that `team` asks for.
fn spared(documents: &[Value]) -> Value {
    let medium = documents.iter().filter(|one| one["metadata"]["risk"] == "medium");
    let names: Vec<&Value> = medium.map(|one| &one["metadata"]["name"]).collect();
    let spec = json!({
        "exempts": {"policy": "team", "rule": "ask"},
        "scope": {"capabilities": names, "actors": ["user:alice", "user:bot"], "environments": ["local"]},
        "reason": "It is generated.", "requestedBy": "user:alice", "approvedBy": ["user:dan"],
        "from": "2026-01-01T00:00:00Z", "expires": "2026-01-20T00:00:00Z",
    });
    document("Exemption", "spared", spec)
}

fn second_policy(chance: &mut Chance) -> Value {
    let applies =
        chance.one(&[json!({"capabilities": ["c.*"]}), json!({"risk": ["medium", "high"]})]).clone();
    let rules = json!([
        {"id": "runners", "allow": "actor.is(\"role:runner\")", "reason": "runner"},
        {"id": "small", "allow": "input.n < 30", "reason": "small"},
        {"id": "odd", "deny": "step.phase == \"do\" && input.n == 55", "reason": "fifty_five"},
    ]);
    document("Policy", "second", json!({"applies": applies, "rules": rules}))
}

/// Makes runbooks. Either a chain of steps, where each looks at the one before, or steps beside each other of which
/// each tolerates its failure: in both, a step that no longer runs makes room for no other.
struct Below<'a> {
    name: &'a str,
    chain: bool,
    high: bool,
}

impl Below<'_> {
    fn runbook(chance: &mut Chance, name: &str, documents: &mut Vec<Value>) -> Value {
        let chain = chance.in_ten(5);
        let made = Below { name, chain, high: chain && name == "main" };
        let mut steps: Vec<Value> = Vec::new();
        for place in
            0..1 + chance.below(2) * chance.below(2) + if name == "main" { 1 + chance.below(3) } else { 0 }
        {
            let step = made.step(chance, place, &steps, documents);
            steps.push(step);
        }
        let follow = if chain { *chance.one(&["stop", "rollback"]) } else { "stop" };
        let inputs = json!({
            "n": {"type": "integer", "minimum": 0, "maximum": 1000},
            "cause": {"type": "string", "maxLength": 20},
        });
        document(
            "Runbook",
            name,
            json!({"inputs": inputs, "modes": ["mock", "live"], "onFailure": follow, "steps": steps}),
        )
    }

    fn step(
        &self,
        chance: &mut Chance,
        place: usize,
        earlier: &[Value],
        documents: &mut Vec<Value>,
    ) -> Value {
        let mut step = json!({"id": format!("s{place}")});
        let mut needs = Vec::new();
        for before in 0..place {
            if if self.chain { before + 1 == place } else { chance.in_ten(3) } {
                let on = *chance.one(&["success", "success", "success", "ok", "any"]);
                needs.push(json!({"step": format!("s{before}"), "on": on}));
            }
        }
        match chance.below(10) {
            0 => step["wait"] = json!("5m"),
            1 => {
                step["approve"] = json!("peer");
                step["show"] = json!({"n": "${ inputs.n }"});
            }
            2 if self.name == "main" => {
                step["runbook"] = json!("below@^1");
                step["with"] = json!({"n": "${ inputs.n }", "cause": "${ inputs.cause }"});
            }
            _ => self.action(chance, &mut step, &needs, earlier, documents),
        }
        if chance.in_ten(1) {
            step["when"] = json!("inputs.n < 70");
        }
        if !needs.is_empty() {
            step["needs"] = Value::Array(needs);
        }
        if !self.chain {
            step["onFailure"] = json!("continue");
        }
        step
    }

    fn action(
        &self,
        chance: &mut Chance,
        step: &mut Value,
        needs: &[Value],
        earlier: &[Value],
        documents: &mut Vec<Value>,
    ) {
        let covered = if chance.in_ten(2) { "x" } else { "c" };
        let name = format!("{covered}.{}-{}", self.name, step["id"].as_str().unwrap());
        documents.extend(capability(chance, &name, self.high));
        step["uses"] = json!(format!("{name}@^1"));
        let sure = needs.iter().filter(|need| need["on"] == "success").find_map(|need| {
            let before = earlier.iter().find(|step| step["id"] == need["step"])?;
            let gives = before.get("uses").is_some() && before.get("forEach").is_none();
            (gives && before.get("when").is_none()).then(|| before["id"].as_str().unwrap().to_owned())
        });
        let n = match sure {
            Some(before) if chance.in_ten(8) => format!("${{ steps.{before}.outputs.got }}"),
            _ => "${ inputs.n }".to_owned(),
        };
        step["with"] = json!({"n": n});
        if chance.in_ten(3) {
            let items = *chance.one(&["[1, 7]", "[5, 55]", "[20, 3, 4]", "[]"]);
            step["forEach"] = json!({"in": items, "maxItems": 3, "maxParallel": 1 + chance.below(2)});
            step["with"] = json!({"n": "${ item }"});
        }
        if chance.in_ten(5) {
            step["approval"] = json!(*chance.one(&["peer", "two"]));
            step["show"] = json!({"n": "${ inputs.n }"});
        }
        if chance.in_ten(2) {
            step["guards"] = json!([{"id": "fits", "expr": "inputs.n < 100", "reason": "too_large"}]);
        }
    }
}

/// A capability for one step, and its budget.
fn capability(chance: &mut Chance, name: &str, high: bool) -> Vec<Value> {
    let (effect, operation) = *chance.one(&[("read", "get"), ("write", "put"), ("write", "flaky")]);
    let risk = match effect {
        "read" => "low",
        _ if high && chance.in_ten(4) => "high",
        _ => "medium",
    };
    let rollback = if effect == "write" && chance.in_ten(5) {
        json!({"uses": "u.undo@^1", "with": {"n": "${ input.n }"}})
    } else {
        json!({"none": "needless", "why": "It is small."})
    };
    let mut made = governed(name, risk, rollback, json!({"effect": effect, "operation": operation}));
    let spec = &mut made["spec"];
    if effect == "write" {
        spec["idempotency"] = json!("step");
    }
    if risk == "high" {
        spec["approval"] = json!("two");
    }
    if chance.in_ten(2) {
        spec["guards"] = json!([{"id": "small", "expr": "input.n < 60", "reason": "not_small"}]);
    }
    if chance.in_ten(2) {
        spec["quotas"] = json!([{"per": "actor", "limit": 2, "window": "1h"}]);
    }
    let mut documents = Vec::new();
    if chance.in_ten(4) {
        spec["costs"] = json!([{"unit": "coins", "estimate": "input.n", "max": 1000}]);
        let breaches = [json!("deny"), json!("deny"), json!("throttle"), json!({"approval": "peer"})];
        let breach = chance.one(&breaches);
        let budget = json!({
            "unit": "coins", "limit": 40, "window": "day", "applies": {"capabilities": [name]}, "onBreach": breach,
        });
        documents.push(document("Budget", &format!("b.{name}"), budget));
    }
    documents.push(made);
    documents
}
