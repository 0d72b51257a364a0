//! Holds the index and brings it up to date: one build at a time, and a caller never gets one that began before it
//! asked. A build that fails leaves the index as it is.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::index::Index;
use super::place::Place;

/// What came of a build.
pub type Built = Result<Arc<Index>, String>;

/// The index on its shelf.
pub struct Shelf {
    pub place: Place,
    index: RwLock<Arc<Index>>,
    /// How many builds were begun.
    begun: AtomicU64,
    turn: tokio::sync::Mutex<()>,
    last: Mutex<Option<(u64, Built)>>,
}

impl Shelf {
    /// Builds the first index.
    ///
    /// # Errors
    /// The tree cannot be read.
    pub fn open(place: Place) -> io::Result<Arc<Self>> {
        let index = RwLock::new(Arc::new(Index::build(&place)?));
        Ok(Arc::new(Self {
            place,
            index,
            begun: AtomicU64::new(0),
            turn: tokio::sync::Mutex::default(),
            last: Mutex::default(),
        }))
    }

    /// The index as it is.
    pub fn index(&self) -> Arc<Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many builds there were since the first.
    pub fn builds(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// A build that begins after this call: its own, or one that others wait for too. Goes on if the caller gives up.
    ///
    /// # Errors
    /// The tree cannot be read.
    pub async fn refresh(self: &Arc<Self>) -> Built {
        tokio::spawn(self.clone().take_turn())
            .await
            .unwrap_or_else(|error| Err(format!("the refresh failed: {error}")))
    }

    async fn take_turn(self: Arc<Self>) -> Built {
        let wanted = self.builds() + 1;
        let _turn = self.turn.lock().await;
        if let Some((number, built)) = &*self.last.lock().unwrap_or_else(PoisonError::into_inner)
            && *number >= wanted
        {
            return built.clone();
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let place = self.place.clone();
        let built = tokio::task::spawn_blocking(move || Index::build(&place)).await;
        let built = match built {
            Ok(Ok(index)) => Ok(Arc::new(index)),
            Ok(Err(error)) => Err(format!(
                "walk documents for ingest: {}: {error}",
                self.place.root.display()
            )),
            Err(error) => Err(format!("walk documents for ingest: {error}")),
        };
        if let Ok(index) = &built {
            *self.index.write().unwrap_or_else(PoisonError::into_inner) = index.clone();
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, built.clone()));
        built
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(root: &std::path::Path) -> Arc<Shelf> {
        Shelf::open(Place::find(root, root).unwrap()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_burst_of_refreshes_joins_and_everybody_sees_what_was_there_when_asking() {
        let scratch = tempfile::tempdir().unwrap();
        let shelf = shelf(scratch.path());
        std::fs::write(scratch.path().join("a.md"), "# a\n").unwrap();
        let burst = (0..200).map(|_| shelf.refresh());
        for built in futures::future::join_all(burst).await {
            assert_eq!(built.unwrap().counted, 1);
        }
        assert!(shelf.builds() < 100, "200 callers, {} builds", shelf.builds());
        assert_eq!(shelf.index().counted, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_refresh_that_fails_keeps_the_index() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("ttmp");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("a.md"), "# a\n").unwrap();
        let shelf = shelf(&root);
        let before = shelf.index().indexed_at;
        std::fs::rename(&root, scratch.path().join("away")).unwrap();
        assert!(shelf.refresh().await.unwrap_err().contains("ttmp"));
        assert_eq!((shelf.index().counted, shelf.index().indexed_at), (1, before));
        std::fs::rename(scratch.path().join("away"), &root).unwrap();
        assert!(shelf.refresh().await.unwrap().indexed_at > before);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_caller_that_gives_up_leaves_the_build_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let shelf = shelf(scratch.path());
        let patience = std::time::Duration::ZERO;
        let _ = tokio::time::timeout(patience, shelf.refresh()).await;
        let later = shelf.refresh().await.unwrap();
        assert_eq!(shelf.index().indexed_at, later.indexed_at);
    }
}
