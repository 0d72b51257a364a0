//! Whether every kind's cache is complete. Passes wait for all of them: what one kind lacks in its cache would look
//! to another as if it did not exist. Decides nothing else.
//!
//! kube's own `Store::wait_until_ready` keeps one waker only: a second waiter takes the driver's wake-up away.

use tokio::sync::watch;

/// Counts the caches that are complete.
#[derive(Clone, Debug)]
pub struct Caches {
    missing: watch::Sender<usize>,
}

impl Caches {
    /// So many caches are to be filled.
    pub fn new(kinds: usize) -> Self {
        Self {
            missing: watch::Sender::new(kinds),
        }
    }

    /// One more is complete. To be called once for each.
    pub fn filled(&self) {
        self.missing.send_modify(|n| *n = n.saturating_sub(1));
    }

    /// Whether all are.
    pub fn are_complete(&self) -> bool {
        *self.missing.borrow() == 0
    }

    /// Waits until all are.
    pub async fn complete(&self) {
        // The sender is ours, so waiting cannot fail.
        let _ = self.missing.subscribe().wait_for(|n| *n == 0).await;
    }
}
