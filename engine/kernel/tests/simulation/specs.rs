//! Random catalogues that no law refuses: a runbook `sim` of every kind of step, one or two runbooks below it, and
//! later the same runbooks under other policies, people, budgets and approvals.

use std::fmt::Write as _;
use std::sync::Arc;

use ordain_kernel::world::Active;
use ordain_plan::Grants;
use ordain_spec::check::check;
use ordain_spec::source::{Notation, SourceFile, Sources};

use super::chance::Chance;

const CAPABILITIES: &str = include_str!("../sentences/specs/capabilities.yaml");
const OUTSIDE: &str = include_str!("../sentences/specs/outside.yaml");
const PEOPLE: &str = include_str!("../sentences/specs/people.yaml");

/// What the capabilities name as their test, and the runbook that it runs.
const HAPPY: &str = "apiVersion: ordain/v1
kind: Scenario
metadata: {name: happy, owner: group:team, summary: happy.}
spec: {run: line, as: 'user:alice', at: 2026-01-05T10:00:00Z, expect: {state: succeeded}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: line, version: 1.0.0, owner: group:team, summary: Reads and puts.}
spec:
  modes: [mock, live]
  inputs: {n: {type: integer, minimum: 0, maximum: 1000, default: 1}}
  outputs: {sum: 'steps.b.outputs.got'}
  steps:
    - {id: a, uses: t.read@^1, with: {n: '${ inputs.n }'}}
    - {id: b, needs: [a], uses: t.put@^1, with: {n: '${ steps.a.outputs.got + 1 }'}}
";

/// What may leave: fetched, or handed over by a capability.
const LEAVES: &str = "apiVersion: ordain/v1
kind: Export
metadata: {name: fetched, version: 1.0.0, owner: group:team, summary: Steps.}
spec: {source: steps, fields: [runId, stepId, state], approval: peer, maxRows: 500, expires: 3h}
---
apiVersion: ordain/v1
kind: Export
metadata: {name: sent, version: 1.0.0, owner: group:team, summary: Decisions.}
spec:
  source: decisions
  filter: 'row.outcome != \"hold\"'
  fields: [decisionId, outcome]
  approval: two
  maxRows: 60
  expires: 12h
  format: csv
  deliver: {uses: t.put@^1, with: {n: '${ file.rows }'}}
---
";

/// Who is told: how every run ended and what waits, and that this could not be told. The first may be refused like any
/// step, and never waits; the second uses what stops a run that somebody started until a person says something.
const TOLD: &str = "apiVersion: ordain/v1
kind: Notice
metadata: {name: told, owner: group:team, summary: Tells.}
spec: {on: [run.settled, approval.opened, step.attempt], filter: 'row.state != \"paused\"', uses: t.once@^1, with: {n: '${ row.runSeq }'}}
---
";

/// Records of the workspace are other ones on a host that signs its log.
const UNTOLD: &str = "apiVersion: ordain/v1
kind: Notice
metadata: {name: untold, owner: group:team, summary: Tells what was not told.}
spec: {on: [notice.failed, kill.set], uses: t.halt@^1, with: {n: 7}}
---
";

/// The rule that lets people call, and one that lets the engine.
const MAY: &str = "to: ['group:team', 'group:machines'], reason: team_member}
    - {id: engine-may, allow: 'actor.type == \"system\"', reason: engine}";

/// The texts of a catalogue.
#[derive(Clone)]
pub struct Specs {
    capabilities: String,
    outside: String,
    people: String,
    runbooks: String,
}

impl Specs {
    /// Random ones.
    pub fn new(chance: &mut Chance) -> Self {
        let below = runbook(chance, "below", &["line"]);
        let sim = runbook(chance, "sim", &["line", "below", "below"]);
        let told = if chance.in_ten(5) { format!("{TOLD}{UNTOLD}") } else { String::new() };
        Self {
            capabilities: CAPABILITIES.to_owned(),
            outside: OUTSIDE.to_owned(),
            people: PEOPLE.replace("to: ['group:team', 'group:machines'], reason: team_member}", MAY),
            runbooks: format!("{LEAVES}{told}{below}---\n{sim}"),
        }
    }

