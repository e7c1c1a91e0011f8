//! Ordain: what must happen next in a run. Pure: no clock, no IO, no chance, ordered maps only; the same
//! journal gives the same state on every host.

pub mod actor;
pub mod approval;
pub mod archive;
pub mod audit;
pub mod budget;
pub mod decision;
pub mod evidence;
pub mod exemption;
pub mod export;
#[cfg(test)]
mod fixture;
pub mod health;
pub mod idempotency;
pub mod ids;
pub mod kill;
pub mod lock;
pub mod log;
pub mod mock;
pub mod quota;
pub mod realm;
pub mod reason;
pub mod regress;
pub mod rehearsal;
pub mod replay;
pub mod report;
pub mod retention;
pub mod run;
pub mod sensitivity;
pub mod value;
pub mod view;
pub mod window;
pub mod world;
