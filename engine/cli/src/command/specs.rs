//! `ordain specs`: what is declared, and one spec on one screen with its governance.

mod card;
mod used_by;

use std::collections::BTreeSet;

use ordain_plan::render::Ink;
use ordain_spec::catalogue::{Declarations, Head, IndexEntry};
use ordain_spec::decode::{Decoder, json as json_of};
use ordain_spec::diagnostic::nearest;
use ordain_spec::source::{Notation, Span};
use ordain_spec::tree::{Node, kdl, yaml};
use serde_json::{Map, Value, json};

use crate::command::schema::kind;
use crate::context::{Context, Loaded};
use crate::failure::{Done, Exit, Failure};
use crate::render::resolve;
use crate::render::table::Table;

/// Lists what is declared; `specs show NAME` shows one spec with its governance
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only this kind: `capability`, `runbooks`, …; in any case, singular or plural
    kind: Option<String>,
    /// Only what this principal owns: `group:…` or `user:…`
    #[arg(long, value_name = "PRINCIPAL")]
    owner: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Shows one spec: what it says, what governs it, what uses it
    Show {
        /// The spec: `name`, `name@requirement`, or `kind:name` where several kinds have that name
        name: String,
    },
}

/// A spec of the catalogue: what its index says, where it stands, who owns it.
#[derive(Debug, Clone)]
struct Listed {
    entry: IndexEntry,
    owner: Option<String>,
    span: Span,
}

impl Options {
    /// Lists, or shows one.
    pub fn run(self, cx: &Context) -> Done {
        let loaded = cx.load()?;
        match &self.verb {
            Some(Verb::Show { name }) => show(cx, &loaded, name),
            None => self.list(cx, &loaded),
        }
    }

    fn list(&self, cx: &Context, loaded: &Loaded) -> Done {
        let wanted = self.kind.as_deref().map(kind).transpose()?;
        let all = listed(&loaded.catalogue);
        if let Some(owner) = &self.owner {
            is_a_principal(&loaded.catalogue, owner, &all)?;
        }
        let listed: Vec<Listed> = all
            .into_iter()
            .filter(|spec| wanted.is_none_or(|kind| spec.entry.kind == kind))
            .filter(|spec| self.owner.is_none() || spec.owner == self.owner)
            .collect();
        let rows: Vec<Value> = listed
            .iter()
            .map(|spec| {
                json!({
                    "kind": spec.entry.kind.as_str(),
                    "name": spec.entry.name.as_str(),
                    "version": spec.entry.version.as_ref().map(ToString::to_string),
                    "owner": spec.owner,
                    "digest": spec.entry.digest.to_string(),
                    "file": file(&loaded.catalogue, spec.span),
                })
            })
            .collect();
        cx.show(&json!({"specs": rows}), |look| {
            let mut table = Table::new(&["kind", "name", "version", "owner", "file"]);
            for spec in &listed {
                table.row(vec![
                    (Ink::Dim, spec.entry.kind.to_string()),
                    (Ink::Strong, spec.entry.name.to_string()),
                    (Ink::Plain, spec.entry.version.as_ref().map(ToString::to_string).unwrap_or_default()),
                    (Ink::Plain, spec.owner.clone().unwrap_or_default()),
                    (Ink::Dim, file(&loaded.catalogue, spec.span)),
                ]);
            }
            table.text(look)
        });
        Ok(Exit::Done)
    }
}

fn file(declarations: &Declarations, span: Span) -> String {
    declarations.sources.get(span.file).map(|file| file.path.clone()).unwrap_or_default()
}

/// Every spec in the order of the index.
fn listed(declarations: &Declarations) -> Vec<Listed> {
    let mut found: Vec<Listed> = declarations.heads().iter().map(Listed::of).collect();
    found.sort_by(|one, other| one.entry.cmp(&other.entry));
    found
}

impl Listed {
    fn of(head: &Head<'_>) -> Self {
        Self { entry: head.entry(), owner: head.owner.map(|owner| owner.value.to_string()), span: head.span }
    }
}

