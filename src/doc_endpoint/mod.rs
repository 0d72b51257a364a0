//! The DocEndpoint kind: one server of documents, asked at every interval what it knows and how fresh that is.

pub mod crd;
mod status;
