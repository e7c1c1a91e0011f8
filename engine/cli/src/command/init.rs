//! `ordain init`: a working workspace, with keys of its own. Never overwrites anything.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use ordain_plan::render::{Ink, Line};
use ordain_runtime::keys::{Key, path_of};
use ordain_runtime::seal;
use ordain_runtime::workspace::private_file;
use ordain_spec::kind::Kind;
use ordain_spec::kind::scalar::Name;
use ordain_spec::schema;
use ordain_spec::source::Notation;
use serde_json::json;
use spec_lint::layout::formatted;

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};

/// Makes a working workspace: specs, people, a test, the operator's file and demo keys
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where: the folder is made if it does not exist
    // Not named `directory`: clap would take it for the global `-C` as well.
    #[arg(value_name = "DIR", default_value = ".")]
    into: PathBuf,
    /// Which example it begins with
    #[arg(long, value_name = "NAME", default_value = "hello")]
    template: String,
}

/// Files of a template: path and text.
type Files = &'static [(&'static str, &'static str)];

const HELLO: Files = &[
    ("ordain.yaml", include_str!("../../../../examples/hello/ordain.yaml")),
    ("specs/policies/home.yaml", include_str!("../../../../examples/hello/specs/policies/home.yaml")),
    ("specs/policies/roster.yaml", include_str!("../../../../examples/hello/specs/policies/roster.yaml")),
    ("specs/runbooks/hello.yaml", include_str!("../../../../examples/hello/specs/runbooks/hello.yaml")),
    (
        "specs/runbooks/hello-greets.yaml",
        include_str!("../../../../examples/hello/specs/runbooks/hello-greets.yaml"),
    ),
    (".gitignore", ".ordain/\n"),
];

const TEMPLATES: &[(&str, Files)] = &[("hello", HELLO)];

/// Where the schemas lie that the first line of each file names: in the workspace, so that who clones it has them.
const SCHEMAS: &str = "schema";

/// The people of the templates' rosters who get a key: the person at the keyboard first.
const PEOPLE: [&str; 2] = ["you", "friend"];

impl Options {
    /// Writes the files and keys.
    pub fn run(self, cx: &Context) -> Done {
        let root = cx.directory.join(&self.into);
        let (_, files) = TEMPLATES.iter().find(|(name, _)| *name == self.template).ok_or_else(|| {
            let known: Vec<&str> = TEMPLATES.iter().map(|(name, _)| *name).collect();
            Failure::not_found("template", &self.template)
                .hint(format!("the templates are {}", known.join(", ")))
        })?;
        let state = root.join(".ordain");
        let keys = keys()?;
        is_free(&root, &state, files)?;
        let mut created = Vec::new();
        for (path, text) in *files {
            let text =
                if path.ends_with("roster.yaml") { with_people(text, &keys) } else { (*text).to_owned() };
            write(&root.join(path), &laid_out(path, with_schema(path, text)))?;
            created.push(shown(&self.into, path));
        }
        for (name, schema) in schema::files() {
            write(&root.join(SCHEMAS).join(name), &super::schema::text(&schema))?;
        }
        created.push(shown(&self.into, SCHEMAS));
        for (person, key) in &keys {
            let path = path_of(&state, person);
            key.write(&path).map_err(|error| unwritable(&path, &error))?;
            created.push(shown(&self.into, &format!(".ordain/keys/{person}.key")));
        }
        // In `prod` nobody signs with them.
        let publics: String = keys.iter().map(|(_, key)| format!("{}\n", key.public())).collect();
        let demo = state.join(seal::DEMO_KEYS);
        let written = private_file(&demo).and_then(|mut file| file.write_all(publics.as_bytes()));
        written.map_err(|error| unwritable(&demo, &error))?;
        let login = ordain_runtime::local::own_login();
        let detail = format!(
            "a workspace that works: you are `user:you` (login `{login}`), with demo keys to sign with"
        );
        cx.show(&json!({"ok": true, "created": created, "detail": detail}), |look| {
            let mut out = String::new();
            for path in &created {
                Line::default().with(Ink::Good, "  + ").with(Ink::Plain, path).write(look, &mut out);
            }
            let next = if self.into == Path::new(".") {
                String::new()
            } else {
                format!("cd {} && ", self.into.display())
            };
            Line::default().with(Ink::Plain, &detail).write(look, &mut out);
            Line::default()
                .with(Ink::Dim, "next: ")
                .with(Ink::Strong, &format!("{next}ordain run hello"))
                .write(look, &mut out);
            out
        });
        Ok(Exit::Done)
    }
}

fn keys() -> Result<Vec<(Name, Key)>, Failure> {
    let fault = |error: std::io::Error| Failure::new("system_fault", format!("no key can be made: {error}"));
    let named = PEOPLE.iter().filter_map(|person| Name::new(person));
    named.map(|name| Ok((name, Key::generate().map_err(fault)?))).collect()
}

/// Everything is looked at before anything is written.
fn is_free(root: &Path, state: &Path, files: Files) -> Result<(), Failure> {
    let taken = files.iter().map(|(path, _)| root.join(path)).filter(|path| !path.ends_with(".gitignore"));
    let keys = PEOPLE.iter().map(|person| state.join("keys").join(format!("{person}.key")));
    let schemas = schema::files().into_iter().map(|(name, _)| root.join(SCHEMAS).join(name));
    match taken.chain(keys).chain(schemas).find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => {
            Err(Failure::usage(format!("`{}` is already there: nothing was written", path.display()))
                .hint("name another folder: `ordain init DIR`"))
        }
        None => Ok(()),
    }
}

/// A spec file with the line by which editors find its schema.
fn with_schema(path: &str, text: String) -> String {
    if !path.ends_with(".yaml") {
        return text;
    }
    let up = "../".repeat(path.matches('/').count());
    let (up, file) = match path {
        ordain_spec::workspace::FILE => ("./".to_owned(), schema::file(Kind::Workspace)),
        _ => (up, schema::ANY.to_owned()),
    };
    format!("# yaml-language-server: $schema={up}{SCHEMAS}/{file}\n{text}")
}

/// The roster with the login of the person at the keyboard and the public halves of the keys.
fn with_people(roster: &str, keys: &[(Name, Key)]) -> String {
    let login = ordain_runtime::local::own_login().replace('\'', "''");
    let mut out = String::with_capacity(roster.len() + 200);
    for line in roster.lines() {
        let person = keys.iter().find(|(person, _)| line.trim_start().starts_with(&format!("{person}: {{")));
        match (person, line.rsplit_once('}')) {
            (Some((_, key)), Some((before, after))) => {
                let before = before.replace("login: you", &format!("login: '{login}'"));
                out.push_str(&format!("{before}, key: '{}'}}{after}", key.public()));
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// A spec as `ordain fmt` lays it out: keys and logins have made lines longer.
fn laid_out(path: &str, text: String) -> String {
    if path.ends_with(".yaml") { formatted(&text, Notation::Yaml).unwrap_or(text) } else { text }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    match file.and_then(|mut file| file.write_all(text.as_bytes())) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.ends_with(".gitignore") => {
            Ok(())
        }
        written => written.map_err(|error| unwritable(path, &error)),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new("system_fault", format!("`{}` cannot be written: {error}", path.display()))
}

fn shown(directory: &Path, path: &str) -> String {
    if directory == Path::new(".") { path.to_owned() } else { directory.join(path).display().to_string() }
}
