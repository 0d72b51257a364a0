//! The handle that every writer asks: whether, and until when, we may write. Only the elector moves the deadline.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::kernel::outcome::Failure;

/// Whether we may write now. Cheap to clone and to ask.
#[derive(Clone, Debug, Default)]
pub struct Leadership(Arc<Mutex<Option<Instant>>>);

impl Leadership {
    pub(super) fn extend(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Until when we may write; `None` when not at all.
    pub fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asked before every write.
    ///
    /// # Errors
    /// [`Failure::Quiet`] when the Lease is not, or no longer, ours.
    pub fn check(&self) -> Result<(), Failure> {
        match self.until() {
            Some(until) if Instant::now() < until => Ok(()),
            _ => Err(Failure::Quiet("not the leader any more".to_owned())),
        }
    }
}
