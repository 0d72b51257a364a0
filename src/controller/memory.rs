//! What one process remembers of each object between passes. Losing it costs a repeated write, never a fact.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An old list may show an object that was let go for as long as the API server may be behind; it never is for so long.
const GHOSTS: Duration = Duration::from_mins(10);

/// A database that failed is left alone for so long: a locked one makes every try wait for seconds.
const REST: Duration = Duration::from_secs(4);

/// What is remembered of one object, by uid.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// The highest journal `seq` known to be in the database; 0 before the first success.
    pub recorded: i64,
    /// The resource version that the mirror was last given.
    pub mirrored: u64,
    /// The resource version of our own last write: older views are not acted on.
    pub written: u64,
    /// When that was; `None` where nothing was written, or the object was let go.
    pub written_at: Option<Instant>,
    /// The database holds other content for a `seq` of this object.
    pub forked: bool,
    /// Failures in a row, and the generation they belong to.
    pub failures: u32,
    pub failed_generation: i64,
}

/// The memory of one kind's driver.
#[derive(Debug, Default)]
pub struct Memory {
    objects: Mutex<HashMap<String, Remembered>>,
    released: Mutex<VecDeque<(Instant, String)>>,
    history_failed: Mutex<Option<Instant>>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered; the default for an unknown object.
    pub fn of(&self, uid: &str) -> Remembered {
        self.lock().get(uid).cloned().unwrap_or_default()
    }

    /// Whether anything is remembered of it.
    pub fn knows(&self, uid: &str) -> bool {
        self.lock().contains_key(uid)
    }

    /// Changes what is remembered.
    pub fn change<R>(&self, uid: &str, change: impl FnOnce(&mut Remembered) -> R) -> R {
        change(self.lock().entry(uid.to_owned()).or_default())
    }

    /// We wrote the object, and this is its version now.
    pub fn wrote(&self, uid: &str, version: u64) {
        self.change(uid, |m| {
            if version > m.written {
                (m.written, m.written_at) = (version, Some(Instant::now()));
            }
        });
    }

    /// History was recorded, or could not be.
    pub fn history(&self, works: bool) {
        let mut failed = self.history_failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed = (!works).then(Instant::now);
    }

    /// History failed a moment ago: it is not worth a try.
    pub fn history_rests(&self) -> bool {
        let failed = self.history_failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < REST)
    }

    /// The object's last pass went well.
    pub fn succeeded(&self, uid: &str) {
        if let Some(remembered) = self.lock().get_mut(uid) {
            remembered.failures = 0;
        }
    }

    /// We let the object go: whatever still shows it is too old to be acted on.
    pub fn released(&self, uid: &str) {
        self.release_at(uid, Instant::now());
    }

    fn release_at(&self, uid: &str, now: Instant) {
        let mut released = self.released.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((_, old)) = released.pop_front_if(|(at, _)| now.duration_since(*at) > GHOSTS) {
            self.forget(&old);
        }
        released.push_back((now, uid.to_owned()));
        let ghost = Remembered {
            written: u64::MAX,
            ..Remembered::default()
        };
        self.lock().insert(uid.to_owned(), ghost);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_was_let_go_is_not_acted_on_and_is_forgotten_in_time() {
        let (memory, start) = (Memory::default(), Instant::now());
        memory.release_at("one", start);
        assert!(version(Some("999999")) < memory.of("one").written);
        memory.release_at("two", start + GHOSTS / 2);
        assert_eq!(memory.of("one").written, u64::MAX);
        memory.release_at("three", start + GHOSTS + Duration::from_secs(1));
        assert_eq!((memory.of("one").written, memory.of("two").written), (0, u64::MAX));
    }
}
