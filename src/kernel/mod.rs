//! Pure vocabulary shared by everything. May not touch: Kubernetes clients, databases, Redis, tokio, clocks, async.

pub mod actor;
pub mod canonical;
pub mod event;
pub mod journal;
pub mod moment;
pub mod repo_url;
pub mod subject;
