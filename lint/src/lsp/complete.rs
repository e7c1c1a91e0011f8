//! What may stand at a cursor. The text with a word put at the cursor is read once more: what the word is
//! read as says what is due there, in either notation and also where the rest of the file is broken.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordain_spec::decode::{FieldShape, RecordShape, Shape, kebab};
use ordain_spec::expr::{Presence, Scope, Type};
use ordain_spec::kind::Kind;
use ordain_spec::source::{FileId, Notation, SourceFile};
use ordain_spec::tree::Map;

use super::cursor::{self, Cursor, On};
use super::hover;
use super::names::{Name, is_due, referred, target};
use super::space::Space;
use super::tokens::{Token, chains, tokens};
use super::walk::{bare, text_in};
use super::words;

/// The word that is put at the cursor; no name of anything.
const WORD: &str = "zzcursorzz";
/// An expression that reads every fact that is looked up only where it is read.
const EVERYTHING: &str = "steps == budget || input == now";

/// What an item is, as editors show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A field of the language or of a fact.
    Field,
    /// One word of a closed set.
    Word,
    /// A name that somebody declared.
    Name,
    /// A function.
    Function,
    /// A fact.
    Fact,
}

/// One proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is shown.
    pub label: String,
    /// What it is.
    pub sort: Sort,
    /// A few words more.
    pub detail: String,
    /// What it means.
    pub doc: String,
    /// What is written.
    pub insert: String,
}

/// Proposals and the bytes that they take the place of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proposals {
    /// In the order they are shown.
    pub items: Vec<Item>,
    /// First byte.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// What may stand at a byte of a file's text.
#[must_use]
pub fn complete(space: &mut Space, path: &str, text: &str, offset: usize) -> Proposals {
    let Some(notation) = Notation::of_path(path) else { return Proposals::default() };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let name = |byte: u8| word(byte) || b".-:@^~*/".contains(&byte);
    let (start, end) = around(text, offset, word);
    if let Some(items) = in_expression(space, path, text, start..end, notation) {
        return Proposals { items, start, end };
    }
    let (start, end) = around(text, offset, name);
    let tries = match notation {
        Notation::Yaml => [WORD.to_owned(), format!("{WORD}: x")],
        Notation::Kdl => [WORD.to_owned(), format!("{WORD}=\"x\"")],
    };
    for written in tries {
        let items = with(path, text, start..end, &written, notation, |cursor| {
            let quoted = text.get(..start).is_some_and(|before| before.ends_with(['"', '\'']));
            let place = Due { space, notation, quoted };
            match &cursor.on {
                On::Value(_, shape) => place.values(cursor, shape),
                On::Field(..) => place.fields(cursor),
                On::Named(_) => place.keys(cursor),
                On::Expression(..) => Vec::new(),
            }
        });
        if let Some(items) = items.filter(|items| !items.is_empty()) {
            return Proposals { items, start, end };
        }
    }
    Proposals { items: Vec::new(), start, end }
}

/// The word around a byte.
fn around(text: &str, offset: usize, belongs: impl Fn(u8) -> bool) -> (usize, usize) {
    let bytes = text.as_bytes();
    let (mut start, mut end) = (offset.min(bytes.len()), offset.min(bytes.len()));
    while start > 0 && bytes.get(start - 1).is_some_and(|byte| belongs(*byte)) {
        start -= 1;
    }
    while bytes.get(end).is_some_and(|byte| belongs(*byte)) {
        end += 1;
    }
    // The colon after a key belongs to the file, not to the word.
    while end > start && bytes.get(end - 1) == Some(&b':') {
        end -= 1;
    }
    (start, end.max(start))
}

