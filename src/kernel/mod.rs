//! Pure vocabulary shared by everything. May not touch: Kubernetes clients, databases, Redis, tokio, clocks, async.

pub mod actor;
pub mod canonical;
pub mod envelope;
pub mod event;
pub mod journal;
pub mod moment;
pub mod subject;
