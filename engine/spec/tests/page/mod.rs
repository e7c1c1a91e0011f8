//! Snippets of pages, for whoever runs them as tests: the laws' (`pages.rs`) and the rules' of lint. How
//! snippets are completed is said in `check.rs`. Never judges anything itself.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "tests; not every caller needs all of it"
)]

use std::collections::BTreeMap;

use ordain_spec::kind::Kind;
use ordain_spec::source::{Notation, SourceFile, Sources};

pub const PRELUDE: &str = include_str!("../prelude.yaml");

/// One document of a snippet: its text as it stands, and how many lines of the block are above it.
pub struct Part {
    pub text: String,
    pub above: usize,
}

pub fn parts(block: &str) -> Vec<Part> {
    let mut parts = vec![Part { text: String::new(), above: 0 }];
    for (number, line) in block.trim_end_matches('\n').split('\n').enumerate() {
        if line == "---" {
            parts.push(Part { text: String::new(), above: number + 1 });
        } else {
            let part = parts.last_mut().unwrap();
            part.text.push_str(line);
            part.text.push('\n');
        }
    }
    parts
}

pub fn kind(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("kind: ")).unwrap_or("").split(' ').next().unwrap()
}

pub fn name(text: &str) -> &str {
    let found = text.split_once("name: ").map_or("", |(_, rest)| rest);
    found.split([',', '\n', '}', ' ']).next().unwrap()
}

/// The rest of a document: what its kind always has, after its own lines, so that these keep their numbers.
pub fn completed(text: &str) -> String {
    let mut whole = text.to_owned();
    if !text.contains("apiVersion:") {
        whole.push_str("apiVersion: ordain/v1\n");
    }
    let head = "owner: group:team, summary: An example.";
    let metadata = match kind(text) {
        "Workspace" | "" => return whole,
        "Capability" => format!(
            "name: note.page, version: 1.0.0, {head} risk: low, failureMode: retry, rollback: {{none: needless, why: It reads.}}, tests: [works]"
        ),
        kind if Kind::from_word(kind).is_some_and(|kind| !kind.has_version()) => {
            format!("name: page, {head}")
        }
        _ => format!("name: page, version: 1.0.0, {head}"),
    };
    if !text.contains("metadata:") {
        whole.push_str(&format!("metadata: {{{}}}\n", metadata.replace("example. ", "example., ")));
    }
    whole
}

/// (line, slug, part of the message)
pub fn marks(block: &str) -> Vec<(usize, String, String)> {
    let mut marks = Vec::new();
    for (number, line) in block.lines().enumerate() {
        for level in ["error", "warning", "info"] {
            let (yaml, kdl) = (format!(" # {level}: "), format!(" // {level}: "));
            for mark in line.split(&yaml).skip(1).chain(line.split(&kdl).skip(1)) {
                let (slug, text) = mark.trim().split_once(' ').unwrap();
                let text = text
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'))
                    .expect("a text in quotation marks");
                marks.push((number + 1, slug.to_owned(), text.to_owned()));
            }
        }
    }
    marks
}

/// A fenced block of a page.
#[derive(Clone, Copy)]
pub struct Block<'p> {
    pub text: &'p str,
    pub notation: Notation,
    /// What the catalogue was before, where the page says so: a fence `yaml before` right above.
    pub before: Option<&'p str>,
}

/// The fenced blocks below a heading.
pub fn blocks<'p>(page: &'p str, heading: &str) -> Vec<Block<'p>> {
    let Some((_, below)) = page.split_once(&format!("## {heading}\n")) else { return Vec::new() };
    let mut rest = below.split("\n## ").next().unwrap();
    let (mut blocks, mut before) = (Vec::new(), None);
    while let Some((_, after)) = rest.split_once("```") {
        let (language, after) = after.split_once('\n').unwrap();
        let (text, after) = after.split_once("```").unwrap();
        match language {
            "yaml before" => before = Some(text),
            "yaml" => blocks.push(Block { text, notation: Notation::Yaml, before: before.take() }),
            "kdl" => blocks.push(Block { text, notation: Notation::Kdl, before: before.take() }),
            _ => {}
        }
        rest = after;
    }
    blocks
}

/// A snippet with what it leaves out, ready to be judged.
pub struct Assembled {
    pub sources: Sources,
    /// The operator's file, where a document of the snippet is one.
    pub workspace: Option<SourceFile>,
    /// Lines of the block above each of its own files.
    above: BTreeMap<String, usize>,
}

impl Assembled {
    /// A snippet whose own documents lie where `path` says, and the prelude, which lies in `b-….yaml`.
    pub fn new(block: &str, notation: Notation, path: &dyn Fn(usize, &str) -> String) -> Self {
        let own = if notation == Notation::Kdl {
            vec![Part { text: block.to_owned(), above: 0 }]
        } else {
            parts(block)
        };
        let (mut files, mut above, mut workspace) = (Vec::new(), BTreeMap::new(), None);
        for (at, part) in own.iter().enumerate() {
            let text = if notation == Notation::Kdl { part.text.clone() } else { completed(&part.text) };
            if kind(&part.text) == "Workspace" {
                workspace = Some(SourceFile::new("ordain.yaml".into(), text.into(), Notation::Yaml));
                above.insert("ordain.yaml".to_owned(), part.above);
                continue;
            }
            let path = path(at, &text);
            above.insert(path.clone(), part.above);
            files.push(SourceFile::new(path, text.into(), notation));
        }
        for (at, rest) in parts(PRELUDE).into_iter().enumerate() {
            let replaced = own.iter().any(|part| {
                kind(&part.text) == kind(&rest.text)
                    && (name(&part.text) == name(&rest.text) || kind(&part.text) == "Roster")
            });
            if !replaced {
                let text = completed(&rest.text).into();
                files.push(SourceFile::new(format!("b-{at:02}.yaml"), text, Notation::Yaml));
            }
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let mut sources = Sources::default();
        for file in files {
            sources.add(file);
        }
        Self { sources, workspace, above }
    }

    /// The line of the block that a line of a file is; beyond 1000 for lines of the prelude.
    pub fn line(&self, path: &str, line: usize) -> usize {
        self.above.get(path).map_or(1000 + line, |above| above + line)
    }
}
