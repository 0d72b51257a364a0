//! Which executions wait for a place and which have one. Pure bookkeeping: no files, no processes.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use crate::ports::executor::StepKey;
use crate::ports::secrets::StepSecrets;

/// An execution in the line. What it may use stays in memory until it starts.
#[derive(Debug)]
pub struct Waiting {
    pub path: PathBuf,
    pub key: StepKey,
    pub secrets: StepSecrets,
}

/// An execution that has a place.
#[derive(Clone, Debug)]
pub struct Running {
    pub key: StepKey,
    /// Whether its supervisor is our child; else its end is found by looking.
    pub ours: bool,
}

/// The executions of one controller process.
#[derive(Debug)]
pub struct Queue {
    places: usize,
    waiting: VecDeque<Waiting>,
    running: HashMap<PathBuf, Running>,
}

impl Queue {
    /// `places`: how many executions may run at once, at least one.
    pub fn new(places: usize) -> Self {
        Self {
            places: places.max(1),
            waiting: VecDeque::new(),
            running: HashMap::new(),
        }
    }

    /// Whether the execution waits or runs.
    pub fn knows(&self, path: &Path) -> bool {
        self.is_waiting(path) || self.running.contains_key(path)
    }

    /// Whether it waits for a place.
    pub fn is_waiting(&self, path: &Path) -> bool {
        self.waiting.iter().any(|waiting| waiting.path == path)
    }

    /// Lines up an execution.
    pub fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// Takes up one that an earlier controller started; it counts, even above the number of places.
    pub fn adopt(&mut self, path: PathBuf, key: StepKey) {
        self.running.insert(path, Running { key, ours: false });
    }

    /// Gives the next waiting one a place if one is free.
    pub fn next(&mut self) -> Option<Waiting> {
        if self.running.len() >= self.places {
            return None;
        }
        let next = self.waiting.pop_front()?;
        let key = next.key.clone();
        self.running.insert(next.path.clone(), Running { key, ours: true });
        Some(next)
    }

    /// Frees the place; whose it was.
    pub fn finish(&mut self, path: &Path) -> Option<StepKey> {
        self.running.remove(path).map(|running| running.key)
    }

    /// From now on its end is found by looking.
    pub fn disown(&mut self, path: &Path) {
        if let Some(running) = self.running.get_mut(path) {
            running.ours = false;
        }
    }

    /// Those whose end is found by looking.
    pub fn adopted(&self) -> Vec<PathBuf> {
        self.running
            .iter()
            .filter(|(_, running)| !running.ours)
            .map(|(path, _)| path.clone())
            .collect()
    }

    /// Takes the waiting ones of a run out of the line.
    pub fn withdraw(&mut self, run_uid: &str) -> Vec<PathBuf> {
        let of_run = |waiting: &Waiting| waiting.key.run_uid == run_uid;
        let (gone, kept): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(of_run);
        self.waiting = kept.into();
        gone.into_iter().map(|waiting| waiting.path).collect()
    }

    /// Whether anything of the run has a place.
    pub fn runs_any_of(&self, run_uid: &str) -> bool {
        self.running.values().any(|running| running.key.run_uid == run_uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::executor::StepName;

    fn key(run: &str) -> StepKey {
        let text = || run.to_owned();
        StepKey {
            namespace: text(),
            run: text(),
            run_uid: text(),
            workspace: text(),
            step: StepName::Seed,
            attempt: 1,
        }
    }

    fn waiting(name: &str) -> Waiting {
        Waiting {
            path: format!("/{name}").into(),
            key: key(name),
            secrets: StepSecrets::default(),
        }
    }

    #[test]
    fn places_are_given_in_order_and_adopted_ones_count() {
        let mut queue = Queue::new(2);
        queue.adopt("/old".into(), key("old"));
        for name in ["a", "b"] {
            queue.push(waiting(name));
        }
        assert_eq!(queue.next().map(|n| n.path), Some("/a".into()));
        assert_eq!(queue.next().map(|n| n.path), None);
        assert!(queue.is_waiting(Path::new("/b")) && queue.knows(Path::new("/old")));
        assert_eq!(queue.finish(Path::new("/old")).map(|k| k.run), Some("old".into()));
        assert_eq!(queue.next().map(|n| n.path), Some("/b".into()));
    }

    #[test]
    fn a_run_that_stops_leaves_the_line() {
        let mut queue = Queue::new(1);
        for name in ["a", "b"] {
            queue.push(waiting(name));
        }
        assert_eq!(queue.withdraw("a"), [PathBuf::from("/a")]);
        assert_eq!(queue.next().map(|n| n.path), Some("/b".into()));
        assert!(queue.runs_any_of("b") && !queue.runs_any_of("a"));
    }
}
