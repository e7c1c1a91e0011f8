//! What names mean: every place where a name is declared or used, from the tree of a document and its
//! shapes alone. A name that could mean several things is left out rather than guessed.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordain_spec::decode::Shape;
use ordain_spec::kind::Kind;
use ordain_spec::source::{FileId, SourceFile, Span};
use ordain_spec::suppression::{self, Suppression};
use ordain_spec::tree::{Key, Map, Node, Text, Value};

use super::tokens::{Kind as TokenKind, Token, chains, expressions, tokens};
use super::walk::{Seen, Spot, bare, kind_of, name_of, text_in, walk};

/// Something that has a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A spec, all its releases.
    Spec(Kind, Arc<str>),
    /// An operation of a connector.
    Operation(Arc<str>, Arc<str>),
    /// A step of a runbook.
    Step(Arc<str>, Arc<str>),
    /// What a spec is given.
    Input(Kind, Arc<str>, Arc<str>),
    /// What a spec gives.
    Output(Kind, Arc<str>, Arc<str>),
    /// A stage of an approval.
    Stage(Arc<str>, Arc<str>),
    /// A rule of a policy.
    Rule(Arc<str>, Arc<str>),
    /// `user:…`, `group:…`, `role:…`
    Principal(Arc<str>),
}

impl Name {
    /// What it is, for people: `capability`, `step` …
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Spec(kind, _) => kind.as_str().to_lowercase(),
            Self::Operation(..) => "operation".into(),
            Self::Step(..) => "step".into(),
            Self::Input(..) => "input".into(),
            Self::Output(..) => "output".into(),
            Self::Stage(..) => "stage".into(),
            Self::Rule(..) => "rule".into(),
            Self::Principal(_) => "principal".into(),
        }
    }

    /// The part of it that stands in files.
    #[must_use]
    pub fn bare(&self) -> &str {
        match self {
            Self::Spec(_, name) => name,
            Self::Operation(_, name) | Self::Step(_, name) | Self::Stage(_, name) | Self::Rule(_, name) => {
                name
            }
            Self::Input(_, _, name) | Self::Output(_, _, name) => name,
            Self::Principal(principal) => principal.split_once(':').map_or(principal, |(_, name)| name),
        }
    }
}

/// A place where a name stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// What is meant.
    pub name: Name,
    /// The bare name's place.
    pub span: Span,
    /// True where it is declared.
    pub defines: bool,
    /// True in a selector that ends in `.*`: the name is only the beginning of what is meant.
    pub prefix: bool,
}

/// Every name of a document.
#[must_use]
pub fn mentions(document: &Node) -> Vec<Mention> {
    let (Some(kind), Some(map)) = (kind_of(document), document.as_map()) else { return Vec::new() };
    let spec = map.get("spec").and_then(|(_, spec)| spec.as_map());
    let word = |field: &str| spec.and_then(|spec| text_in(spec, field)).map(|text| Arc::from(bare(text)));
    let mut reader = Reader {
        kind,
        own: name_of(document).unwrap_or_default().into(),
        connector: word("uses"),
        runbook: word("run"),
        targets: spec.map(targets).unwrap_or_default(),
        found: Vec::new(),
    };
    walk(document, &mut |seen| reader.see(seen));
    reader.found
}

/// Who answers for the suppressions of a file.
#[must_use]
pub fn in_suppressions(id: FileId, file: &SourceFile, documents: &[Node]) -> Vec<Mention> {
    let person = |one: Suppression| {
        let (by, span) = one.by?;
        let (_, name) = by.split_once(':')?;
        let at = u32::try_from(file.slice(span).rfind(name)?).ok()?;
        let length = u32::try_from(name.len()).ok()?;
        let start = span.start.checked_add(at)?;
        let span = Span::new(span.file, start, start.checked_add(length)?);
        Some(Mention { name: Name::Principal(by.as_str().into()), span, defines: false, prefix: false })
    };
    suppression::read(id, file, documents).into_iter().filter_map(person).collect()
}