    /// The same with something else in force: what a change of the catalogue may do to runs that are under way.
    pub fn changed(&self, chance: &mut Chance) -> Self {
        let mut other = self.clone();
        let mut turn = |from: &str, to: &str| {
            assert!(other.people.contains(from), "{from}");
            other.people = other.people.replace(from, to);
        };
        match chance.below(8) {
            0 => turn("has(input.n) && input.n > 100", "has(input.n) && input.n > 30"),
            1 => turn("has(input.n) && input.n == 50", "has(input.n) && input.n == 7"),
            2 => turn("anyOf: ['group:team'], expires: 4h", "anyOf: ['group:team'], expires: 1h, quorum: 2"),
            3 => turn(", 'user:carol', 'user:dan'], machines", ", 'user:dan'], machines"),
            4 => turn("limit: 100, window: day", "limit: 20, window: day"),
            5 => turn("onBreach: {approval: peer}", "onBreach: throttle"),
            6 => turn("anyOf: ['user:dan', 'user:carol'], quorum: 1", "anyOf: ['group:team'], quorum: 2"),
            _ => other.withdraw(),
        }
        other
    }

    /// No version of `t.put` is there any more.
    fn withdraw(&mut self) {
        let documents = self.capabilities.split("---\n").filter(|text| !text.contains("name: t.put\n"));
        self.capabilities = documents.collect::<Vec<_>>().join("---\n");
        self.runbooks = self.runbooks.replace("uses: t.put@^1", "uses: t.pay@^1");
    }

