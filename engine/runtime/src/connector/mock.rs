//! The guard before connectors of type `mock`: their answers are the kernel's, never a live call's.

use crate::ports::{FaultKind, RawReply};

/// The reply to a live call of something that only has declared answers.
#[must_use]
pub fn refuse() -> RawReply {
    RawReply::unsent(FaultKind::Mode, "a connector of type `mock` has declared answers only")
}
