//! Approval: stages at which people agree.

use crate::decode::Spanned;
use crate::kind::field::FieldMap;
use crate::kind::scalar::{DurationMs, Principal, Prose, Slug};

record! {
    /// Stages at which people agree.
    pub struct ApprovalSpec {
        /// In order.
        pub stages: Vec<Stage>,
        /// One person counts once over all stages.
        pub distinct: Spanned<bool> = Spanned::nowhere(true),
        /// Refused where risk is high or critical.
        pub requester_may_approve: Spanned<bool> = Spanned::nowhere(false),
        /// How much a reviewer must say; also for rejections.
        pub rationale: Rationale = Rationale::standard(),
        /// How often reviewers are reminded.
        pub remind: Option<Spanned<DurationMs>> = None,
        /// Who else is told, and when.
        pub escalate: Option<Escalate> = None,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

record! {
    /// One stage.
    pub struct Stage {
        /// Its name within the approval.
        pub id: Spanned<Slug>,
        /// Who may decide.
        pub any_of: Vec<Spanned<Principal>>,
        /// How many must agree.
        pub quorum: Spanned<u64> = Spanned::nowhere(1),
        /// Counts from the opening of the stage, and refuses. Mandatory (law `missing-expiry`).
        pub expires: Option<Spanned<DurationMs>> = None,
        /// Asks for a signature or a fresh second factor.
        pub step_up: Spanned<bool> = Spanned::nowhere(false),
        /// What a reviewer fills in.
        pub form: FieldMap = FieldMap::default(),
    }
}

record! {
    /// How much a reviewer must say.
    pub struct Rationale {
        /// In characters.
        pub min_length: u64 = 10,
    }
}

impl Rationale {
    /// Ten characters.
    #[must_use]
    pub const fn standard() -> Self {
        Self { min_length: 10, span: crate::source::Span::nowhere() }
    }
}

record! {
    /// Who else is told; who may decide is `anyOf` alone.
    pub struct Escalate {
        /// After the opening of the stage.
        pub after: Spanned<DurationMs>,
        /// Who is told.
        pub to: Vec<Spanned<Principal>>,
    }
}
