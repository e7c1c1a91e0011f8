//! MetaSchema: the one allow-list of what else may be shown and leave.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::kind::field::Named;
use crate::kind::scalar::{Identifier, Prose};

record! {
    /// Which tags and outputs may be shown in records and leave in exports. At most one in a catalogue.
    pub struct MetaSchemaSpec {
        /// By the name of the column.
        pub fields: Named<MetaField>,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

record! {
    /// One column and the only values it may hold.
    pub struct MetaField keyed Identifier {
        /// What its values are; there is no free text.
        pub type_: Spanned<ClosedType>,
        /// Of `enum`: the only values there are.
        pub values: Option<Spanned<Vec<Spanned<Arc<str>>>>> = None,
        /// Of `pattern`: matches the whole value, which has at most 64 characters.
        pub pattern: Option<Spanned<Arc<str>>> = None,
        /// Where the value comes from: `tags.x` or `outputs.x`.
        pub from: Spanned<MetaFrom>,
    }
}

closed! {
    /// What the values of a meta field are.
    pub enum MetaType {
        /// An id: letters, digits and `._:-`, at most 64.
        Id = "id",
        /// One of `values`.
        Enum = "enum",
        /// An integer.
        Integer = "integer",
        /// `true` or `false`.
        Boolean = "boolean",
        /// An instant.
        Timestamp = "timestamp",
        /// `sha256:` and 64 hexadecimal digits.
        Digest = "digest",
        /// A code: `[a-z][a-z0-9_]*`, at most 64.
        Code = "code",
        /// What `pattern` matches, at most 64 characters.
        Pattern = "pattern",
    }
}

/// A type that lets no free text through: what would is refused by a law of its own
/// (`free-text-in-meta-schema`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedType(pub MetaType);

/// Where the value of a meta field comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetaFrom {
    /// `tags.x`: a tag of the row's runbook, or of its step's capability.
    Tag(Arc<str>),
    /// `outputs.x`: an output of the row's run, or of its step.
    Output(Identifier),
}
