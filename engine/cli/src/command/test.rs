//! `ordain test`: scenarios on the real kernel, with declared answers and a simulated clock.

mod choose;
mod from_runs;
mod play;
mod report;
mod snapshot;

use std::path::PathBuf;
use std::time::Instant;

use ordain_kernel::rehearsal::coverage;

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};

/// Plays scenarios: the real kernel, declared answers, a simulated clock
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    choose: choose::Choice,
    /// Start no further scenario after one has failed
    #[arg(long)]
    fail_fast: bool,
    /// Compare what was decided with what is kept in `.decisions/` beside the scenarios
    #[arg(long)]
    snapshot: bool,
    /// Write what was decided into `.decisions/`; implies `--snapshot`
    #[arg(long)]
    update: bool,
    /// Write the results as JUnit XML too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Instead of scenarios: ask every decision of the last N runs of the store again, under the specs as they are
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "100")]
    #[arg(conflicts_with_all = ["snapshot", "update", "junit", "fail_fast", "names", "runbook", "reaches", "owner"])]
    from_runs: Option<u32>,
}

impl Options {
    /// Plays and shows.
    pub fn run(self, cx: &Context) -> Done {
        if let Some(count) = self.from_runs {
            return from_runs::test(cx, count);
        }
        let loaded = cx.load()?;
        let scenarios = self.choose.scenarios(&loaded)?;
        let begun = Instant::now();
        let mut played = play::play(cx, &scenarios, &loaded, self.fail_fast);
        self.choose.keep_reaching(&mut played)?;
        let snapshots = (self.snapshot || self.update)
            .then(|| {
                let root = cx.root()?;
                let folder = snapshot::Kept { root: &root, catalogue: &loaded.catalogue };
                folder.compare(&mut played, self.update, self.choose.is_everything())
            })
            .transpose()?;
        let seen = played.iter().filter_map(|one| one.result.as_ref()).map(|result| &result.seen);
        let covered = coverage(seen, &loaded.catalogue);
        let report = report::Report { played: &played, covered: &covered, snapshots, took: begun.elapsed() };
        if let Some(path) = &self.junit {
            let text = report.junit(&loaded.catalogue);
            spec_lint::write::whole(&cx.directory.join(path), text.as_bytes()).map_err(|error| {
                Failure::usage(format!("`{}` cannot be written: {error}", path.display()))
            })?;
        }
        cx.show(&report.document(), |look| report.text(look));
        Ok(if report.passed() { Exit::Done } else { Exit::Found })
    }
}
