//! Gathers the rows of an export from the store as it is at one moment, whatever is written meanwhile. It reads; which
//! rows and values may leave is said by the kernel, and what it refuses is kept nowhere.

use std::sync::Arc;

use jiff::Timestamp;
use ordain_kernel::export::{Gathered, Gathering, refused, rows};
use ordain_kernel::reason::{Code, Reason};
use ordain_kernel::run::Gather;
use ordain_kernel::world::{Active, World};
use ordain_spec::kind::export::RowSource;

use crate::recover;
use crate::specs::Specs;
use crate::store::StoreError;
use crate::store::read::Reader;

/// How many records are read at a time.
const PAGE: i64 = 4_000;

/// Where rows come from.
pub struct Gatherer {
    reader: Reader,
    specs: Arc<Specs>,
}

/// Nothing was gathered: it may not leave, or it cannot be read.
enum Stopped {
    Refused(Reason),
    Unread(StoreError),
}

impl From<Reason> for Stopped {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Unread(error)
    }
}

impl Gatherer {
    /// Reads beside the writer.
    #[must_use]
    pub const fn new(reader: Reader, specs: Arc<Specs>) -> Self {
        Self { reader, specs }
    }

    /// The rows of an export, or why there are none. Evidence with holes is none: what cannot be read refuses.
    pub async fn gather(&self, gather: &Gather, now: Timestamp) -> Gathered {
        match self.read(gather, now).await {
            Ok(gathered) => gathered,
            Err(Stopped::Refused(reason)) => refused(reason),
            Err(Stopped::Unread(error)) => {
                crate::aside::say(&format!(
                    "the rows of an export of run {} cannot be read: {error}",
                    gather.run
                ));
                refused(Reason::new(Code::SystemFault, "the store cannot be read"))
            }
        }
    }

    async fn read(&self, gather: &Gather, now: Timestamp) -> Result<Gathered, Stopped> {
        let active = self.specs.active().ok_or_else(|| Code::CatalogueUnavailable.reason())?.active();
        let source = gather.export.spec.source.value;
        let mut gathering = Gathering::new(&gather.export, &active.catalogue)?;
        let reader = self.reader.snapshot().await?;
        match source {
            RowSource::Audit => records(&reader, &mut gathering).await?,
            RowSource::Budgets => budgets(&reader, &active, now, &mut gathering).await?,
            RowSource::Runs | RowSource::Steps | RowSource::Decisions | RowSource::Approvals => {
                self.runs(&reader, source, &mut gathering).await?;
            }
        }
        Ok(gathering.finish())
    }

    async fn runs(
        &self,
        reader: &Reader,
        source: RowSource,
        gathering: &mut Gathering<'_>,
    ) -> Result<(), Stopped> {
        for id in reader.run_ids().await? {
            let run = recover::run(reader, &self.specs, &id).await?;
            let journal = match source {
                RowSource::Decisions => recover::journal(reader, &id).await?.events,
                _ => Vec::new(),
            };
            for row in rows::of_run(source, &run, &journal, gathering.meta()) {
                gathering.take(row)?;
            }
        }
        Ok(())
    }
}

async fn records(reader: &Reader, gathering: &mut Gathering<'_>) -> Result<(), Stopped> {
    let mut after = 0;
    loop {
        let page = reader.audit(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        for record in recover::records(&page)? {
            gathering.take(rows::of_record(&record))?;
        }
    }
}

async fn budgets(
    reader: &Reader,
    active: &Active,
    now: Timestamp,
    gathering: &mut Gathering<'_>,
) -> Result<(), Stopped> {
    let mut world = World::new(Some(Arc::new(active.clone())));
    let rows = recover::stored_world(reader).await?;
    world.load(rows).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    for row in rows::of_budgets(&world, now) {
        gathering.take(row)?;
    }
    Ok(())
}