/// What the cursor stands on where a word is written in a part's place.
fn with<T>(
    path: &str,
    text: &str,
    part: std::ops::Range<usize>,
    written: &str,
    notation: Notation,
    look: impl FnOnce(&Cursor<'_>) -> T,
) -> Option<T> {
    let start = u32::try_from(part.start).ok()?;
    let new = replaced(text, part, written);
    let file = SourceFile::new(path.to_owned(), new.as_str().into(), notation);
    let documents = super::documents(FileId(0), &file);
    let found = cursor::at(&documents, start + 1)?;
    // Something else may end or begin here: the word itself must be what was found.
    let there = file.slice(found.span()).to_owned();
    there.contains(WORD).then(|| look(&found))
}

fn replaced(text: &str, part: std::ops::Range<usize>, written: &str) -> String {
    let before = text.get(..part.start).unwrap_or_default();
    let after = text.get(part.end..).unwrap_or_default();
    format!("{before}{written}{after}")
}

/// The facts of the expression that a cursor of a text stands in.
#[must_use]
pub fn facts_of(space: &mut Space, path: &str, text: &str, cursor: &Cursor<'_>) -> Option<Scope> {
    let On::Expression(value, span, part) = &cursor.on else { return None };
    let whole = part.start == 0 && part.end == value.value.len();
    let (place, written) = if whole {
        let quote = if Notation::of_path(path) == Some(Notation::Kdl) { '"' } else { '\'' };
        (*span, format!("{quote}{EVERYTHING}{quote}"))
    } else {
        (value.place(*span, part.start, part.end), format!(" {EVERYTHING} "))
    };
    let new = replaced(text, place.start as usize..place.end as usize, &written);
    space.facts(path, &new, place.start + 2)
}

fn in_expression(
    space: &mut Space,
    path: &str,
    text: &str,
    part: std::ops::Range<usize>,
    notation: Notation,
) -> Option<Vec<Item>> {
    let new = replaced(text, part.clone(), WORD);
    let file = SourceFile::new(path.to_owned(), new.as_str().into(), notation);
    let documents = super::documents(FileId(0), &file);
    let found = cursor::at(&documents, u32::try_from(part.start).ok()? + 1)?;
    let On::Expression(value, _, part) = &found.on else { return None };
    let chain = chains(&value.value, part.clone())
        .into_iter()
        .find(|chain| chain.iter().any(|token| token.text(&value.value).contains(WORD)));
    let all = tokens(&value.value, part.clone());
    let scope = facts_of(space, path, &new, &found)?;
    let chain = chain.unwrap_or_default();
    let before: Vec<&str> =
        chain.iter().map(|token| token.text(&value.value)).take_while(|word| !word.contains(WORD)).collect();
    if before.is_empty() {
        let mut items = compared(&scope, &value.value, &all);
        items.extend(facts(&scope));
        items.extend(functions(|name| {
            matches!(name, "has" | "size" | "int" | "string" | "duration" | "timestamp" | "min" | "max")
        }));
        return Some(items);
    }
    let field = hover::fact(&scope, &before)?;
    let mut items = members(&field.ty);
    if before == ["actor"] {
        items.extend(functions(|name| name == "is"));
    }
    Some(items)
}

/// After a comparison: the words that the other side can be.
fn compared(scope: &Scope, text: &str, all: &[Token]) -> Vec<Item> {
    let Some(at) = all.iter().position(|token| token.text(text).contains(WORD)) else { return Vec::new() };
    let is_compared = at
        .checked_sub(1)
        .and_then(|at| all.get(at))
        .is_some_and(|token| matches!(token.text(text), "==" | "!="));
    let Some(before) = all.get(at.saturating_sub(2)).filter(|_| is_compared) else { return Vec::new() };
    let chain = chains(text, 0..before.end).pop().unwrap_or_default();
    let names: Vec<&str> = chain.iter().map(|token| token.text(text)).collect();
    let Some(Type::Text { domain: Some(domain), .. }) = hover::fact(scope, &names).map(|field| field.ty)
    else {
        return Vec::new();
    };
    let word = |word: &Arc<str>| Item {
        label: format!("\"{word}\""),
        sort: Sort::Word,
        detail: names.join("."),
        doc: String::new(),
        insert: format!("\"{word}\""),
    };
    domain.iter().map(word).collect()
}

fn facts(scope: &Scope) -> Vec<Item> {
    let fact = |(name, field): (&Arc<str>, &ordain_spec::expr::Field)| Item {
        label: name.to_string(),
        sort: Sort::Fact,
        detail: field.ty.describe(),
        doc: words::root(name).unwrap_or_default().to_owned(),
        insert: name.to_string(),
    };
    scope.facts.iter().map(fact).collect()
}

fn functions(wanted: impl Fn(&str) -> bool) -> Vec<Item> {
    let function = |(name, call, what): &(&str, &str, &str)| Item {
        label: (*name).to_owned(),
        sort: Sort::Function,
        detail: (*call).to_owned(),
        doc: (*what).to_owned(),
        insert: (*name).to_owned(),
    };
    words::FUNCTIONS.iter().filter(|(name, ..)| wanted(name)).map(function).collect()
}

/// What can be read or called of a value.
fn members(ty: &Type) -> Vec<Item> {
    match ty {
        Type::Record(fields) => {
            let field_is_refused =
                |field: &ordain_spec::expr::Field| matches!(field.presence, Presence::Refused { .. });
            // A step's own results are refused one by one.
            let refused = |field: &ordain_spec::expr::Field| match &field.ty {
                Type::Record(inner) if !inner.is_empty() => inner.values().all(field_is_refused),
                _ => field_is_refused(field),
            };
            let field = |(name, field): (&Arc<str>, &ordain_spec::expr::Field)| Item {
                label: name.to_string(),
                sort: Sort::Field,
                detail: field.ty.describe(),
                doc: String::new(),
                insert: name.to_string(),
            };
            fields.iter().filter(|(_, field)| !refused(field)).map(field).collect()
        }
        Type::Text { .. } => functions(|name| {
            matches!(name, "contains" | "startsWith" | "endsWith" | "matches" | "lowerAscii")
        }),
        Type::List { .. } => {
            functions(|name| matches!(name, "all" | "exists" | "exists_one" | "map" | "filter"))
        }
        Type::Timestamp => functions(|name| name.starts_with("get")),
        _ => Vec::new(),
    }
}

/// What is due, and in which notation.
struct Due<'s> {
    space: &'s Space,
    notation: Notation,
    quoted: bool,
}

