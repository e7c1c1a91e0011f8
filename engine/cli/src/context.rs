//! What every verb is given: where it works, for whom, and how it speaks.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use ordain_plan::render::{Ink, Line, Look};
use ordain_runtime::api::Caller;
use ordain_spec::diagnostic::Severity;
use ordain_spec::workspace::Workspace;
use serde_json::{Value, json};

use crate::failure::Failure;

/// Where, for whom, and how.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where it starts.
    pub directory: PathBuf,
    /// One JSON document on standard output.
    pub json: bool,
    /// `--as`
    pub acting_as: Option<String>,
}

/// A workspace whose catalogue loads.
#[derive(Debug)]
pub struct Loaded {
    /// The checked catalogue.
    pub catalogue: std::sync::Arc<ordain_spec::catalogue::Catalogue>,
    /// What the operator grants.
    pub grants: ordain_plan::Grants,
}

impl Context {
    /// The document where JSON is wanted, else the text.
    pub fn show(&self, document: &Value, text: impl FnOnce(Look) -> String) {
        if self.json {
            self.document(document);
        } else {
            print(&text(self.look()));
        }
    }

    /// One JSON document.
    pub fn document(&self, document: &Value) {
        print(&ordain_plan::render::document(document));
    }

    /// A remark for people, beside what was asked for.
    pub fn remark(&self, text: &str) {
        say(&Line::default().with(Ink::Dim, text), self.error_look());
    }

    /// A failure, as a document or for people.
    pub fn fail(&self, failure: &Failure) {
        if self.json {
            self.document(&failure.document());
            return;
        }
        let look = self.error_look();
        let error = failure.error();
        let mut line = Line::default().with(Ink::Worst, "ordain: ").with(Ink::Plain, &error.message);
        line.add(Ink::Dim, &format!("  [{}]", error.code));
        say(&line, look);
        let said = |reason: &&Value| reason.get("detail").and_then(Value::as_str) != Some(&error.message);
        for reason in error.reasons.iter().filter(said) {
            say(
                &Line::default().with(Ink::Plain, "  ").with(Ink::Plain, &crate::render::reason(reason)),
                look,
            );
        }
        if let Some(hint) = &error.hint {
            say(&Line::default().with(Ink::Dim, "  try: ").with(Ink::Plain, hint), look);
        }
    }

    /// How text on standard output looks.
    pub fn look(&self) -> Look {
        stdout_look()
    }

    /// How text on standard error looks.
    pub fn error_look(&self) -> Look {
        look(std::io::stderr().is_terminal())
    }

    /// True where a person can be asked.
    pub fn can_ask(&self) -> bool {
        !self.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Who asks.
    pub fn caller(&self) -> Caller {
        Caller {
            login: Some(ordain_runtime::local::own_login()),
            acting_as: self.acting_as.clone(),
            token: std::env::var("ORDAIN_TOKEN").ok().filter(|token| !token.is_empty()),
        }
    }

    /// The folder of the workspace: the nearest upwards with an `ordain.yaml`, else where it starts.
    pub fn root(&self) -> Result<PathBuf, Failure> {
        let start = self.directory.canonicalize().map_err(|error| {
            Failure::new(
                "not_found",
                format!("folder `{}` cannot be read: {error}", self.directory.display()),
            )
        })?;
        Ok(ordain_spec::folder::workspace_above(&start).unwrap_or(start))
    }

    /// The workspace, whether its catalogue loads or not.
    pub fn read(&self) -> Result<(PathBuf, Workspace), Failure> {
        let root = self.root()?;
        let workspace = Workspace::read(&root);
        Ok((root, workspace))
    }

    /// The workspace, if its catalogue loads.
    pub fn load(&self) -> Result<Loaded, Failure> {
        let (root, workspace) = self.read()?;
        let (Some(spec), Some(catalogue), false) =
            (&workspace.spec, &workspace.checked.catalogue, workspace.is_refused())
        else {
            return Err(refused(&root, &workspace));
        };
        let grants = ordain_plan::Grants::from(spec);
        let catalogue = std::sync::Arc::clone(catalogue);
        Ok(Loaded { catalogue, grants })
    }
}

/// The catalogue does not load: which laws are broken, each once.
pub fn refused(root: &Path, workspace: &Workspace) -> Failure {
    let mut slugs: Vec<&str> = workspace
        .diagnostics
        .iter()
        .chain(&workspace.checked.diagnostics)
        .filter(|diagnostic| diagnostic.severity == Severity::Law)
        .map(|diagnostic| diagnostic.code)
        .collect();
    slugs.sort_unstable();
    slugs.dedup();
    let reason = json!({"code": "catalogue_refused", "detail": slugs.join(" ")});
    Failure::new("catalogue_refused", format!("the catalogue of `{}` does not load", root.display()))
        .reasons(vec![reason])
        .hint("`ordain lint` shows every broken law and its place")
}

/// How text on standard output looks, before anything is known of what was asked.
pub fn stdout_look() -> Look {
    look(std::io::stdout().is_terminal())
}

/// Writes to standard output. A reader who left is no failure of ours.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _left = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a line to standard error.
pub fn say(line: &Line, look: Look) {
    let mut out = String::new();
    for piece in line.wrap(look.width.max(40)) {
        piece.write(look, &mut out);
    }
    let _left = std::io::stderr().lock().write_all(out.as_bytes());
}

/// Colours in a terminal unless `NO_COLOR` says otherwise; the terminal's width, or 100 columns.
fn look(terminal: bool) -> Look {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let seen = || terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0));
    Look { colour: terminal && !forbidden, width: told.or_else(seen).unwrap_or(100).max(40) }
}
