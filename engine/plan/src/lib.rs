//! What a runbook means: from a checked catalogue to a plan.
//!
//! A [`Plan`] leaves nothing open but data: every reference is resolved, every default applied, every
//! approval that the capability or the step names is merged, every way back is found. Pure: no clock,
//! no environment, no files. Nothing here decides anything; that is the kernel's business.

mod bounds;
pub mod compile;
pub mod connection;
mod digest;
pub mod flow;
mod gate;
mod graph;
mod ground;
pub mod model;
pub mod render;
mod words;

pub use compile::{Uncompilable, compile, compile_flow, compile_notice, compile_unwritten, stands_on};
pub use connection::{Grants, Ungranted, missing_connections};
pub use ground::Grounds;
pub use model::{
    Action, Body, Gate, GateSource, Need, Plan, PlanStep, ResolvedConnection, StepSet, Undo, WorstCase,
};
