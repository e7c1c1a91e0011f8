//! The reference that is made from the product: the table of rules, the reason codes, the schemas of the kinds.
//! A stale file fails; `just update` writes it anew. And the schemas themselves, judged by a validator that
//! knows nothing of us: what the pages accept is valid.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use ordain_kernel::reason::Code;
use ordain_spec::kind::Kind;
use ordain_spec::source::{FileId, Notation};
use ordain_spec::tree::{self, Node};
use serde_json::{Value, json};
use spec_lint::rules::RULES;

mod page;

use page::{Assembled, blocks, kind, pages};

/// The list of the contract: group, level, slug and fix class of every rule.
const CONTRACT: &str = include_str!("fixtures/contract.txt");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Compares a file of the reference with what it has to be, or writes it where that is asked for.
fn is_fresh(name: &str, text: &str) {
    let path = root().join("docs/reference").join(name);
    if std::env::var("INSTA_UPDATE").is_ok_and(|word| word == "always") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "docs/reference/{name} is stale: run `just update`");
}

struct Entry {
    group: &'static str,
    level: &'static str,
    slug: &'static str,
    fix: &'static str,
}

fn contract() -> Vec<Entry> {
    let entry = |line: &'static str| {
        let [group, level, slug, fix] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        Entry { group, level, slug, fix }
    };
    CONTRACT.lines().map(entry).collect()
}

/// Where a slug has its page, its level, and its text.
fn known(slug: &str) -> Option<(String, &'static str, &'static str)> {
    if let Some(page) = ordain_spec::check::page(slug) {
        return Some((format!("../../engine/spec/src/check/{slug}.md"), "law", page));
    }
    let rule = RULES.iter().find(|rule| rule.slug == slug)?;
    Some((format!("../../lint/src/rules/{slug}.md"), rule.severity.as_str(), rule.page))
}

/// The first sentence of a page.
fn why(page: &str) -> String {
    let paragraph: String =
        page.split("\n\n").nth(1).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    paragraph[..end].replace('|', "\\|")
}

/// Which fixes the refused snippets of a page are offered: the letters of the classes.
fn fixes(slug: &str, page: &str) -> BTreeSet<&'static str> {
    let mut classes = BTreeSet::new();
    for block in blocks(page, "Refused").into_iter().filter(|block| block.notation == Notation::Yaml) {
        let whole = Assembled::new(block.text, block.notation, &|at, _| format!("{at}.yaml"));
        let subject = spec_lint::subject::Subject::of(
            ordain_spec::check::check(whole.sources.clone()),
            whole.workspace,
        );
        let as_of = "2026-06-01T00:00:00Z".parse().unwrap();
        for problem in spec_lint::judge::judge(&subject, as_of, None).iter().filter(|one| one.code == slug) {
            let Some(fix) = &problem.fix else { continue };
            let is_todo = fix.edits.iter().any(|edit| edit.text.contains("TODO"));
            classes.insert(if fix.safe {
                "S"
            } else if is_todo {
                "T"
            } else {
                "U"
            });
        }
    }
    classes
}

#[test]
fn the_table_of_rules_is_the_list_of_the_contract() {
    let contract = contract();
    let mut table = String::from(
        "# Rules\n\nEvery law and every rule of lint, with its level, the class of its fix, why it is one, and its page. \
         A *law* is refused by the engine too and nothing suppresses it; an *error* blocks; a *warning* and an *info* do not. \
         **S**: safe (`--fix`), the meaning stays. **U**: needs eyes (`--unsafe-fixes`). **T**: inserts a `TODO` that is itself refused.\n\n\
         `ordain explain SLUG` shows the same page. Made from the product by `just update`.\n",
    );
    let (mut group, mut missing) = ("", Vec::new());
    for entry in &contract {
        let Some((path, level, page)) = known(entry.slug) else {
            missing.push(entry.slug);
            continue;
        };
        assert_eq!(level, entry.level, "{}: the level of the contract", entry.slug);
        if group != entry.group {
            group = entry.group;
            write!(table, "\n## {group}\n\n| rule | level | fix | why |\n|---|---|---|---|\n").unwrap();
        }
        let fix = if entry.fix == "-" { "" } else { entry.fix };
        let slug = entry.slug;
        writeln!(table, "| [`{slug}`]({path}) | {level} | {fix} | {} |", why(page)).unwrap();
    }
    let named: BTreeSet<&str> = contract.iter().map(|entry| entry.slug).collect();
    let all = ordain_spec::check::slugs().chain(RULES.iter().map(|rule| rule.slug));
    let beside: BTreeSet<&str> = all.filter(|slug| !named.contains(slug)).collect();
    table.push_str("\n## Beside the list\n\nLaws that the language needs and the list of its rules does not name (ADR 24, 59, 60).\n\n| rule | level | fix | why |\n|---|---|---|---|\n");
    for slug in &beside {
        let (path, level, page) = known(slug).unwrap();
        writeln!(table, "| [`{slug}`]({path}) | {level} | | {} |", why(page)).unwrap();
    }
    let here = contract.len() - missing.len();
    writeln!(table, "\n{here} of the {} rules of the list, and {} beside it.", contract.len(), beside.len())
        .unwrap();
    assert!(missing.is_empty(), "rules of the list without a page: {missing:?}");
    is_fresh("rules.md", &table);
}

