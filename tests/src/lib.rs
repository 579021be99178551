//! End-to-end tests: real processes, real libraries, real sockets.
