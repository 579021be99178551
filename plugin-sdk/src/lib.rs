//! Nova: what a page imports.
