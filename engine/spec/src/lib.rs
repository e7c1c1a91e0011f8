//! Ordain: what is declared, from text to a checked catalogue.
