//! Ordain: what a runbook means, from catalogue to plan.