/// What the steps of a runbook carry out, by their ids.
fn targets(spec: &Map) -> BTreeMap<Arc<str>, (Kind, Arc<str>)> {
    let Some((_, Node { value: Value::List(steps), .. })) = spec.get("steps") else { return BTreeMap::new() };
    let step = |node: &Node| {
        let map = node.as_map()?;
        Some((Arc::from(text_in(map, "id")?), target(map)?))
    };
    steps.iter().filter_map(step).collect()
}

/// The capability or runbook that a step carries out.
#[must_use]
pub fn target(step: &Map) -> Option<(Kind, Arc<str>)> {
    let uses = text_in(step, "uses").map(|text| (Kind::Capability, text));
    let (kind, text) = uses.or_else(|| text_in(step, "runbook").map(|text| (Kind::Runbook, text)))?;
    Some((kind, bare(text).into()))
}

struct Reader {
    kind: Kind,
    own: Arc<str>,
    connector: Option<Arc<str>>,
    runbook: Option<Arc<str>>,
    targets: BTreeMap<Arc<str>, (Kind, Arc<str>)>,
    found: Vec<Mention>,
}

impl Reader {
    fn add(&mut self, name: Name, span: Span, defines: bool) {
        self.found.push(Mention { name, span, defines, prefix: false });
    }

    fn see(&mut self, seen: &Seen<'_, '_>) {
        match seen.spot {
            Spot::Named(key) => self.key(seen, key),
            Spot::Value(node) => {
                if let Some(text) = node.as_text() {
                    self.text(seen, node, text);
                }
            }
            Spot::Field(..) => {}
        }
    }

    fn key(&mut self, seen: &Seen<'_, '_>, key: &Key) {
        // Only the keys of the map itself, not those of maps in it.
        if seen.is_named() {
            return;
        }
        let (span, text) = (inner(key), Arc::clone(&key.text));
        let own = Arc::clone(&self.own);
        let run = self.runbook.clone();
        let principal = |sort: &str| Name::Principal(format!("{sort}:{}", key.text).into());
        match seen.field() {
            ("ConnectorSpec", "operations") => self.add(Name::Operation(own, text), span, true),
            ("RunbookSpec", "inputs") | ("CapabilitySpec", "input") => {
                self.add(Name::Input(self.kind, own, text), span, true);
            }
            ("RunbookSpec", "outputs") | ("CapabilitySpec", "output") => {
                self.add(Name::Output(self.kind, own, text), span, true);
            }
            ("ScenarioSpec", "inputs") => {
                if let Some(run) = run {
                    self.add(Name::Input(Kind::Runbook, run, text), span, false);
                }
            }
            (record, "with") if record != "CapabilitySpec" => {
                if let Some((kind, name)) = seen.around(record).and_then(target) {
                    self.add(Name::Input(kind, name, text), span, false);
                }
            }
            ("TriggerSpec", "inputs") => {
                if let Some((kind, name)) = seen.around("TriggerSpec").and_then(target) {
                    self.add(Name::Input(kind, name, text), span, false);
                }
            }
            ("Expect", "steps") => {
                if let Some(run) = run {
                    self.add(Name::Step(run, text), span, false);
                }
            }
            ("Expect", "calls") | ("Given", "operations") => self.call(&text, span),
            ("Expect", "spent") | ("Given", "budgets") => {
                self.add(Name::Spec(Kind::Budget, text), span, false)
            }
            ("RosterSpec", "people") => self.add(principal("user"), span, true),
            ("RosterSpec", "groups") => self.add(principal("group"), span, true),
            ("RosterSpec", "roles") => self.add(principal("role"), span, true),
            ("WorkspaceSpec", "connections") => self.add(Name::Spec(Kind::Connector, text), span, false),
            _ => {}
        }
    }

