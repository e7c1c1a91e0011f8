//! The report: every journal once, a page at a time, from a snapshot, so that others get their turn and all numbers are
//! of one moment.

use ordain_kernel::ids::RunId;
use ordain_kernel::report::Report;
use ordain_kernel::run::Event;
use ordain_kernel::run::system::SystemEvent;
use ordain_kernel::view;

use super::Inner;
use super::acts::instant;
use crate::api::{Answer, ApiError};
use crate::store::{SYSTEM, StoreError};

/// Rows of journals that are read at once.
const PAGE: i64 = 2_000;

impl Inner {
    pub(super) async fn report(&self, since: Option<String>, until: Option<String>) -> Answer {
        let since = since.map(|text| instant(&text)).transpose()?;
        let until = until.map(|text| instant(&text)).transpose()?;
        let mut report = Report::over(since, until);
        let reader = self.reader.snapshot().await?;
        let corrupt = |what: String| ApiError::from(StoreError::Corrupt(what));
        let (mut run, mut seq) = (String::new(), 0);
        loop {
            let rows = reader.journals(&run, seq, PAGE).await?;
            let Some(last) = rows.last() else { break };
            (run, seq) = (last.run.clone(), last.seq);
            for row in rows.iter().filter(|row| row.run != SYSTEM) {
                let id: RunId = row.run.parse().map_err(|_| corrupt(format!("`{}` is no run", row.run)))?;
                let at =
                    jiff::Timestamp::from_millisecond(row.at).map_err(|error| corrupt(error.to_string()))?;
                let event: Event = serde_json::from_str(&row.event)
                    .map_err(|error| corrupt(format!("event {} of run {}: {error}", row.seq, row.run)))?;
                report.run(id, at, &event);
            }
        }
        for row in reader.journal(SYSTEM).await? {
            let at = jiff::Timestamp::from_millisecond(row.at).map_err(|error| corrupt(error.to_string()))?;
            let event: SystemEvent =
                serde_json::from_str(&row.event).map_err(|error| corrupt(error.to_string()))?;
            report.system(at, &event);
        }
        let at = until.or_else(|| report.last()).unwrap_or_else(|| self.clock.now());
        let budgets = self.with_realm(move |realm| view::budgets(&realm.world, at)).await?;
        Ok(report.document(&budgets))
    }
}
