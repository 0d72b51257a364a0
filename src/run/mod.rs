//! The Run kind.

pub mod crd;
mod status;
