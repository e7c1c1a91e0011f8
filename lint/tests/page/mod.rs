//! Snippets of all pages, of laws and of rules, as the tests of lint read them: each document where it lies by
//! convention. Never judges anything itself.
#![allow(dead_code, unused_imports, clippy::unwrap_used, reason = "tests; not every caller needs all of it")]

use spec_lint::rules::RULES;

#[path = "../../../engine/spec/tests/page/mod.rs"]
mod snippet;

pub use snippet::{Assembled, Block, blocks, kind, marks, name};

/// The slug and the page of every law and of every rule.
pub fn pages() -> Vec<(&'static str, &'static str)> {
    let laws = ordain_spec::check::slugs().map(|slug| (slug, ordain_spec::check::page(slug).unwrap()));
    laws.chain(RULES.iter().map(|rule| (rule.slug, rule.page))).collect()
}

/// Where a document in YAML lies: where its page says (a comment `# path: …`), else by convention.
pub fn path(at: usize, text: &str) -> String {
    path_of(at, text, "yaml")
}

/// The same in a notation by the ending of its files; a file of KDL may hold several documents.
pub fn path_of(at: usize, text: &str, ending: &str) -> String {
    if let Some(path) = text.lines().find_map(|line| line.strip_prefix("# path: ")) {
        return path.to_owned();
    }
    let folder = match kind(text) {
        "Capability" => "capabilities",
        "Connector" => "connectors",
        "Runbook" => "runbooks",
        _ => "policies",
    };
    let name = if ending == "kdl" { format!("all-{at}") } else { name(text).to_owned() };
    format!("a/{folder}/{name}-{at}.{ending}")
}