    /// `connector.operation`
    fn call(&mut self, text: &str, span: Span) {
        let Some((connector, operation)) = text.rsplit_once('.') else { return };
        let length = |text: &str| u32::try_from(text.len()).unwrap_or(0);
        let bar = span.start + length(connector);
        let before = Span::new(span.file, span.start, bar);
        self.add(Name::Spec(Kind::Connector, connector.into()), before, false);
        let after = Span::new(span.file, bar + 1, span.end);
        self.add(Name::Operation(connector.into(), operation.into()), after, false);
    }

    fn text(&mut self, seen: &Seen<'_, '_>, node: &Node, text: &Text) {
        let parts = expressions(seen.shape, &text.value);
        if !parts.is_empty() {
            parts.into_iter().for_each(|part| self.expression(seen, node, text, part));
            return;
        }
        let value = &*text.value;
        let whole = text.place(node.span, 0, value.len());
        if is_due(seen.shape, "a principal") {
            if let Some((_, name)) = value.split_once(':') {
                let place = text.place(node.span, value.len() - name.len(), value.len());
                self.add(Name::Principal(value.into()), place, false);
            }
            return;
        }
        if is_due(seen.shape, "a name or a prefix") {
            self.pattern(seen, node, text);
            return;
        }
        let (record, field) = seen.field();
        let own = Arc::clone(&self.own);
        let run = self.runbook.clone();
        match (record, field) {
            ("Metadata" | "CapabilityMetadata", "name") => self.add(Name::Spec(self.kind, own), whole, true),
            ("CapabilityMetadata", "tests") => {
                self.add(Name::Spec(Kind::Scenario, value.into()), whole, false)
            }
            ("CapabilitySpec", "operation") => {
                if let Some(connector) = self.connector.clone() {
                    self.add(Name::Operation(connector, value.into()), whole, false);
                }
            }
            ("Health", "operation") => self.add(Name::Operation(own, value.into()), whole, false),
            ("Step", "id") => self.add(Name::Step(own, value.into()), whole, true),
            ("Need", "step") => self.add(Name::Step(own, value.into()), whole, false),
            ("Act", "step" | "resolve") | ("Expect", "tolerated") => {
                if let Some(run) = run {
                    self.add(Name::Step(run, value.into()), whole, false);
                }
            }
            ("Stage", "id") => self.add(Name::Stage(own, value.into()), whole, true),
            ("Act", "stage") => {
                let act = seen.around("Act");
                let of = |verb| act.and_then(|act| text_in(act, verb));
                if let Some(approval) = of("approve").or_else(|| of("reject")).or_else(|| of("withdraw")) {
                    self.add(Name::Stage(approval.into(), value.into()), whole, false);
                }
            }
            ("Exempts", "rule") => {
                let policy = seen.around("Exempts").and_then(|exempts| text_in(exempts, "policy"));
                if let Some(policy) = policy {
                    self.add(Name::Rule(policy.into(), value.into()), whole, false);
                }
            }
            ("Rule", "id") => self.add(Name::Rule(own, value.into()), whole, true),
            _ => {
                if let Some(kind) = referred(record, field) {
                    let name = bare(value);
                    let place = text.place(node.span, 0, name.len());
                    self.add(Name::Spec(kind, name.into()), place, false);
                }
            }
        }
    }

    fn pattern(&mut self, seen: &Seen<'_, '_>, node: &Node, text: &Text) {
        let kind = match seen.field().1 {
            "capabilities" => Kind::Capability,
            "runbooks" => Kind::Runbook,
            _ => return,
        };
        let name = text.value.strip_suffix(".*");
        let bare = name.unwrap_or(&text.value);
        self.found.push(Mention {
            name: Name::Spec(kind, bare.into()),
            span: text.place(node.span, 0, bare.len()),
            defines: false,
            prefix: name.is_some(),
        });
    }

