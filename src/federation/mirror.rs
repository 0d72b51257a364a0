//! Keeps what servers say for people to look at, in batches, and only what changed. No decision reads it back.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::catalogue::{Catalogue, Rows};
use super::target::{Copy, Target};
use crate::failpoint::sabotaged;
use crate::kernel::canonical::sha256;
use crate::kernel::moment::Moment;
use crate::ports::federated::{FederatedChange, FederatedRow, FederatedSource, FederatedStore};
use crate::ports::journal::JournalError;

/// Changes of so long are taken together.
const GATHER: Duration = Duration::from_secs(1);
/// How often it is looked without news: for endpoints that went while nobody watched, and after a failure.
const LOOK: Duration = Duration::from_secs(15);

/// The uids of the endpoints that there are.
pub type Alive = Arc<dyn Fn() -> BTreeSet<String> + Send + Sync>;

/// The mirror and what it knows to be kept.
pub struct Mirror {
    store: Arc<dyn FederatedStore>,
    alive: Alive,
    /// What is kept, as far as it is known: nothing before the first look.
    kept: Option<HashMap<String, String>>,
    /// What was compared last, so that the same list is not hashed again.
    compared: HashMap<String, (Arc<Rows>, Option<Moment>)>,
}

impl Mirror {
    /// A mirror into that store.
    pub fn new(store: Arc<dyn FederatedStore>, alive: Alive) -> Self {
        Self {
            store,
            alive,
            kept: None,
            compared: HashMap::new(),
        }
    }

    /// Works until stopped.
    pub async fn work(mut self, catalogue: Arc<Catalogue>, news: Arc<Notify>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look(&catalogue).await {
                warn!(%error, "what the documents' servers say is not mirrored; trying again soon");
                self.compared.clear();
                self.kept = None;
            }
            tokio::select! {
                () = news.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Compares once, and keeps what is new; how many endpoints were.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn look(&mut self, catalogue: &Catalogue) -> Result<usize, JournalError> {
        if self.kept.is_none() {
            self.kept = Some(self.store.kept().await?);
        }
        let alive = (self.alive)();
        let kept = self.kept.get_or_insert_default();
        let mut changes = Vec::new();
        for (target, known, rows) in catalogue.all() {
            let Some(facts) = &known.facts else { continue };
            let seen = (rows.clone(), facts.indexed_at);
            let same = self
                .compared
                .get(&target.uid)
                .is_some_and(|(before, at)| Arc::ptr_eq(before, &rows) && *at == facts.indexed_at);
            if same {
                continue;
            }
            self.compared.insert(target.uid.clone(), seen);
            let source = source(&target, facts.indexed_at, &rows);
            let words = |error| JournalError(format!("failed to write down what '{}' says: {error}", source.endpoint));
            let hash = sha256(serde_json::to_vec(&source).map_err(words)?);
            if kept.get(&target.uid) != Some(&hash) {
                changes.push(FederatedChange::Said { source, hash });
            }
        }
        let kept_on = sabotaged("sabotage.federation.never_forgets");
        let gone = kept.keys().filter(|uid| !alive.contains(*uid) && !kept_on).cloned();
        changes.extend(gone.map(|endpoint_uid| FederatedChange::Gone { endpoint_uid }));
        if changes.is_empty() {
            return Ok(0);
        }
        self.store.keep(changes.clone()).await?;
        for change in &changes {
            match change {
                FederatedChange::Said { source, hash } => drop(kept.insert(source.endpoint_uid.clone(), hash.clone())),
                FederatedChange::Gone { endpoint_uid } => {
                    kept.remove(endpoint_uid);
                    self.compared.remove(endpoint_uid);
                }
            }
        }
        Ok(changes.len())
    }
}

fn source(target: &Target, indexed_at: Option<Moment>, rows: &Rows) -> FederatedSource {
    let row = |(key, row): (&String, &super::catalogue::Row)| FederatedRow {
        ticket_key: key.clone(),
        ticket: row.ticket.clone(),
        title: row.title.clone(),
        status: row.status.clone(),
        topics: row.topics.clone(),
        updated_at_ms: row.updated_at.map(Moment::as_millis),
        twice: row.twice,
    };
    FederatedSource {
        endpoint_uid: target.uid.clone(),
        namespace: target.namespace.clone(),
        endpoint: target.name.clone(),
        kind: match target.copy {
            Copy::Repo => "Repo",
            Copy::Workspace => "Workspace",
        },
        repo: target.repo.clone(),
        home_url: target.home.clone(),
        run_uid: target.run_uid.clone(),
        indexed_at_ms: indexed_at.map(Moment::as_millis),
        rows: rows.iter().map(row).collect(),
    }
}
