//! What is kept in the database of the servers' answers, also across restarts.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::servers::{Mood, Servers};
use super::{SECOND, prober, target};
use crate::federation::mirror::{Alive, Mirror};
use crate::ports::federated::{FederatedChange, FederatedStore};
use crate::ports::journal::JournalError;

/// What was kept, and how often.
#[derive(Default)]
struct Shelf {
    kept: Mutex<HashMap<String, String>>,
    writes: Mutex<usize>,
}

#[async_trait]
impl FederatedStore for Shelf {
    async fn kept(&self) -> Result<HashMap<String, String>, JournalError> {
        Ok(self.kept.lock().unwrap().clone())
    }

    async fn keep(&self, changes: Vec<FederatedChange>) -> Result<(), JournalError> {
        *self.writes.lock().unwrap() += 1;
        let mut kept = self.kept.lock().unwrap();
        for change in changes {
            match change {
                FederatedChange::Said { source, hash } => drop(kept.insert(source.endpoint_uid, hash)),
                FederatedChange::Gone { endpoint_uid } => drop(kept.remove(&endpoint_uid)),
            }
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_round_without_changes_keeps_nothing_also_not_after_a_restart() {
    let servers = Arc::new(Servers::default());
    let shelf = Arc::new(Shelf::default());
    let alive = || Arc::new(|| BTreeSet::from(["docs".to_owned()])) as Alive;
    let writes = || *shelf.writes.lock().unwrap();
    servers.put("docs", Mood::Well(1), 5);
    for expected in [1, 1] {
        let (prober, _news) = prober(&servers);
        let mut mirror = Mirror::new(shelf.clone(), alive());
        assert_eq!(
            mirror.look(prober.catalogue()).await.unwrap(),
            0,
            "nothing was heard yet, nothing is taken away"
        );
        prober.ask(target("docs"), None);
        tokio::time::sleep(2 * SECOND).await;
        mirror.look(prober.catalogue()).await.unwrap();
        tokio::time::sleep(100 * SECOND).await;
        mirror.look(prober.catalogue()).await.unwrap();
        assert_eq!(writes(), expected);
    }
    let (prober, _news) = prober(&servers);
    let mut mirror = Mirror::new(shelf.clone(), Arc::new(BTreeSet::new));
    assert_eq!(
        mirror.look(prober.catalogue()).await.unwrap(),
        1,
        "the endpoint is gone"
    );
    assert!(shelf.kept.lock().unwrap().is_empty());
}