/// Refuses who is nobody: an empty list would look like an answer.
fn is_a_principal(declarations: &Declarations, owner: &str, all: &[Listed]) -> Result<(), Failure> {
    let roster = declarations.roster.iter();
    let people =
        roster.clone().flat_map(|roster| roster.spec.people.keys().map(|name| format!("user:{name}")));
    let groups = roster.flat_map(|roster| roster.spec.groups.keys().map(|name| format!("group:{name}")));
    let known: BTreeSet<String> =
        people.chain(groups).chain(all.iter().filter_map(|spec| spec.owner.clone())).collect();
    if known.contains(owner) {
        return Ok(());
    }
    let failure = Failure::not_found("principal", owner);
    Err(match nearest(owner, known.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`ordain specs show roster` lists people and groups"),
    })
}

fn show(cx: &Context, loaded: &Loaded, written: &str) -> Done {
    let declarations: &Declarations = &loaded.catalogue;
    let spec = find(declarations, written)?;
    let document = document(declarations, spec.span);
    let part = |field: &str| document.get(field).cloned().unwrap_or(Value::Object(Map::new()));
    let users = used_by::used_by(declarations, &spec.entry);
    let mut shown = json!({
        "kind": spec.entry.kind.as_str(),
        "name": spec.entry.name.as_str(),
        "digest": spec.entry.digest.to_string(),
        "file": file(declarations, spec.span),
        "metadata": part("metadata"),
        "spec": part("spec"),
        "usedBy": users,
    });
    if let (Some(version), Some(object)) = (&spec.entry.version, shown.as_object_mut()) {
        object.insert("version".into(), version.to_string().into());
    }
    cx.show(&shown, |look| card::card(loaded, &spec.entry, &shown, look));
    Ok(Exit::Done)
}

/// `name`, `name@requirement` or `kind:name`. The highest release where none is named.
fn find(declarations: &Declarations, written: &str) -> Result<Listed, Failure> {
    let (wanted, rest) = match written.split_once(':') {
        Some((word, rest)) => (Some(kind(word)?), rest),
        None => (None, written),
    };
    let reference = resolve::reference(rest)?;
    let all = listed(declarations);
    let fits = |spec: &&Listed| {
        spec.entry.name == reference.name
            && wanted.is_none_or(|kind| spec.entry.kind == kind)
            && match (&reference.requirement, &spec.entry.version) {
                (Some(requirement), Some(version)) => requirement.matches(version),
                (Some(_), None) => false,
                (None, _) => true,
            }
    };
    let found: Vec<&Listed> = all.iter().filter(fits).collect();
    let mut kinds: Vec<&str> = found.iter().map(|spec| spec.entry.kind.as_str()).collect();
    kinds.dedup();
    match (found.last(), kinds.as_slice()) {
        (Some(spec), [_]) => Ok((*spec).clone()),
        (Some(_), kinds) => {
            let words: Vec<String> =
                kinds.iter().map(|kind| format!("{}:{rest}", kind.to_lowercase())).collect();
            Err(Failure::new("version_ambiguous", format!("several kinds have the name `{rest}`"))
                .hint(format!("name one of {}", words.join(", "))))
        }
        (None, _) => {
            let failure = Failure::not_found("spec", rest);
            let known = all.iter().map(|spec| spec.entry.name.as_str());
            match nearest(reference.name.as_str(), known) {
                Some(near) if near != reference.name.as_str() => {
                    Err(failure.hint(format!("did you mean `{near}`?")))
                }
                _ => Err(failure.hint("`ordain specs` lists what is declared")),
            }
        }
    }
}

/// The document at a place, as it was written.
fn document(declarations: &Declarations, span: Span) -> Value {
    let Some(file) = declarations.sources.get(span.file) else { return Value::Null };
    // It was read before without a law broken: nothing new can be wrong with it.
    let mut ignored = Vec::new();
    let nodes = match file.notation {
        Notation::Yaml => yaml::read(span.file, &file.text, &mut ignored),
        Notation::Kdl => kdl::read(span.file, &file.text, &mut ignored),
    };
    let mut decoder = Decoder::new(file);
    let found = nodes.iter().find(|node: &&Node| node.span == span);
    found.and_then(|node| json_of(node, &mut decoder)).unwrap_or(Value::Null)
}
