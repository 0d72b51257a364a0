//! Pure vocabulary shared by everything. May not touch: Kubernetes clients, databases, Redis, tokio, clocks, async.

pub mod actor;
pub mod address_rules;
pub mod canonical;
pub mod condition;
pub mod doc_url;
pub mod document_head;
pub mod envelope;
pub mod event;
pub mod finalizers;
pub mod journal;
pub mod ladder;
pub mod length;
pub mod moment;
pub mod outcome;
pub mod plan;
pub mod question;
pub mod repo_url;
pub mod request;
pub mod shown_text;
pub mod subject;
pub mod text_rules;
pub mod ticket;
pub mod written;