#[test]
fn rules_are_mended_as_the_contract_says() {
    let (mut wrong, mut shown) = (Vec::new(), 0);
    for entry in contract() {
        let (_, level, page) = known(entry.slug).unwrap();
        if level == "law" && entry.group == "expressions" {
            // Shown as bare expressions: see the tests of `expr`.
            continue;
        }
        let found = fixes(entry.slug, page);
        shown += usize::from(found.contains(entry.fix));
        let rule = RULES.iter().find(|rule| rule.slug == entry.slug);
        if let Some(rule) = rule
            && rule.fix.letter() != entry.fix.trim_matches('-')
        {
            wrong.push(format!(
                "{}: the table says {:?}, the list {:?}",
                entry.slug,
                rule.fix.letter(),
                entry.fix
            ));
        }
        // A law may offer more than the list asks for; a rule offers what it says and nothing else.
        if rule.is_some() && found.iter().any(|class| *class != entry.fix) {
            wrong.push(format!("{}: offers {found:?}, the list says {}", entry.slug, entry.fix));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(shown > 15, "only {shown} pages show their fix");
}

#[test]
fn the_reason_codes_are_listed_with_their_pages() {
    let mut table = String::from(
        "# Reason codes\n\nWhy the engine says no. Each code stands in `reasons[].code` of every document; `ordain explain CODE` shows its page. \
         Made from the registry by `just update`.\n\n| code | what happened |\n|---|---|\n",
    );
    for code in Code::ALL {
        let (name, title) = (code.as_str(), code.title());
        let title = if title == name { why(code.page()) } else { title.to_owned() };
        writeln!(
            table,
            "| [`{name}`](../../engine/kernel/src/reason/{name}.md) | {} |",
            title.replace('|', "\\|")
        )
        .unwrap();
    }
    is_fresh("reasons.md", &table);
}

#[test]
fn the_schemas_are_those_of_the_kinds() {
    for (name, schema) in ordain_spec::schema::files() {
        is_fresh(&format!("schema/{name}"), &format!("{:#}\n", json!(schema)));
    }
}

/// A spec as any reader of YAML hands it to a validator.
fn plain(node: &Node) -> Value {
    match &node.value {
        tree::Value::Null => Value::Null,
        tree::Value::Bool(value) => json!(value),
        tree::Value::Int(value) => json!(value),
        tree::Value::Float(value) => json!(value),
        tree::Value::Text(text) => json!(&*text.value),
        tree::Value::List(items) => items.iter().map(plain).collect(),
        tree::Value::Map(map) => {
            Value::Object(map.entries.iter().map(|(key, node)| (key.text.to_string(), plain(node))).collect())
        }
    }
}

/// The two schemas that editors are given: for the operator's file, and for whatever a catalogue holds.
struct Validator {
    schemas: Schemas,
    workspace: SchemaIndex,
    any: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        for (name, schema) in ordain_spec::schema::files() {
            compiler.add_resource(&name, json!(schema)).unwrap();
        }
        let workspace = compiler.compile(&ordain_spec::schema::file(Kind::Workspace), &mut schemas).unwrap();
        let any = compiler.compile(ordain_spec::schema::ANY, &mut schemas).unwrap();
        Self { schemas, workspace, any }
    }

    /// What is wrong with the specs of a snippet.
    fn wrong(&self, block: &str) -> Vec<String> {
        let whole = Assembled::new(block, Notation::Yaml, &|at, _| format!("{at}.yaml"));
        let files = whole.sources.iter().map(|(_, file)| file.clone()).chain(whole.workspace.clone());
        let mut found = Vec::new();
        for file in files {
            for document in tree::yaml::read(FileId(0), &file.text, &mut Vec::new()) {
                let index = if kind(&file.text) == "Workspace" { self.workspace } else { self.any };
                if let Err(error) = self.schemas.validate(&plain(&document), index) {
                    found.push(format!("{}: {error:#}", file.path));
                }
            }
        }
        found
    }
}

#[test]
fn what_pages_accept_is_valid_by_the_schemas() {
    let (validator, mut wrong, mut seen) = (Validator::new(), Vec::new(), 0);
    for (slug, page) in pages() {
        for block in blocks(page, "Accepted").into_iter().filter(|block| block.notation == Notation::Yaml) {
            seen += 1;
            wrong.extend(validator.wrong(block.text).into_iter().map(|why| format!("{slug}: {why}")));
        }
    }
    assert!(seen > 150, "only {seen} snippets");
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn what_is_of_the_wrong_shape_is_invalid_by_the_schemas() {
    const OF_SHAPE: &[&str] = &[
        "unknown-field",
        "missing-field",
        "wrong-type",
        "unknown-value",
        "unknown-kind",
        "unsupported-api-version",
        "bad-duration",
    ];
    // Faults under the same slugs that no shape shows: one field against another, or a word of another spec.
    const BEYOND: &[&str] = &[
        "has none of",
        "has no bound",
        "does not run in mode",
        "has `uses` and `wait`",
        "the default of",
        "is no public key",
        "is an empty list",
    ];
    let (validator, mut passed, mut seen) = (Validator::new(), Vec::new(), 0);
    for (slug, page) in pages().into_iter().filter(|(slug, _)| OF_SHAPE.contains(slug)) {
        for block in blocks(page, "Refused").into_iter().filter(|block| block.notation == Notation::Yaml) {
            if BEYOND.iter().any(|words| block.text.contains(words)) {
                continue;
            }
            seen += 1;
            if validator.wrong(block.text).is_empty() {
                passed.push(format!("{slug}:\n{}", block.text));
            }
        }
    }
    assert!(seen >= 8, "only {seen} snippets");
    assert!(passed.is_empty(), "{} of {seen} are valid:\n{}", passed.len(), passed.join("\n\n"));
}