impl Due<'_> {
    /// A value as it is written here.
    fn written(&self, word: &str) -> String {
        if self.notation == Notation::Kdl && !self.quoted { format!("\"{word}\"") } else { word.to_owned() }
    }

    fn item(&self, word: &str, sort: Sort, detail: String, doc: &str) -> Item {
        Item { label: word.to_owned(), sort, detail, doc: doc.to_owned(), insert: self.written(word) }
    }

    fn fields(&self, cursor: &Cursor<'_>) -> Vec<Item> {
        let Some(record) = cursor.fields else { return self.envelope(cursor) };
        let there = |name: &str| cursor.map.is_some_and(|map| map.get(name).is_some());
        record
            .fields
            .iter()
            .filter(|field| !there(&field.name))
            .map(|field| self.field(field, record))
            .collect()
    }

    fn field(&self, field: &FieldShape, record: &RecordShape) -> Item {
        let (label, insert) = match self.notation {
            Notation::Yaml => (field.name.clone(), format!("{}: ", field.name)),
            Notation::Kdl => (kebab(&field.name), format!("{} ", kebab(&field.name))),
        };
        let detail = if field.required { "mandatory".to_owned() } else { record.name.to_owned() };
        Item { label, sort: Sort::Field, detail, doc: field.doc.clone(), insert }
    }

    fn envelope(&self, cursor: &Cursor<'_>) -> Vec<Item> {
        let there = |name: &&str| cursor.map.is_some_and(|map| map.get(name).is_some());
        let names = ["apiVersion", "kind", "metadata", "spec"].into_iter().filter(|name| !there(name));
        let item = |name: &str| Item {
            label: name.to_owned(),
            sort: Sort::Field,
            detail: "mandatory".into(),
            doc: String::new(),
            insert: format!("{name}: "),
        };
        if self.notation == Notation::Yaml { names.map(item).collect() } else { Vec::new() }
    }

    /// Keys of a map that the author names, where they name something else.
    fn keys(&self, cursor: &Cursor<'_>) -> Vec<Item> {
        let run = || run_of(cursor);
        let wanted: Box<dyn Fn(&Name) -> bool> = match (cursor.record, cursor.field.as_str()) {
            ("Step" | "RollbackUses" | "NoticeSpec", "with") => {
                match cursor.user.or(cursor.step).and_then(target) {
                    Some((kind, spec)) => {
                        Box::new(move |name| matches!(name, Name::Input(k, s, _) if *k == kind && *s == spec))
                    }
                    None => return Vec::new(),
                }
            }
            ("ScenarioSpec", "inputs") => match run() {
                Some(run) => {
                    Box::new(move |name| matches!(name, Name::Input(Kind::Runbook, s, _) if *s == run))
                }
                None => return Vec::new(),
            },
            ("Expect", "steps") => match run() {
                Some(run) => Box::new(move |name| matches!(name, Name::Step(s, _) if *s == run)),
                None => return Vec::new(),
            },
            ("Expect", "spent") | ("Given", "budgets") => {
                Box::new(|name| matches!(name, Name::Spec(Kind::Budget, _)))
            }
            ("Expect", "calls") | ("Given", "operations") => return self.calls(),
            _ => return Vec::new(),
        };
        let mut items = self.declared(&*wanted);
        for item in &mut items {
            item.insert = match self.notation {
                Notation::Yaml => format!("{}: ", item.label),
                Notation::Kdl => item.label.clone(),
            };
        }
        items
    }

    fn calls(&self) -> Vec<Item> {
        let operation = |name: &Name| match name {
            Name::Operation(connector, operation) => Some(format!("{connector}.{operation}")),
            _ => None,
        };
        let mut found: Vec<String> =
            self.space.declared().filter_map(|mention| operation(&mention.name)).collect();
        found.sort();
        found.dedup();
        let colon = if self.notation == Notation::Yaml { ": " } else { "" };
        let item = |name: String| Item {
            insert: format!("{name}{colon}"),
            label: name,
            sort: Sort::Name,
            detail: "operation".into(),
            doc: String::new(),
        };
        found.into_iter().map(item).collect()
    }

    fn declared(&self, wanted: &dyn Fn(&Name) -> bool) -> Vec<Item> {
        let mut found: BTreeMap<&str, &Name> = BTreeMap::new();
        for mention in self.space.declared().filter(|mention| wanted(&mention.name)) {
            found.insert(mention.name.bare(), &mention.name);
        }
        found.into_iter().map(|(bare, name)| self.item(bare, Sort::Name, name.what(), "")).collect()
    }

    fn values(&self, cursor: &Cursor<'_>, shape: &Shape) -> Vec<Item> {
        match (cursor.record, cursor.field.as_str()) {
            ("", "apiVersion") => return vec![self.item("ordain/v1", Sort::Word, String::new(), "")],
            ("CapabilitySpec", "operation") => {
                let connector = cursor.map.and_then(|map| text_in(map, "uses")).map(bare).unwrap_or_default();
                return self.declared(&|name| matches!(name, Name::Operation(of, _) if &**of == connector));
            }
            ("Need", "step") | ("Act", "step" | "resolve") => return self.steps(cursor),
            ("Act", "stage") => return self.stages(cursor.map),
            ("Metadata" | "CapabilityMetadata", "name") => return Vec::new(),
            _ => {}
        }
        if is_due(shape, "a principal") {
            return self.principals();
        }
        if is_due(shape, "a name or a prefix") {
            let kind = if cursor.field == "runbooks" { Kind::Runbook } else { Kind::Capability };
            return self.declared(&|name| matches!(name, Name::Spec(k, _) if *k == kind));
        }
        if let Some(kind) =
            referred(cursor.record, &cursor.field).filter(|_| !matches!(shape, Shape::Words(_)))
        {
            return self.references(kind, is_due(shape, "a reference"));
        }
        self.of_shape(shape)
    }

    fn of_shape(&self, shape: &Shape) -> Vec<Item> {
        match shape {
            Shape::Words(words) => words
                .iter()
                .map(|word| self.item(word.word, Sort::Word, String::new(), word.doc.trim()))
                .collect(),
            Shape::Bool => {
                let word = |word: &str| {
                    let insert =
                        if self.notation == Notation::Kdl { format!("#{word}") } else { word.to_owned() };
                    Item {
                        label: word.to_owned(),
                        sort: Sort::Word,
                        detail: String::new(),
                        doc: String::new(),
                        insert,
                    }
                };
                vec![word("true"), word("false")]
            }
            Shape::List(item) => self.of_shape(&item()),
            Shape::OneOf(options) => options.iter().flat_map(|option| self.of_shape(option)).collect(),
            _ => Vec::new(),
        }
    }

    fn steps(&self, cursor: &Cursor<'_>) -> Vec<Item> {
        let own = super::walk::name_of(cursor.document).unwrap_or_default();
        let runbook = if cursor.kind == Some(Kind::Scenario) { run_of(cursor) } else { Some(own.into()) };
        let here = cursor.step.and_then(|step| text_in(step, "id"));
        self.declared(
            &|name| matches!(name, Name::Step(of, id) if Some(of) == runbook.as_ref() && Some(&**id) != here),
        )
    }

    fn stages(&self, act: Option<&Map>) -> Vec<Item> {
        let of = |verb| act.and_then(|act| text_in(act, verb));
        let approval = of("approve").or_else(|| of("reject")).or_else(|| of("withdraw")).unwrap_or_default();
        self.declared(&|name| matches!(name, Name::Stage(of, _) if &**of == approval))
    }

    fn principals(&self) -> Vec<Item> {
        let mut found: Vec<&Arc<str>> = Vec::new();
        for mention in self.space.declared() {
            if let Name::Principal(principal) = &mention.name {
                found.push(principal);
            }
        }
        found.sort();
        found.dedup();
        found.into_iter().map(|principal| self.item(principal, Sort::Name, "roster".into(), "")).collect()
    }

    /// References with the requirement that the newest release asks for.
    fn references(&self, kind: Kind, with_requirement: bool) -> Vec<Item> {
        let all = &self.space.subject.checked.declarations;
        let mut items = self.declared(&|name| matches!(name, Name::Spec(k, _) if *k == kind));
        for item in &mut items {
            macro_rules! newest {
                ($specs:expr) => {
                    $specs.get(item.label.as_str()).and_then(|releases| releases.values().next_back()).map(
                        |spec| {
                            let version =
                                spec.metadata.version.as_ref().map(|version| version.value.to_string());
                            (version, spec.metadata.summary.value.0.to_string())
                        },
                    )
                };
            }
            let newest = match kind {
                Kind::Capability => newest!(all.capabilities),
                Kind::Connector => newest!(all.connectors),
                Kind::Runbook => newest!(all.runbooks),
                Kind::Approval => newest!(all.approvals),
                _ => None,
            };
            let Some((version, summary)) = newest else { continue };
            item.doc = summary;
            let major = version.as_deref().and_then(|version| version.split('.').next());
            if let Some(major) = major.filter(|_| with_requirement && kind != Kind::Approval) {
                item.insert = self.written(&format!("{}@^{major}", item.label));
            }
        }
        items
    }
}

/// The runbook that a scenario runs.
fn run_of(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let (_, spec) = cursor.document.as_map()?.get("spec")?;
    text_in(spec.as_map()?, "run").map(|run| bare(run).into())
}