    fn expression(&mut self, seen: &Seen<'_, '_>, node: &Node, text: &Text, part: std::ops::Range<usize>) {
        let value = &*text.value;
        for chain in chains(value, part.clone()) {
            self.chain(seen, value, &chain, &|token| token.place(text, node.span));
        }
        let all = tokens(value, part);
        for window in all.windows(3) {
            if let [function, _, Token { kind: TokenKind::String, start, end }] = window
                && function.text(value) == "is"
            {
                let principal = value.get(start + 1..end.saturating_sub(1)).unwrap_or_default();
                if let Some((sort, _)) = principal.split_once(':') {
                    let place = text.place(node.span, start + 2 + sort.len(), end - 1);
                    self.add(Name::Principal(principal.into()), place, false);
                }
            }
        }
    }

    fn chain(&mut self, seen: &Seen<'_, '_>, value: &str, chain: &[Token], place: &dyn Fn(&Token) -> Span) {
        let words: Vec<&str> = chain.iter().map(|token| token.text(value)).collect();
        let own = || Arc::clone(&self.own);
        let mut found = Vec::new();
        let mut add = |at: usize, name: Name| {
            if let Some(token) = chain.get(at) {
                found.push((name, place(token)));
            }
        };
        match *words.as_slice() {
            ["steps", id, ref rest @ ..] if self.kind == Kind::Runbook => {
                add(1, Name::Step(own(), id.into()));
                if let (["outputs", field, ..], Some((kind, name))) = (rest, self.targets.get(id)) {
                    add(3, Name::Output(*kind, Arc::clone(name), (*field).into()));
                }
            }
            ["inputs", field, ..] if self.kind == Kind::Runbook => {
                add(1, Name::Input(Kind::Runbook, own(), field.into()));
            }
            ["outputs", field, ..] => {
                if let Some((kind, name)) = seen.around("Step").and_then(target) {
                    add(1, Name::Output(kind, name, field.into()));
                }
            }
            ["input", field, ..] if self.kind == Kind::Capability => {
                add(1, Name::Input(Kind::Capability, own(), field.into()));
            }
            ["output", field, ..] if self.kind == Kind::Capability => {
                add(1, Name::Output(Kind::Capability, own(), field.into()));
            }
            ["budget", name, ..] => add(1, Name::Spec(Kind::Budget, name.into())),
            _ => {}
        }
        found.into_iter().for_each(|(name, span)| self.add(name, span, false));
    }
}

/// The kind of spec that a field names.
#[must_use]
pub fn referred(record: &str, field: &str) -> Option<Kind> {
    Some(match (record, field) {
        ("CapabilitySpec", "uses") => Kind::Connector,
        (_, "uses") => Kind::Capability,
        ("Step", "runbook") | ("ScenarioSpec" | "TriggerSpec", "run") | (_, "runbook") => Kind::Runbook,
        ("CapabilitySpec" | "Step" | "Rule" | "ExportSpec", "approval" | "approve" | "require")
        | ("Act", "approve" | "reject" | "withdraw") => Kind::Approval,
        (record, "approval") if record.contains("Breach") || record.contains("Approval") => Kind::Approval,
        ("CapabilityMetadata", "tests") => Kind::Scenario,
        ("Exempts", "policy") => Kind::Policy,
        ("ExemptionScope", "capabilities") => Kind::Capability,
        ("Step", "export") => Kind::Export,
        _ => return None,
    })
}

/// True where a text of that sort is due.
#[must_use]
pub fn is_due(shape: &Shape, what: &str) -> bool {
    match shape {
        Shape::Text { what: due, .. } => due.starts_with(what),
        Shape::OneOf(options) => options.iter().any(|option| is_due(option, what)),
        _ => false,
    }
}

/// The place of a key's text without quotes around it.
#[must_use]
pub fn inner(key: &Key) -> Span {
    let length = u32::try_from(key.text.len()).unwrap_or(u32::MAX);
    if key.span.end.saturating_sub(key.span.start) == length.saturating_add(2) {
        return Span::new(key.span.file, key.span.start + 1, key.span.end - 1);
    }
    key.span
}
