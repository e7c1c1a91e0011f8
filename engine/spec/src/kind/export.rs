//! Export: what may leave, and how.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::expr::{Arg, Expr};
use crate::kind::field::Named;
use crate::kind::scalar::{DurationMs, Prose, Reference};

record! {
    /// What may leave: rows of one source, the fields of each, and who must agree.
    pub struct ExportSpec {
        /// What rows are of.
        pub source: Spanned<RowSource>,
        /// Which rows, over `row`; all when left out.
        pub filter: Option<Expr> = None,
        /// Columns of the source and fields of the meta schema, in the order of the file's columns.
        pub fields: Vec<Spanned<Arc<str>>>,
        /// Who must agree to the previewed digest. Mandatory (law `export-without-approval`).
        pub approval: Option<Spanned<Reference>> = None,
        /// How the file is written.
        pub format: Spanned<Format> = Spanned::nowhere(Format::Jsonl),
        /// More rows refuse the preview.
        pub max_rows: Spanned<u64>,
        /// How long a preview may be approved and its file fetched; counts from the preview.
        pub expires: Spanned<DurationMs>,
        /// How the file leaves.
        pub deliver: Spanned<Deliver> = Spanned::nowhere(Deliver::Download),
        /// For people.
        pub description: Option<Prose> = None,
    }
}

closed! {
    /// What rows are of.
    pub enum RowSource {
        /// Runs.
        Runs = "runs",
        /// Steps of runs.
        Steps = "steps",
        /// Decisions of policies.
        Decisions = "decisions",
        /// Approvals asked for and given.
        Approvals = "approvals",
        /// Audit records.
        Audit = "audit",
        /// Counters of budgets.
        Budgets = "budgets",
    }
}

closed! {
    /// How a file is written.
    pub enum Format {
        /// One JSON document a line.
        Jsonl = "jsonl",
        /// RFC 4180, with a header line.
        Csv = "csv",
    }
}

/// How a file leaves: `download`, or `{uses, with}`.
#[derive(Debug, Clone, PartialEq)]
pub enum Deliver {
    /// An operator fetches it.
    Download,
    /// A governed step hands it over.
    Uses {
        /// The delivering capability.
        uses: Spanned<Reference>,
        /// Its arguments, over `file`.
        with: Named<Arg>,
    },
}
