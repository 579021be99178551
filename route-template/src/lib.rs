//! From a folder of pages to a compiled route library.
