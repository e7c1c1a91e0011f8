//! Ordain: making it happen. Store, connectors, driver.
