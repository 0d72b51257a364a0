//! A house to keep: real folders, a clock that is told, and a list of who is alive.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::housekeeping::found::Living;
use crate::housekeeping::judge::Retention;
use crate::housekeeping::metrics::HousekeepingMetrics;
use crate::housekeeping::{Housekeeper, HousekeepingSettings, Places};
use crate::kernel::moment::Moment;
use crate::ports::clock::Clock;
use crate::ports::executor::{Executor, ExecutorError, StepEnded, StepKey, StepState};
use crate::ports::secrets::StepSecrets;

pub struct House {
    scratch: tempfile::TempDir,
    pub places: Places,
    pub clock: Arc<Told>,
    pub living: Arc<Mutex<Living>>,
    pub metrics: HousekeepingMetrics,
}

/// A clock that says what it was told.
pub struct Told(Mutex<Moment>);

impl Clock for Told {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }
}

/// Only forgets, and nothing is there to forget.
pub struct Forgetful;

#[async_trait]
impl Executor for Forgetful {
    async fn start(&self, _: &StepKey, _: &Value, _: &StepSecrets) -> Result<(), ExecutorError> {
        Ok(())
    }
    async fn look(&self, _: &StepKey) -> Result<StepState, ExecutorError> {
        Ok(StepState::NotStarted)
    }
    async fn forget(&self, _: &StepKey) -> Result<(), ExecutorError> {
        Ok(())
    }
    async fn stop_run(&self, _: &str) -> Result<(), ExecutorError> {
        Ok(())
    }
    async fn forget_run(&self, _: &str) -> Result<(), ExecutorError> {
        Ok(())
    }
    async fn next_ended(&self) -> StepEnded {
        std::future::pending().await
    }
}

impl House {
    pub fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        let places = Places {
            workspaces: root.join("workspaces"),
            caches: root.join("cache"),
            steps: root.join("steps"),
            ledger: root.join("unneeded.json"),
            namespace: None,
        };
        for folder in [&places.workspaces, &places.caches, &places.steps] {
            fs::create_dir_all(folder).unwrap();
        }
        Self {
            scratch,
            places,
            clock: Arc::new(Told(Mutex::new("2026-11-21T08:00:00Z".parse().unwrap()))),
            living: Arc::default(),
            metrics: HousekeepingMetrics::default(),
        }
    }

    pub fn outside(&self) -> PathBuf {
        let outside = self.scratch.path().join("outside");
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("precious"), "p").unwrap();
        outside
    }

    /// `team/<run>/<ticket>`, ours.
    pub fn workspace(&self, run: &str, ticket: &str, owner: &str) -> PathBuf {
        let path = self.places.workspaces.join("team").join(run).join(ticket);
        self.mark(&path, owner);
        path
    }

    pub fn mark(&self, path: &Path, owner: &str) {
        fs::create_dir_all(path.join(".metawsm")).unwrap();
        fs::create_dir_all(path.join("docs/.git")).unwrap();
        fs::write(path.join("docs/file"), "f").unwrap();
        fs::write(path.join(".metawsm/owner"), owner).unwrap();
    }

    pub fn live(&self, uid: &str) {
        self.living.lock().unwrap().runs.insert(uid.to_owned());
    }

    pub fn days_pass(&self, days: u32) {
        let mut now = self.clock.0.lock().unwrap();
        *now = now.plus(Duration::from_hours(24) * days);
    }

    /// A housekeeper as after a start.
    pub fn housekeeper(&self) -> Housekeeper {
        let settings = HousekeepingSettings {
            places: self.places.clone(),
            interval: Duration::from_hours(1),
            retention: Retention {
                orphans: Duration::from_hours(14 * 24),
                caches: Duration::from_hours(7 * 24),
            },
        };
        let living = self.living.clone();
        let census = Arc::new(move || living.lock().unwrap().clone());
        Housekeeper::new(
            settings,
            census,
            Arc::new(Forgetful),
            self.clock.clone(),
            self.metrics.clone(),
        )
    }

    /// A round of a housekeeper that was just started; whose steps are to be forgotten.
    pub fn round(&self) -> Vec<String> {
        let doomed = self.housekeeper().round();
        assert_eq!(self.metrics.failures.get(), 0, "the round went well");
        doomed
    }

    /// Seen now, and again when it is old.
    pub fn grow_old(&self) -> Vec<String> {
        self.round();
        self.days_pass(15);
        self.round()
    }

    /// Everything below the workspaces' root.
    pub fn there(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.places.workspaces)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}
