//! Lets Runs in one at a time: the picture that a decision was made on may be a moment old, so the turn is asked for
//! once more where nobody can come between. Holds who was let in; decides nothing itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use kube::runtime::reflector::Store;

use super::crd::Run;
use super::queue::{LetIn, Line, Turn, contender};
use crate::controller::memory::version;
use crate::controller::runner::Guarded;

/// How long a Run that was let in counts before its acceptance is seen: longer than a status write and its way back
/// through the watch, short enough that one whose passes fail does not keep others waiting for long.
const MEMORY: Duration = Duration::from_mins(1);

/// The door to being active.
pub struct Turnstile {
    /// How many Runs may be active at once; 0: any number.
    most: usize,
    runs: Store<Guarded<Run>>,
    let_in: Mutex<HashMap<String, (u64, Instant)>>,
}

impl Turnstile {
    /// A door to `most` places for the Runs of that cache.
    pub fn new(most: usize, runs: Store<Guarded<Run>>) -> Self {
        Self {
            most,
            runs,
            let_in: Mutex::default(),
        }
    }

    /// The line as it is now.
    pub fn line(&self) -> Line {
        self.picture(&mut self.let_in.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets the Run in if it is still its turn; whether it was.
    pub fn enter(&self, run: &Run) -> bool {
        let mut let_in = self.let_in.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = run.uid().unwrap_or_default();
        if self.picture(&mut let_in).turn(&uid) != Turn::Go {
            return false;
        }
        let_in.insert(uid, (version(run.metadata.resource_version.as_deref()), Instant::now()));
        true
    }

    fn picture(&self, let_in: &mut HashMap<String, (u64, Instant)>) -> Line {
        if self.most == 0 {
            return Line::default();
        }
        let_in.retain(|_, (_, at)| at.elapsed() < MEMORY);
        let runs = self.runs.state();
        let readable = runs.iter().filter_map(|run| run.0.as_ref().ok());
        let contenders = readable.map(|run| contender(run, version(run.metadata.resource_version.as_deref())));
        Line {
            most: self.most,
            contenders: contenders.collect(),
            let_in: let_in
                .iter()
                .map(|(uid, (seen, _))| (uid.clone(), *seen))
                .collect::<LetIn>(),
        }
    }
}
