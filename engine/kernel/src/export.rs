//! Exports: what may leave, in two steps always. The host gathers rows through [`Gathering`], which filters, checks
//! and writes them; the run keeps the file and its digest, people agree to that digest, and the same transaction
//! releases exactly that file. Nothing here reads a store, and no reason ever repeats a value.

mod file;
pub mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::catalogue::Catalogue;
use ordain_spec::decode::Decode;
use ordain_spec::digest::Digest;
use ordain_spec::expr::{COST_LIMIT, FactMap, Type, Value as Fact};
use ordain_spec::kind::{Export, Kind, MetaSchema};
use ordain_spec::sheet::Sheet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use rows::Row;

use crate::ids::{PreviewId, RunId};
use crate::reason::{Code, Reason};
use crate::sensitivity::RECORDS;

/// How long a preview is remembered after its time is up.
const REMEMBERED_MS: u64 = 30 * 24 * 3_600_000;

/// What gathering came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "gathered", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Gathered {
    /// A file, as it would leave.
    File {
        /// The file.
        text: String,
        /// How many rows it has.
        rows: u64,
        /// Digest of what it was made under ([`terms`]).
        terms: Digest,
    },
    /// Nothing: why not.
    Refused {
        /// Why; never a value.
        reasons: Vec<Reason>,
    },
}

/// A file that waits for people, or left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// What it is known by.
    pub id: PreviewId,
    /// Name of the export.
    pub export: Arc<str>,
    /// SHA-256 of the file: what people agree to.
    pub digest: Digest,
    /// How many rows it has.
    pub rows: u64,
    /// Digest of what it was made under.
    pub terms: Digest,
    /// Past it nothing is approved and nothing fetched.
    pub until: Timestamp,
    /// The file.
    pub file: Arc<Value>,
}

/// Gathers the rows of one export.
pub struct Gathering<'e> {
    export: &'e Export,
    meta: Option<&'e MetaSchema>,
    sheet: Sheet,
    row: Type,
    fields: Vec<&'e str>,
    rows: Vec<Map<String, Value>>,
    terms: Digest,
}

impl<'e> Gathering<'e> {
    /// Nothing gathered yet.
    ///
    /// # Errors
    /// When the active catalogue does not hold the export any more.
    pub fn new(export: &'e Export, active: &'e Catalogue) -> Result<Self, Reason> {
        let terms = terms(export, active).ok_or_else(|| withdrawn(export))?;
        let sheet = Sheet::of(active, export.spec.source.value);
        let row = sheet.row();
        let fields = export.spec.fields.iter().map(|field| &*field.value).collect();
        let meta = active.meta_schema.as_deref();
        Ok(Self { export, meta, sheet, row, fields, rows: Vec::new(), terms })
    }

    /// The meta schema that adds columns.
    #[must_use]
    pub const fn meta(&self) -> Option<&'e MetaSchema> {
        self.meta
    }

    /// Takes a row, where the filter wants it.
    ///
    /// # Errors
    /// What stops the whole export: a filter without an answer, a value that may not leave, too many rows.
    pub fn take(&mut self, row: Row) -> Result<(), Reason> {
        if !self.is_wanted(&row)? {
            return Ok(());
        }
        let spec = &self.export.spec;
        if self.rows.len() as u64 >= spec.max_rows.value {
            let detail = format!("more than the {} rows of `maxRows`", spec.max_rows.value);
            return Err(self.because(Code::TooManyItems, detail));
        }
        let mut kept = Map::new();
        for field in &self.fields {
            if let Some(label) = row.withheld.get(*field) {
                let detail = format!("`{field}` is {label}; exports are cleared up to {RECORDS}");
                return Err(self.because(Code::SensitivityNotCleared, detail));
            }
            let Some(cell) = row.cells.get(*field) else { continue };
            // A mask hides what may leave; it is no way out for what may not.
            let judged = row.masked.get(*field).unwrap_or(cell);
            self.sheet
                .check(field, judged)
                .map_err(|misfit| self.because(Code::SensitivityNotCleared, misfit.to_string()))?;
            kept.insert((*field).to_owned(), cell.clone());
        }
        self.rows.push(kept);
        Ok(())
    }

    fn is_wanted(&self, row: &Row) -> Result<bool, Reason> {
        let Some(filter) = &self.export.spec.filter else { return Ok(true) };
        let cells = row.cells.iter().filter(|(name, _)| !row.masked.contains_key(&***name));
        let cells: Map<String, Value> =
            cells.map(|(name, value)| (name.to_string(), value.clone())).collect();
        let fact = Fact::typed(&Value::Object(cells), &self.row)
            .map_err(|_| self.because(Code::ExpressionError, "a row is not of its declared type".into()))?;
        let facts = FactMap { facts: BTreeMap::from([("row".into(), fact)]), principals: Default::default() };
        filter
            .is_true(&facts, COST_LIMIT)
            .map_err(|error| self.because(Code::ExpressionError, format!("`filter`: {}", error.message)))
    }

    fn because(&self, code: Code, detail: String) -> Reason {
        Reason::new(code, detail).from(Kind::Export, self.export.metadata.name.value.shared())
    }

    /// The file of all rows.
    #[must_use]
    pub fn finish(self) -> Gathered {
        let text = file::write(self.export.spec.format.value, &self.fields, &self.rows);
        Gathered::File { text, rows: self.rows.len() as u64, terms: self.terms }
    }
}

/// Nothing is gathered, and why.
#[must_use]
pub fn refused(reason: Reason) -> Gathered {
    Gathered::Refused { reasons: vec![reason] }
}

fn withdrawn(export: &Export) -> Reason {
    Code::SpecWithdrawn.reason().from(Kind::Export, export.metadata.name.value.shared())
}

/// Digest of all that says which rows and values leave: the export as it is pinned, the one in force under its
/// name, and what the meta schema in force says about its fields. None where none is in force.
#[must_use]
pub fn terms(export: &Export, active: &Catalogue) -> Option<Digest> {
    let current = active.exports.get(&export.metadata.name.value)?;
    let field = |name: &Arc<str>| active.meta_schema.as_ref()?.spec.fields.get(name)?.canonical();
    let fields: Map<String, Value> = export
        .spec
        .fields
        .iter()
        .map(|taken| (taken.value.to_string(), field(&taken.value).into()))
        .collect();
    Some(Digest::of_json(&json!({
        "pinned": export.digest.to_string(),
        "current": current.digest.to_string(),
        "fields": fields,
    })))
}

/// How a preview stands, over all runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Name of the export.
    pub export: Arc<str>,
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: Arc<str>,
    /// `previewed`, `released`, or the state in which its step ended without a release.
    pub state: Arc<str>,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// How many rows it has.
    pub rows: u64,
    /// Who asked.
    pub requester: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// Past it nothing is approved and nothing fetched.
    pub until: Timestamp,
}

/// The previews that are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Previews(pub BTreeMap<PreviewId, Standing>);

impl Previews {
    /// Those that nobody has to remember any more.
    #[must_use]
    pub fn forgotten(&self, now: Timestamp) -> Vec<PreviewId> {
        let over = |standing: &Standing| crate::run::later(standing.until, REMEMBERED_MS) <= now;
        self.0.iter().filter(|(_, standing)| over(standing)).map(|(id, _)| id.clone()).collect()
    }
}
