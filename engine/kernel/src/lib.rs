//! Ordain: what must happen next in a run. Pure.
