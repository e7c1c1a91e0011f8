//! A digest over the views of what is not over: runs that are not settled, stages that are open, and what
//! crosses runs. It is stored with every transaction and compared when the store is opened, so that a view
//! that says something else than the journal is noticed before anything is continued. Not against an
//! attacker: the journal and its records are what is true.

use std::collections::BTreeMap;

use ordain_spec::digest::Digest;

use super::rows::{ApprovalRow, Rows, RunRow, WorldRow};

/// What the store remembers of its views: the row `views` of `meta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The place of the next event.
    pub place: i64,
    /// Over the rows of what is not over.
    pub active: u128,
}

impl Mark {
    /// As it is stored.
    pub fn to_text(self) -> String {
        format!("{} {:032x}", self.place, self.active)
    }

    /// As it was stored.
    pub fn of_text(text: &str) -> Option<Self> {
        let (place, active) = text.split_once(' ')?;
        Some(Self { place: place.parse().ok()?, active: u128::from_str_radix(active, 16).ok()? })
    }
}

/// The rows of what is not over, as digests: each row's digest, all of them combined by exclusive or.
#[derive(Debug, Default)]
pub struct ActiveRows {
    rows: BTreeMap<String, u128>,
    sum: u128,
}

/// What a transaction changes.
pub struct Change(BTreeMap<String, Option<u128>>);

impl ActiveRows {
    /// Of the rows that a store holds.
    pub fn of(runs: &[RunRow], approvals: &[ApprovalRow], world: &[WorldRow]) -> Self {
        let mut active = Self::default();
        active.apply(change(runs, approvals, world));
        active
    }

    /// Over all rows.
    pub const fn sum(&self) -> u128 {
        self.sum
    }

    /// What a transaction with these rows changes.
    pub fn change(rows: &Rows) -> Change {
        change(&rows.runs, &rows.approvals, &rows.world)
    }

    /// The digest after that change.
    pub fn after(&self, change: &Change) -> u128 {
        change.0.iter().fold(self.sum, |sum, (key, row)| {
            sum ^ self.rows.get(key).copied().unwrap_or(0) ^ row.unwrap_or(0)
        })
    }

    /// The change is stored.
    pub fn apply(&mut self, change: Change) {
        self.sum = self.after(&change);
        for (key, row) in change.0 {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }
}

fn change(runs: &[RunRow], approvals: &[ApprovalRow], world: &[WorldRow]) -> Change {
    let mut change = BTreeMap::new();
    for row in runs {
        let line = row.settled_at.is_none().then(|| digest(&format!("{row:?}")));
        change.insert(format!("run {}", row.id), line);
    }
    for row in approvals {
        change.insert(
            format!("approval {}", row.id),
            (row.state == "open").then(|| digest(&format!("{row:?}"))),
        );
    }
    for row in world {
        let line = row.value.as_ref().map(|value| digest(&format!("{} {} {value}", row.kind, row.key)));
        change.insert(format!("{} {}", row.kind, row.key), line);
    }
    Change(change)
}

fn digest(line: &str) -> u128 {
    let Digest(bytes) = Digest::of(line.as_bytes());
    bytes.first_chunk().map_or(0, |first: &[u8; 16]| u128::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(key: &str, value: Option<&str>) -> WorldRow {
        WorldRow { kind: "lock".into(), key: key.into(), value: value.map(str::to_owned) }
    }

    #[test]
    fn changes_one_by_one_come_to_the_same_as_all_rows_at_once() {
        let mut active = ActiveRows::default();
        for row in [world("a", Some("1")), world("b", Some("2")), world("a", Some("3")), world("b", None)] {
            let rows = Rows { world: vec![row], ..Rows::default() };
            let change = ActiveRows::change(&rows);
            let after = active.after(&change);
            active.apply(change);
            assert_eq!(active.sum(), after);
        }
        assert_eq!(active.sum(), ActiveRows::of(&[], &[], &[world("a", Some("3"))]).sum());
        assert_ne!(active.sum(), ActiveRows::of(&[], &[], &[world("a", Some("4"))]).sum());
        assert_ne!(active.sum(), ActiveRows::default().sum());
    }
}
