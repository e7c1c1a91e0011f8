//! Repairs of everything that a report is about: from findings to the new texts of files. What lies outside
//! of the paths that were asked for is left alone, and so is what the report does not show.

use std::sync::Arc;

use ordain_spec::check::check;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::source::{SourceFile, Sources};

use super::{Judged, Mended, Repaired, Which, mend};
use crate::discover::Asked;
use crate::judge::judged;
use crate::render::Secrets;
use crate::report::{Group, Report, shown};
use crate::rules::Context;
use crate::subject::Subject;

/// A file whose text changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The folder of its workspace, as it is shown.
    pub root: String,
    /// Its path, as it is shown.
    pub path: String,
    /// What it holds.
    pub before: Arc<str>,
    /// What it is to hold.
    pub after: Arc<str>,
    /// What is not shown of them.
    pub secrets: Secrets,
}

/// All changes and what they repair.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// File by file.
    pub files: Vec<Change>,
    /// With paths as they are shown.
    pub repaired: Vec<Repaired>,
}

/// What repairs change. `least`: the lightest problems that are repaired.
#[must_use]
pub fn changes(report: &Report, which: Which, least: Severity, asked: &Asked) -> Changes {
    let mut all = Changes::default();
    for group in &report.groups {
        let may = |diagnostic: &Diagnostic, file: &SourceFile| {
            diagnostic.severity <= least && group.wanted.contains(&file.path)
        };
        let sources = &group.subject.sources;
        let operator = group.subject.operator.and_then(|id| sources.get(id)).map(|file| file.path.clone());
        let judge = |sources| judged_anew(sources, operator.as_deref(), group.before.as_ref(), asked);
        add(&mut all, group, sources, mend(sources, &judge, which, &may));
    }
    all
}

fn add(all: &mut Changes, group: &Group, sources: &Sources, mended: Mended) {
    for (path, after) in mended.texts {
        let Some((_, file)) = sources.iter().find(|(_, file)| file.path == path) else { continue };
        let before = Arc::clone(&file.text);
        let secrets = Secrets::of(&group.subject);
        let (root, path) = (group.root.clone(), shown(&group.root, &path));
        all.files.push(Change { root, path, before, after, secrets });
    }
    for repaired in mended.repaired {
        all.repaired.push(Repaired { file: shown(&group.root, &repaired.file), ..repaired });
    }
}

/// What is wrong with files of which one may be the operator's, beside what they were before.
fn judged_anew(sources: Sources, operator: Option<&str>, before: Option<&Subject>, asked: &Asked) -> Judged {
    let (mut catalogue, mut own) = (Sources::default(), None);
    for (_, file) in sources.iter() {
        if operator == Some(&*file.path) {
            own = Some(file.clone());
        } else {
            catalogue.add(file.clone());
        }
    }
    let subject = Subject::of(check(catalogue), own);
    let mut cx = Context::new(&subject, asked.as_of, before);
    cx.remarks = asked.remarks;
    let found = judged(&cx);
    (Arc::clone(&subject.sources), found)
}