    /// The files, by path.
    pub fn files(&self) -> [(&'static str, String); 5] {
        let withdrawn = !self.capabilities.contains("name: t.put\n");
        let happy = if withdrawn { HAPPY.replace("t.put@", "t.pay@") } else { HAPPY.to_owned() };
        [
            ("capabilities.yaml", self.capabilities.clone()),
            ("outside.yaml", self.outside.clone()),
            ("people.yaml", self.people.clone()),
            ("happy.yaml", happy),
            ("sim.yaml", self.runbooks.clone()),
        ]
    }

    /// What a checker makes of them.
    pub fn active(&self) -> Arc<Active> {
        let mut sources = Sources::default();
        for (path, text) in self.files() {
            sources.add(SourceFile::new(path.to_owned(), text.into(), Notation::Yaml));
        }
        let checked = check(sources);
        let first = checked.diagnostics.first().map(|found| format!("{}: {}", found.code, found.message));
        let catalogue = checked.catalogue.unwrap_or_else(|| panic!("{first:?}\n{}", self.runbooks));
        Arc::new(Active { catalogue, grants: Arc::new(Grants::default()) })
    }

    /// Without steps whose rows come from a store: when those are there is for its reader to say. Nor is there a notice
    /// about records of the workspace.
    #[allow(dead_code, reason = "only where a host is compared with one that has a store")]
    pub fn without_exports(mut self) -> Self {
        self.runbooks = self
            .runbooks
            .replace("export: fetched", "wait: 5m")
            .replace("export: sent", "wait: 2h")
            .replace(UNTOLD, "");
        self
    }

    /// Declared answers that are not always good ones.
    #[allow(dead_code, reason = "where answers are not declared they are random anyway")]
    pub fn with_faults(mut self, chance: &mut Chance) -> Self {
        let good = "mock: {output: {got: '${ input.n }'}}";
        let lines = self.outside.lines().map(|line| {
            let (true, true) = (line.contains(good), chance.in_ten(5)) else { return line.to_owned() };
            let when = *chance.one(&["input.n == 7", "call.attempt == 1", "input.n < 4", "true"]);
            let error = *chance.one(&["retryable", "permanent", "timeout"]);
            let faulty =
                format!("mock: [{{when: '{when}', error: {error}}}, {{output: {{got: '${{ input.n }}'}}}}]");
            line.replace(good, &faulty)
        });
        self.outside = lines.collect::<Vec<_>>().join("\n");
        self
    }
}

/// A runbook of random steps; what is below it may be run by it.
fn runbook(chance: &mut Chance, name: &str, below: &[&str]) -> String {
    let follow = *chance.one(&["stop", "rollback"]);
    let timeout = *chance.one(&["30m", "4h", "24h"]);
    let mut text = format!(
        "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {{name: {name}, version: 1.0.0, owner: group:team, summary: Random.}}\nspec:\n  timeout: {timeout}\n  onFailure: {follow}\n"
    );
    text += "  inputs: {n: {type: integer, minimum: 0, maximum: 1000, default: 5}, wanted: {type: boolean, default: true}}\n";
    if chance.in_ten(3) {
        let limit = 1 + chance.below(2);
        let on_limit = *chance.one(&["queue", "queue", "refuse"]);
        let key = *chance.one(&["", "key: inputs.n, "]);
        let lock = *chance.one(&["", ", lock: shared"]);
        // One lock has one limit.
        let limit = if lock.is_empty() { limit } else { 2 };
        writeln!(text, "  concurrency: {{{key}limit: {limit}, onLimit: {on_limit}{lock}}}").unwrap();
    }
    text += "  steps:\n";
    let steps = if name == "sim" { 1 + chance.below(6) } else { 1 + chance.below(3) };
    for step in 0..steps {
        text += &self::step(chance, step, below);
    }
    text
}

fn step(chance: &mut Chance, step: usize, below: &[&str]) -> String {
    let mut line = format!("    - {{id: s{step}, ");
    let mut needs = Vec::new();
    for earlier in 0..step {
        if chance.in_ten(4) {
            let on = *chance.one(&["success", "success", "ok", "any"]);
            needs.push(format!("{{step: s{earlier}, on: {on}}}"));
        }
    }
    if !needs.is_empty() {
        write!(line, "needs: [{}], ", needs.join(", ")).unwrap();
    }
    if chance.in_ten(1) {
        let when = *chance.one(&["inputs.wanted", "inputs.n < 20", "run.startedAt < now || inputs.wanted"]);
        write!(line, "when: '{when}', ").unwrap();
    }
    match chance.below(16) {
        14 => line += "export: fetched",
        15 => line += "export: sent",
        0 => write!(line, "wait: {}", chance.one(&["5m", "2h"])).unwrap(),
        1 => line += "approve: peer, show: {what: this}",
        2 => write!(line, "signal: {{name: go{step}, timeout: 1h, from: ['group:team']}}").unwrap(),
        3 => write!(line, "runbook: {}@^1, with: {{n: '${{ inputs.n }}'}}", chance.one(below)).unwrap(),
        4 => {
            let below = *chance.one(below);
            write!(line, "runbook: {below}@^1, {}, with: {{n: '${{ item }}'}}", list(chance)).unwrap();
        }
        kind => action(chance, &mut line, kind < 8),
    }
    line + "}\n"
}

fn list(chance: &mut Chance) -> String {
    let items = *chance.one(&["[]", "[1]", "[1, 7, 3, 4]", "[1, 2, 3, 4]", "[7, 7]"]);
    let parallel = 1 + chance.below(3);
    format!("forEach: {{in: '{items}', maxItems: 4, maxParallel: {parallel}}}")
}

/// A step with `uses`.
fn action(chance: &mut Chance, line: &mut String, many: bool) {
    let uses = *chance.one(&[
        "t.read",
        "t.put",
        "t.once",
        "t.back",
        "t.halt",
        "t.pay",
        "t.drip",
        "t.gem",
        "t.key",
        "t.few",
        "t.guarded",
        "t.high",
        "t.out",
    ]);
    write!(line, "uses: {uses}@^1").unwrap();
    if many {
        write!(line, ", {}, with: {{n: '${{ item }}'}}", list(chance)).unwrap();
    } else {
        let n = *chance.one(&["1", "7", "50", "'${ inputs.n }'"]);
        write!(line, ", with: {{n: {n}}}").unwrap();
    }
    if matches!(uses, "t.pay" | "t.read") && chance.in_ten(5) {
        let backoff = *chance.one(&["exponential", "constant"]);
        write!(line, ", retry: {{attempts: 3, backoff: {backoff}, initial: 20s}}").unwrap();
    }
    if uses == "t.read" && chance.in_ten(3) {
        *line += ", repeat: {until: 'outputs.got > 5', every: 30s, max: 3}";
    }
    if chance.in_ten(1) {
        *line += ", guards: [{id: small, expr: 'inputs.n != 50', reason: not_fifty}]";
    }
    if chance.in_ten(1) {
        *line += ", ensures: [{id: less, expr: 'outputs.got < 50', reason: too_much}]";
    }
    if uses != "t.high" && chance.in_ten(2) {
        *line += ", onFailure: continue";
    }
    if chance.in_ten(2) {
        write!(line, ", approval: peer, show: {{n: '${{ inputs.n }}'}}").unwrap();
    }
}
