//! The client for docmgr's HTTP API. Reads, and asks for a refresh; writes nothing else, and decides nothing about what it
//! reads.

mod failure;
pub mod guard;
mod listing;
mod pages;
mod road;
mod rows;
mod wire;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde::de::DeserializeOwned;

use self::failure::{concealed, good_body, problem, unreadable};
use self::guard::{Guard, Lookup, SystemLookup};
use self::road::{Asked, Road};
use self::wire::{RefreshAnswer, StatusAnswer, instant};
use crate::kernel::address_rules::AddressRules;
use crate::kernel::shown_text::one_line;
use crate::ports::doc_source::{
    DocServer, DocSource, DocSourceCode, DocSourceError, Refreshed, ServerStatus, TicketList,
};

/// Characters of a server's path that are kept.
const PATH: usize = 1024;

/// What one server may give us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocsLimits {
    /// Bytes of one answer.
    pub max_answer_bytes: usize,
    /// Tickets of one server.
    pub max_tickets: usize,
}

/// The client.
pub struct Docmgr {
    road: Road,
    limits: DocsLimits,
}

impl Docmgr {
    /// A client that connects to what the rules and the executor list, and nowhere else.
    ///
    /// # Errors
    /// No TLS provider is installed.
    pub fn new(rules: AddressRules, limits: DocsLimits) -> anyhow::Result<Self> {
        Self::with_lookup(rules, limits, Arc::new(SystemLookup))
    }

    /// As [`Self::new`], with names resolved by `lookup`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_lookup(rules: AddressRules, limits: DocsLimits, lookup: Arc<dyn Lookup>) -> anyhow::Result<Self> {
        let road = Road::new(Guard::new(rules, lookup), limits.max_answer_bytes)?;
        Ok(Self { road, limits })
    }

    async fn json<T: DeserializeOwned>(&self, server: &DocServer, asked: Asked<'_>) -> Result<T, DocSourceError> {
        let body = good_body(self.road.ask(server, asked).await?, asked.route)?;
        serde_json::from_slice(&body).map_err(|why| unreadable(asked.route, &why))
    }

    async fn ask_status(&self, server: &DocServer) -> Result<ServerStatus, DocSourceError> {
        let asked = Asked {
            method: &Method::GET,
            route: "workspace/status",
            query: &[],
        };
        let answer: StatusAnswer = self.json(server, asked).await?;
        let indexed_at = instant(&answer.indexed_at).map_err(|_| no_time("workspace/status"))?;
        Ok(ServerStatus {
            root: one_line(&answer.root, PATH),
            repo_root: one_line(&answer.repo_root, PATH),
            indexed_at,
            docs_indexed: answer.docs_indexed,
            full_text: answer.fts_available,
        })
    }

    async fn ask_refresh(&self, server: &DocServer) -> Result<Refreshed, DocSourceError> {
        let asked = Asked {
            method: &Method::POST,
            route: "index/refresh",
            query: &[],
        };
        let answer: RefreshAnswer = self.json(server, asked).await?;
        match instant(&answer.indexed_at) {
            Ok(Some(indexed_at)) if answer.refreshed => Ok(Refreshed {
                indexed_at,
                docs_indexed: answer.docs_indexed,
            }),
            _ => Err(no_time("index/refresh")),
        }
    }
}

#[async_trait]
impl DocSource for Docmgr {
    async fn status(&self, server: &DocServer, within: Duration) -> Result<ServerStatus, DocSourceError> {
        in_time(server, within, self.ask_status(server)).await
    }

    async fn tickets(&self, server: &DocServer, within: Duration) -> Result<TicketList, DocSourceError> {
        in_time(server, within, listing::tickets(self, server)).await
    }

    async fn refresh(&self, server: &DocServer, within: Duration) -> Result<Refreshed, DocSourceError> {
        in_time(server, within, self.ask_refresh(server)).await
    }
}

/// Ends a call when its time is over, whatever it waits for; nothing of it goes on.
async fn in_time<T>(
    server: &DocServer,
    within: Duration,
    call: impl Future<Output = Result<T, DocSourceError>> + Send,
) -> Result<T, DocSourceError> {
    let ended = tokio::time::timeout(within, call).await;
    let ended = ended.unwrap_or_else(|_| {
        let why = format!("no whole answer within {within:?}: is the server overloaded? spec.timeout can be raised");
        Err(problem(DocSourceCode::TimedOut, why))
    });
    ended.map_err(|error| concealed(server, error))
}

fn no_time(what: &str) -> DocSourceError {
    let why = format!("its answer to {what} does not say when its index was built: what is there is not docmgr");
    problem(DocSourceCode::NotDocmgr, why)
}
