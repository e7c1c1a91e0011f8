//! Tests of values against their declaration.
