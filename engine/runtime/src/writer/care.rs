//! Care for the store, which only its one writer may do: each act has transactions of its own, and what was
//! decided before it is stored before.

use jiff::Timestamp;
use ordain_kernel::actor::Actor;
use ordain_kernel::run::system::SystemCommand;

use super::Writer;
use super::message::{Care, say};
use super::pending::Pending;
use crate::api::ApiError;
use crate::checkpoint::{self, Checkpoints, Shipment};
use crate::fault;
use crate::prune::{self, Pruned};
use crate::recover;
use crate::store::write::Place;

impl Writer {
    /// One act of care. What was decided before it is stored.
    pub(super) async fn care(&mut self, care: Care, now: Timestamp) {
        match care {
            Care::Rebuild(to) => say(to, self.rebuild().await),
            Care::Prune(wish, to) => say(to, self.prune(*wish, now).await),
            Care::Reencrypt(after, to) => say(to, self.reencrypt(&after).await),
            Care::Reencrypted(to) => say(to, self.store.reencrypted().await.map_err(ApiError::from)),
            Care::Rekey(by, to) => say(to, self.rekey(*by, now).await),
        }
    }

    /// Signs the log as it is stored, where there is something new; where it goes, once that is stored.
    pub(super) async fn checkpoint(&mut self) -> Option<Shipment> {
        let size = self.store.records();
        if !self.checkpoints.is_news(size) || self.lost.is_some() || self.failed > 0 {
            return None;
        }
        let now = self.machine.clock.now();
        let event = self.checkpoints.sign(size, self.store.root());
        let mut pending = Pending::default();
        let decided = self.realm.system(SystemCommand::Note(Box::new(event.clone())), now);
        self.taken(decided, &mut pending).ok()?;
        pending.rows.meta.push(Checkpoints::mark(size, now));
        fault::point("before-checkpoint");
        self.commit(pending).await.ok()?;
        fault::point("after-checkpoint");
        self.checkpoints.stored(&event, now);
        self.checkpoints.shipment(&event)
    }

    /// Erases the payloads of one page of old runs, in one transaction with its record.
    async fn prune(&mut self, wish: prune::Wish, now: Timestamp) -> Result<Pruned, ApiError> {
        if !wish.dry_run {
            self.realm.permitted(&wish.by, "role:admin").map_err(super::rejected)?;
        }
        let retention = self.specs.active().and_then(|active| active.catalogue.retention.clone());
        let rules = prune::Rules { kept: self.realm.kept(now), retention, specs: &self.specs };
        let found = prune::page(&self.store.reader(), &rules, &wish).await?;
        if wish.dry_run || found.runs.is_empty() {
            return Ok(found.pruned);
        }
        let runs = found.runs.clone();
        let command = SystemCommand::Prune { runs, before: wish.before, by: wish.by };
        let decided = self.realm.system(command, now);
        let mut pending = Pending::default();
        self.taken(decided, &mut pending)?;
        let at = now.as_millisecond();
        pending.rows.erased = found.runs.iter().map(|run| (run.to_string(), at)).collect();
        fault::point("before-prune");
        self.store.overwrite_deleted(true).await?;
        let stored = self.commit(pending).await;
        self.store.overwrite_deleted(false).await?;
        stored?;
        fault::point("after-prune");
        self.store.write_back().await?;
        Ok(found.pruned)
    }

    /// Puts one page of payloads under the present key; what is deleted is overwritten.
    async fn reencrypt(&mut self, after: &Place) -> Result<(u64, Option<Place>), ApiError> {
        self.store.overwrite_deleted(true).await?;
        let page = self.store.reencrypt(after).await;
        self.store.overwrite_deleted(false).await?;
        Ok(page?)
    }

    /// Another key signs from here on: the old one signs which, that is recorded, and only then the files change.
    async fn rekey(&mut self, by: Actor, now: Timestamp) -> Result<String, ApiError> {
        let successor = self.checkpoints.successor(self.store.records() + 1)?;
        let command = SystemCommand::Rekey { succession: successor.succession.clone(), by };
        let decided = self.realm.system(command, now);
        let mut pending = Pending::default();
        self.taken(decided, &mut pending)?;
        fault::point("before-rekey");
        self.commit(pending).await?;
        fault::point("after-rekey");
        let public = self.checkpoints.follow(successor)?;
        if let Some(shipment) = self.checkpoint().await {
            tokio::spawn(checkpoint::ship(shipment));
        }
        Ok(public)
    }

    /// Makes the views anew from the journal, and the realm from the store.
    async fn rebuild(&mut self) -> Result<u64, ApiError> {
        let rows = recover::from_journal(&self.store.reader(), &self.specs).await?;
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        self.store.replace_views(rows).await?;
        self.adopt(recover::realm(&self.store.reader(), &self.specs).await?.realm);
        Ok(count)
    }
}
