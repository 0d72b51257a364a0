//! Effects on real folders.
