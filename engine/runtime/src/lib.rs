//! Making it happen: the store, the connectors, the driver. Decides nothing: the kernel does.

pub mod api;
pub mod connector;
pub mod fault;
pub mod keys;
pub mod local;
pub mod permit;
pub mod ports;
pub mod prepare;
pub mod secret;
pub mod secrets;
pub mod store;
