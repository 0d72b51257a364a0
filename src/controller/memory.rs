//! What one process remembers of each object between passes. Losing it costs a repeated write, never a fact.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is remembered of one object, by uid.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// The highest journal `seq` known to be in the database; 0 before the first success.
    pub recorded: i64,
    /// The resource version that the mirror was last given.
    pub mirrored: u64,
    /// The resource version of our own last write: older views are not acted on.
    pub written: u64,
    /// The database holds other content for a `seq` of this object.
    pub forked: bool,
    /// Failures in a row, and the generation they belong to.
    pub failures: u32,
    pub failed_generation: i64,
}

/// The memory of one kind's driver.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<String, Remembered>>);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered; the default for an unknown object.
    pub fn of(&self, uid: &str) -> Remembered {
        self.lock().get(uid).cloned().unwrap_or_default()
    }

    /// Changes what is remembered.
    pub fn change<R>(&self, uid: &str, change: impl FnOnce(&mut Remembered) -> R) -> R {
        change(self.lock().entry(uid.to_owned()).or_default())
    }

    /// The object's last pass went well.
    pub fn succeeded(&self, uid: &str) {
        if let Some(remembered) = self.lock().get_mut(uid) {
            remembered.failures = 0;
        }
    }

    /// The object is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }
}

/// A resource version as a number; 0 where it is none (it never is, on a real API server).
pub fn version(resource_version: Option<&str>) -> u64 {
    resource_version.and_then(|v| v.parse().ok()).unwrap_or(0)
}
