//! `ordain schema`: JSON Schema of the kinds, for editors.

use std::path::{Path, PathBuf};

use ordain_spec::kind::Kind;
use ordain_spec::schema::{self, Schema};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::done;

/// Prints the JSON Schema (2020-12) of a kind, or writes those of all kinds for editors
#[derive(Debug, clap::Args)]
#[command(
    after_help = "`ordain schema --all --output schema` beside `ordain.yaml` renews what `ordain init` wrote: a file for each \
    kind, and `spec.json` for specs of any kind. In a spec file the first line \
    `# yaml-language-server: $schema=../../schema/spec.json` gives editors completion, hover and checks"
)]
pub struct Options {
    /// The kind: `capability`, `runbooks`, …; in any case, singular or plural
    #[arg(conflicts_with = "all")]
    kind: Option<String>,
    /// All kinds: one JSON document with each by its name, which is also what comes without a kind
    #[arg(long)]
    all: bool,
    /// Write files into this folder instead, a schema each; files of the same names are replaced
    #[arg(long, short = 'o', value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Options {
    /// Always a JSON document, unless files are written.
    pub fn run(self, cx: &Context) -> Done {
        let kind = self.kind.as_deref().map(kind).transpose()?;
        if let Some(folder) = &self.output {
            let files = match kind {
                Some(kind) => vec![(schema::file(kind), schema::of(kind))],
                None => schema::files(),
            };
            let created = write(&cx.directory.join(folder), folder, &files)?;
            let detail = format!("{} schemas of `ordain/v1`", created.len());
            let document = json!({"ok": true, "created": created, "detail": detail});
            cx.show(&document, |look| done(&document, look));
            return Ok(Exit::Done);
        }
        match kind {
            Some(kind) => cx.document(&json!(schema::of(kind))),
            None => {
                let all: Map<String, Value> = Kind::ALL
                    .iter()
                    .map(|kind| (kind.as_str().to_owned(), json!(schema::of(*kind))))
                    .collect();
                cx.document(&Value::Object(all));
            }
        }
        Ok(Exit::Done)
    }
}

/// A schema as the text of its file.
pub fn text(schema: &Schema) -> String {
    format!("{:#}\n", json!(schema))
}

fn write(folder: &Path, shown: &Path, files: &[(String, Schema)]) -> Result<Vec<String>, Failure> {
    let unwritable = |path: &Path, error: std::io::Error| {
        Failure::new("system_fault", format!("`{}` cannot be written: {error}", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(|error| unwritable(shown, error))?;
    let one = |(name, schema): &(String, Schema)| {
        let shown = shown.join(name);
        std::fs::write(folder.join(name), text(schema)).map_err(|error| unwritable(&shown, error))?;
        Ok(shown.display().to_string())
    };
    files.iter().map(one).collect()
}

/// A kind as people write it: any case, singular or plural.
pub fn kind(word: &str) -> Result<Kind, Failure> {
    let low = word.to_ascii_lowercase();
    let names = |kind: &Kind| {
        let name = kind.as_str().to_ascii_lowercase();
        let plural = match name.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{name}s"),
        };
        low == name || low == plural
    };
    Kind::ALL.iter().copied().find(names).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        Failure::not_found("kind", word).hint(format!("the kinds are {}", known.join(", ")))
    })
}
