//! Findings for people and tools.

mod excerpt;
pub mod github;
pub mod inert;
pub mod json;
pub mod junit;
pub mod sarif;
mod secrets;
pub mod text;

pub use github::{github, summary};
pub use inert::inert;
pub use json::{failure, json, repaired};
pub use junit::junit;
pub use sarif::sarif;
pub use secrets::Secrets;
pub use text::{Look, text};

pub(crate) use excerpt::harmless;

use crate::report::Finding;

/// Message, help and consequence as one text, for formats that have one field for them.
fn whole(finding: &Finding) -> String {
    let diagnostic = &finding.diagnostic;
    let mut text = harmless(&diagnostic.message);
    if let Some(help) = &diagnostic.help {
        text.push_str(&format!("\nhelp: {}", harmless(help)));
    }
    if let Some(consequence) = &diagnostic.consequence {
        text.push_str(&format!("\nconsequence: {}", harmless(consequence)));
    }
    text
}

/// A path of a report as one below the folder that a report's paths are relative to.
fn joined(below: &str, file: &str) -> String {
    if below.is_empty() || file.starts_with(['/', '.']) || file.starts_with("std:") {
        file.to_owned()
    } else {
        format!("{}/{file}", below.trim_end_matches('/'))
    }
}

/// The page of a law or rule.
fn page(code: &str) -> Option<&'static str> {
    ordain_spec::check::page(code).or_else(|| crate::page::page(code).map(|page| page.text))
}
