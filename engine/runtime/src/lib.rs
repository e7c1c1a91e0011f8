//! Making it happen: the store, the connectors, the driver. Decides nothing: the kernel does.

pub mod api;
pub mod keys;
pub mod local;
pub mod store;
