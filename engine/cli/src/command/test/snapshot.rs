//! What was decided, kept beside the scenarios: `.decisions/<scenario>.json` in the folder of the scenario's file.
//! A difference is a failure of the scenario; nothing is written but on request, and never what failed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ordain_kernel::rehearsal::{Failure as Difference, ScenarioResult};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::kind::Scenario;
use serde_json::{Map, Value, json};

use super::play::Played;
use crate::failure::Failure;

/// The folder beside scenarios. Its name begins with a dot: nothing in it is read as a spec.
const FOLDER: &str = ".decisions";

/// More than that says no more.
const SHOWN: usize = 20;

/// What became of the kept ones.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// Compared with what is kept.
    pub compared: usize,
    /// Written, as paths from the workspace on.
    pub written: Vec<String>,
    /// Removed: there is no such scenario.
    pub removed: Vec<String>,
    /// Kept for no scenario, and not removed.
    pub stale: Vec<String>,
}

/// Where snapshots are kept.
pub struct Kept<'a> {
    /// The folder of the workspace.
    pub root: &'a Path,
    /// What is played.
    pub catalogue: &'a Catalogue,
}

impl Kept<'_> {
    /// Compares, or writes.
    pub fn compare(
        &self,
        played: &mut [Played],
        update: bool,
        everything: bool,
    ) -> Result<Snapshots, Failure> {
        let mut snapshots = Snapshots::default();
        for one in played.iter_mut() {
            let (Some(result), Some(path)) = (one.result.as_mut(), self.path(&one.scenario)) else {
                continue;
            };
            snapshots.compared += 1;
            let kept = read(&self.root.join(&path));
            if update {
                if result.passed && kept.as_ref() != Ok(&result.decisions) {
                    self.write(&path, &result.decisions)?;
                    snapshots.written.push(shown(&path));
                }
            } else {
                judge(result, kept, &path);
            }
        }
        if everything {
            self.stale(update, &mut snapshots)?;
        }
        Ok(snapshots)
    }

    /// Where the snapshot of a scenario is, from the workspace on; none for those of the built-in set.
    fn path(&self, scenario: &Scenario) -> Option<PathBuf> {
        let file = &self.catalogue.sources.get(scenario.span.file)?.path;
        let folder = (!file.starts_with("std:")).then(|| Path::new(file).parent())??;
        Some(folder.join(FOLDER).join(format!("{}.json", scenario.metadata.name.as_str())))
    }

    fn write(&self, path: &Path, document: &Value) -> Result<(), Failure> {
        let whole = self.root.join(path);
        let folder = whole.parent().unwrap_or(self.root);
        std::fs::create_dir_all(folder)
            .and_then(|()| spec_lint::write::whole(&whole, format!("{document:#}\n").as_bytes()))
            .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))
    }

    /// Snapshots of scenarios that are no more.
    fn stale(&self, update: bool, snapshots: &mut Snapshots) -> Result<(), Failure> {
        let due: BTreeSet<PathBuf> =
            self.catalogue.scenarios.values().filter_map(|scenario| self.path(scenario)).collect();
        // Every folder with a spec of this catalogue may have held scenarios.
        let files = self.catalogue.sources.iter().map(|(_, file)| Path::new(&file.path));
        let folders: BTreeSet<PathBuf> =
            files.filter_map(Path::parent).map(|folder| folder.join(FOLDER)).collect();
        for folder in folders {
            let Ok(entries) = std::fs::read_dir(self.root.join(&folder)) else { continue };
            let names = entries.filter_map(Result::ok).map(|entry| folder.join(entry.file_name()));
            let mut stale: Vec<PathBuf> = names
                .filter(|path| path.extension().is_some_and(|ending| ending == "json") && !due.contains(path))
                .collect();
            stale.sort();
            for path in stale {
                if update {
                    std::fs::remove_file(self.root.join(&path)).map_err(|error| {
                        Failure::usage(format!("`{}` cannot be removed: {error}", path.display()))
                    })?;
                    snapshots.removed.push(shown(&path));
                } else {
                    snapshots.stale.push(shown(&path));
                }
            }
        }
        Ok(())
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// What is kept, or why it cannot be read.
fn read(path: &Path) -> Result<Value, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| format!("no JSON: {error}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err("nothing yet".to_owned()),
        Err(error) => Err(format!("unreadable: {error}")),
    }
}

/// Adds to the failures of a scenario how its decisions differ from those that are kept.
fn judge(result: &mut ScenarioResult, kept: Result<Value, String>, path: &Path) {
    let mut differences = Vec::new();
    match kept {
        Ok(kept) => differ("decisions".to_owned(), &kept, &result.decisions, &mut differences),
        Err(why) => differences.push(Difference {
            path: shown(path),
            expected: json!("what was decided before"),
            actual: json!(why),
        }),
    }
    if differences.len() > SHOWN {
        let more = differences.len() - SHOWN;
        differences.truncate(SHOWN);
        let (expected, actual) = (Value::Null, json!(format!("{more} more differences")));
        differences.push(Difference { path: shown(path), expected, actual });
    }
    result.passed &= differences.is_empty();
    result.failures.extend(differences);
}

/// Every place at which two documents differ.
fn differ(path: String, kept: &Value, now: &Value, found: &mut Vec<Difference>) {
    match (kept, now) {
        (Value::Object(kept), Value::Object(now)) => {
            let names: BTreeSet<&String> = kept.keys().chain(now.keys()).collect();
            let of = |fields: &Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
            for name in names {
                differ(format!("{path}.{name}"), &of(kept, name), &of(now, name), found);
            }
        }
        (Value::Array(kept), Value::Array(now)) => {
            for place in 0..kept.len().max(now.len()) {
                let of = |items: &[Value]| items.get(place).cloned().unwrap_or_default();
                differ(format!("{path}[{place}]"), &of(kept), &of(now), found);
            }
        }
        (kept, now) if kept == now => {}
        (kept, now) => {
            found.push(Difference { path, expected: kept.clone(), actual: now.clone() });
        }
    }
}

/// What is kept, as part of the document of the verb.
pub fn document(snapshots: &Snapshots) -> Value {
    let lists: BTreeMap<&str, &[String]> =
        [("written", &*snapshots.written), ("removed", &*snapshots.removed), ("stale", &*snapshots.stale)]
            .into();
    let mut document = json!(lists);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("compared".into(), json!(snapshots.compared));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_its_place_and_both_sides() {
        let kept = json!({"state": "denied", "steps": {"pay/refund": [{"outcome": "deny", "masks": ["a"]}]}});
        let now =
            json!({"state": "denied", "steps": {"pay/refund": [{"outcome": "allow"}, {"settled": "ok"}]}});
        let mut found = Vec::new();
        differ("decisions".to_owned(), &kept, &now, &mut found);
        let found: Vec<_> = found
            .into_iter()
            .map(|one| (one.path, one.expected.to_string(), one.actual.to_string()))
            .collect();
        let due = [
            ("decisions.steps.pay/refund[0].masks", "[\"a\"]", "null"),
            ("decisions.steps.pay/refund[0].outcome", "\"deny\"", "\"allow\""),
            ("decisions.steps.pay/refund[1]", "null", "{\"settled\":\"ok\"}"),
        ];
        assert_eq!(found, due.map(|(path, one, other)| (path.into(), one.into(), other.into())));
    }
}
