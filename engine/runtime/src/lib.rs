//! Making it happen: the store, the connectors, the driver. Decides nothing: the kernel does.

pub mod api;
pub mod backup;
mod bound;
pub mod connector;
mod driver;
pub mod engine;
pub mod evidence;
pub mod fault;
pub mod identity;
pub mod keys;
pub mod local;
pub mod machine;
mod open;
pub mod permit;
pub mod ports;
pub mod prepare;
mod prune;
mod recover;
pub mod secret;
pub mod secrets;
pub mod session;
pub mod specs;
pub mod store;
mod verify;
mod views;
pub mod workspace;
mod writer;
