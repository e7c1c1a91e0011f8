//! What scenarios reach of everything that a catalogue declares, and where the rest stands: a rule is hit when it
//! was true, a guard when it was asked, a branch when the condition went that way, a stage of an approval by how it
//! ended. What the built-in set declares is not the author's to test.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordain_spec::catalogue::{Catalogue, every};
use ordain_spec::kind::Kind;
use ordain_spec::kind::capability::Guard;
use ordain_spec::source::Span;
use serde::Serialize;

use super::seen::{Branches, Ending, Guarded, Seen};

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Hit.
    pub hit: usize,
    /// In all.
    pub total: usize,
}

impl Count {
    const fn add(&mut self, hit: usize, total: usize) {
        self.hit += hit;
        self.total += total;
    }
}

/// What the scenarios of a catalogue reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Rules of policies.
    pub rules: Count,
    /// Guards of capabilities and steps.
    pub guards: Count,
    /// Both ways of every guard and of every step's `when`.
    pub branches: Count,
    /// The three endings of every stage of every approval.
    pub approvals: Count,
    /// Rules that were never true and guards that were never asked, sorted: `policy/rule`, `capability/guard`,
    /// `runbook/step/guard`.
    pub missed: Vec<String>,
    /// All that no scenario reaches, branches and endings too, in the order of files and places.
    pub unreached: Vec<Unreached>,
}

/// Something that no scenario reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreached {
    /// `rule`, `guard`, `when` or `approval`.
    pub kind: &'static str,
    /// `policy/rule`, `capability/guard`, `runbook/step/guard`, `runbook/step`, `approval/stage`.
    pub name: String,
    /// What never came to pass: `true`, `false`, `asked`, or of an approval `decided`, `granted`,
    /// `rejected`, `expired`.
    pub never: &'static str,
    /// Where it is declared.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// What was seen, of everything that the catalogue declares.
#[must_use]
pub fn coverage<'r>(seen: impl IntoIterator<Item = &'r Seen>, catalogue: &Catalogue) -> Coverage {
    let mut all = Seen::default();
    for one in seen {
        all.join(one);
    }
    let mut survey = Survey { seen: &all, catalogue, coverage: Coverage::default(), found: Vec::new() };
    survey.rules();
    survey.guards();
    survey.whens();
    survey.approvals();
    let Survey { mut coverage, mut found, .. } = survey;
    coverage.missed.sort();
    found.sort_by(|(one, a), (other, b)| (one, &a.name, a.never).cmp(&(other, &b.name, b.never)));
    coverage.unreached = found.into_iter().map(|(_, unreached)| unreached).collect();
    coverage
}

struct Survey<'a> {
    seen: &'a Seen,
    catalogue: &'a Catalogue,
    coverage: Coverage,
    found: Vec<(Span, Unreached)>,
}

impl Survey<'_> {
    fn unreached(&mut self, span: Span, kind: &'static str, name: &str, never: &'static str) {
        let Some(file) = self.catalogue.sources.get(span.file) else { return };
        let (line, column) = file.line_column(span.start);
        let (name, file) = (name.to_owned(), file.path.clone());
        self.found.push((span, Unreached { kind, name, never, file, line, column }));
    }

    fn rules(&mut self) {
        let catalogue = self.catalogue;
        for (name, policy) in &catalogue.policies {
            if is_built_in(catalogue, policy.span) {
                continue;
            }
            for rule in &policy.spec.rules {
                let hit = self.seen.rules.contains(&(name.shared(), rule.id.value.shared()));
                self.coverage.rules.add(usize::from(hit), 1);
                if !hit {
                    let what = format!("{name}/{}", rule.id.value);
                    self.unreached(rule.id.span, "rule", &what, "true");
                    self.coverage.missed.push(what);
                }
            }
        }
    }

    fn guards(&mut self) {
        for (guard, span) in declared_guards(self.catalogue) {
            let ways = self.seen.guards.get(&guard).copied();
            self.coverage.guards.add(usize::from(ways.is_some()), 1);
            let what = guard.to_string();
            self.condition(span, "guard", &what, ways);
            if ways.is_none() {
                self.coverage.missed.push(what);
            }
        }
    }

    fn whens(&mut self) {
        let catalogue = self.catalogue;
        let mut whens = BTreeMap::new();
        for runbook in every(&catalogue.runbooks).filter(|runbook| !is_built_in(catalogue, runbook.span)) {
            for step in &runbook.spec.steps {
                if let Some(when) = &step.when {
                    let step = (runbook.metadata.name.value.shared(), step.id.value.shared());
                    whens.insert(step, when.span());
                }
            }
        }
        for (step, span) in whens {
            let ways = self.seen.whens.get(&step).copied();
            self.condition(span, "when", &format!("{}/{}", step.0, step.1), ways);
        }
    }

    /// Both ways of a condition.
    fn condition(&mut self, span: Span, kind: &'static str, what: &str, ways: Option<Branches>) {
        self.coverage.branches.add(ways.map_or(0, Branches::count), 2);
        let Some(ways) = ways else { return self.unreached(span, kind, what, "asked") };
        for (went, never) in [(ways.held, "true"), (ways.failed, "false")] {
            if !went {
                self.unreached(span, kind, what, never);
            }
        }
    }

    fn approvals(&mut self) {
        let catalogue = self.catalogue;
        let mut stages = BTreeMap::new();
        for approval in every(&catalogue.approvals).filter(|approval| !is_built_in(catalogue, approval.span))
        {
            for stage in &approval.spec.stages {
                stages
                    .insert((approval.metadata.name.value.shared(), stage.id.value.shared()), stage.id.span);
            }
        }
        for ((approval, stage), span) in stages {
            let ended =
                |ending| self.seen.endings.contains(&(Arc::clone(&approval), Arc::clone(&stage), ending));
            let missing: Vec<Ending> = Ending::ALL.into_iter().filter(|ending| !ended(*ending)).collect();
            self.coverage.approvals.add(Ending::ALL.len() - missing.len(), Ending::ALL.len());
            let what = format!("{approval}/{stage}");
            if missing.len() == Ending::ALL.len() {
                self.unreached(span, "approval", &what, "decided");
                continue;
            }
            for ending in missing {
                self.unreached(span, "approval", &what, ending.as_str());
            }
        }
    }
}

fn is_built_in(catalogue: &Catalogue, span: Span) -> bool {
    catalogue.sources.get(span.file).is_some_and(|file| file.path.starts_with("std:"))
}

/// Every guard of the author's own specs, once for all releases of its spec, with the place of the last.
#[must_use]
pub fn declared_guards(catalogue: &Catalogue) -> BTreeMap<Guarded, Span> {
    let mut guards = BTreeMap::new();
    let mut add = |kind, name: Arc<str>, step: Option<Arc<str>>, declared: &[Guard]| {
        for guard in declared {
            let (name, step, id) = (Arc::clone(&name), step.clone(), guard.id.value.shared());
            guards.insert(Guarded { kind, name, step, id }, guard.id.span);
        }
    };
    for capability in every(&catalogue.capabilities).filter(|spec| !is_built_in(catalogue, spec.span)) {
        add(Kind::Capability, capability.metadata.name.value.shared(), None, &capability.spec.guards);
    }
    for runbook in every(&catalogue.runbooks).filter(|spec| !is_built_in(catalogue, spec.span)) {
        for step in &runbook.spec.steps {
            let name = runbook.metadata.name.value.shared();
            add(Kind::Runbook, name, Some(step.id.value.shared()), &step.guards);
        }
    }
    guards
}
