//! `ordain explain`: the page behind any code that a message names.

use ordain_kernel::reason::Code;
use ordain_plan::render::{Ink, Line, Look};
use ordain_spec::diagnostic::nearest;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::table::Table;

/// Explains a code that a message names: a law, a rule of lint, or a reason of a decision
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The code: `missing-owner`, `approval_expired`, …; without one all are listed
    code: Option<String>,
}

/// A page about a code.
struct Page {
    code: String,
    level: Option<&'static str>,
    title: String,
    text: String,
}

impl Options {
    /// Finds the page and shows it.
    pub fn run(self, cx: &Context) -> Done {
        let Some(code) = self.code else {
            list(cx);
            return Ok(Exit::Done);
        };
        let page = page(&code).ok_or_else(|| unknown(&code))?;
        let mut document = json!({"code": page.code, "title": page.title, "text": page.text});
        if let (Some(level), Some(object)) = (page.level, document.as_object_mut()) {
            object.insert("level".into(), level.into());
        }
        cx.show(&document, |look| shown(&page, look));
        Ok(Exit::Done)
    }
}

fn page(code: &str) -> Option<Page> {
    if let Ok(reason) = code.parse::<Code>() {
        let (title, text) = (reason.title().to_owned(), reason.text().to_owned());
        return Some(Page { code: code.to_owned(), level: None, title, text });
    }
    if let Some(text) = ordain_spec::pages::page(code) {
        return Some(of_markdown(code, "law", text));
    }
    spec_lint::page::page(code).map(|page| of_markdown(code, page.severity.as_str(), page.text))
}

/// The first line is the heading.
fn of_markdown(code: &str, level: &'static str, page: &str) -> Page {
    let (head, text) = page.split_once('\n').unwrap_or((page, ""));
    let title = head.trim_start_matches('#').trim();
    Page { code: code.to_owned(), level: Some(level), title: title.to_owned(), text: text.trim().to_owned() }
}

fn codes() -> Vec<(&'static str, &'static str)> {
    let laws = ordain_spec::pages::pages().map(|(slug, _)| (slug, "law"));
    let rules = spec_lint::rules::RULES.iter().map(|rule| (rule.slug, rule.severity.as_str()));
    let reasons = Code::ALL.iter().map(|code| (code.as_str(), "reason"));
    let mut all: Vec<_> = laws.chain(rules).chain(reasons).collect();
    all.sort_unstable();
    all
}

fn unknown(code: &str) -> Failure {
    let failure = Failure::not_found("code", code);
    match nearest(code, codes().into_iter().map(|(code, _)| code)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`ordain explain` lists all codes"),
    }
}

fn list(cx: &Context) {
    let codes = codes();
    let rows: Vec<Value> = codes.iter().map(|(code, level)| json!({"code": code, "level": level})).collect();
    cx.show(&json!({"codes": rows}), |look| {
        let mut table = Table::new(&["code", "what", "title"]);
        for (code, level) in &codes {
            let title = page(code).map(|page| page.title).filter(|title| title != code).unwrap_or_default();
            table.row(vec![
                (Ink::Name, (*code).to_owned()),
                (Ink::Dim, (*level).to_owned()),
                (Ink::Plain, title),
            ]);
        }
        table.text(look)
    });
}

/// Markdown as text: headings stand out, code stays as it is, prose is wrapped.
fn shown(page: &Page, look: Look) -> String {
    let mut out = String::new();
    let level = page.level.unwrap_or("reason");
    let mut head = Line::default().with(Ink::Strong, &page.code).with(Ink::Dim, &format!("  {level}"));
    if page.title != page.code {
        head.add(Ink::Plain, "  ").add(Ink::Plain, &page.title);
    }
    head.write(look, &mut out);
    out.push('\n');
    let width = look.width.min(100);
    let mut paragraph = String::new();
    let mut code = false;
    for line in page.text.lines() {
        if line.starts_with("```") {
            flush(&mut paragraph, width, look, &mut out);
            code = !code;
        } else if code {
            Line::default().with(Ink::Plain, "    ").with(Ink::Name, line).write(look, &mut out);
        } else if line.trim().is_empty() {
            flush(&mut paragraph, width, look, &mut out);
            out.push('\n');
        } else if line.starts_with('#') {
            flush(&mut paragraph, width, look, &mut out);
            Line::default().with(Ink::Strong, line.trim_start_matches('#').trim()).write(look, &mut out);
        } else if line.starts_with("- ") {
            flush(&mut paragraph, width, look, &mut out);
            paragraph.push_str(line);
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim());
        }
    }
    flush(&mut paragraph, width, look, &mut out);
    out
}

fn flush(paragraph: &mut String, width: usize, look: Look, out: &mut String) {
    if !paragraph.is_empty() {
        for piece in Line::default().with(Ink::Plain, paragraph).wrap(width) {
            piece.write(look, out);
        }
        paragraph.clear();
    }
}
