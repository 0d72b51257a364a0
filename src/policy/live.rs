//! Keeps the policy in step with its file while the controller runs. A file that is wrong changes nothing: the last good
//! one holds, also after a restart, from a copy beside the database. May not judge what a policy says.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Policy;
use super::file::{LIMIT, read};
use super::metrics::{PolicyMetrics, ReloadLabels};
use crate::kernel::canonical::sha256;

/// How often the file is looked at. Its content is compared, so that a swapped symbolic link (a mounted ConfigMap), a
/// rename and a write in place are all seen, whatever times they carry.
const LOOK: Duration = Duration::from_secs(1);

/// The policy that holds now.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    pub policy: Arc<Policy>,
    /// A hash of the text that it was read from; `None` where there is no file.
    pub revision: Option<String>,
    /// Why the file is not what holds; `None` where it is.
    pub problem: Option<String>,
}

/// A policy file under watch.
pub struct LivePolicy {
    path: Option<PathBuf>,
    /// A copy of the last good text.
    last_good: PathBuf,
    /// What was judged last, and what was seen since without being judged.
    judged: Option<String>,
    unsettled: Option<String>,
    in_force: watch::Sender<InForce>,
    metrics: PolicyMetrics,
}

impl LivePolicy {
    /// Takes the file's policy; the usual one where there is no file.
    ///
    /// # Errors
    /// The file is missing or wrong, and there is no copy of a good one from before.
    pub fn open(path: Option<PathBuf>, last_good: PathBuf, metrics: PolicyMetrics) -> anyhow::Result<Self> {
        let mut live = Self {
            path,
            last_good,
            judged: None,
            unsettled: None,
            in_force: watch::Sender::default(),
            metrics,
        };
        live.metrics.valid.set(1);
        let Some(path) = live.path.clone() else {
            return Ok(live);
        };
        let text = contents(&path);
        if let Err(problem) = live.judge(&text) {
            let kept = contents(&live.last_good)
                .ok()
                .and_then(|text| Some((read(&text).ok()?, sha256(&text))));
            let (kept, revision) = kept.with_context(|| {
                format!(
                    "{problem}; correct it ('metawsm policy check {}') or start without --policy",
                    path.display()
                )
            })?;
            live.in_force.send_modify(|now| {
                now.policy = Arc::new(kept);
                now.revision = Some(revision);
            });
        }
        Ok(live)
    }

    /// Where the policy can be read at any time.
    pub fn reader(&self) -> watch::Receiver<InForce> {
        self.in_force.subscribe()
    }

    /// Looks at the file again and again.
    pub async fn watch(mut self, stop: CancellationToken) {
        let Some(path) = self.path.clone() else {
            return stop.cancelled().await;
        };
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            let path = path.clone();
            match tokio::task::spawn_blocking(move || contents(&path)).await {
                Ok(text) => self.seen(&text),
                Err(error) => warn!(%error, "the policy file could not be looked at"),
            }
        }
    }

    /// A text is judged once it was seen twice: a file that is being written may be half there.
    fn seen(&mut self, text: &io::Result<String>) {
        let key = key(text);
        if self.judged.as_ref() == Some(&key) {
            self.unsettled = None;
            return;
        }
        if self.unsettled.as_ref() != Some(&key) {
            self.unsettled = Some(key);
            return;
        }
        self.unsettled = None;
        let _ = self.judge(text);
    }

    fn judge(&mut self, text: &io::Result<String>) -> Result<(), String> {
        self.judged = Some(key(text));
        let shown = self
            .path
            .as_deref()
            .map(|p| p.display().to_string())
            .unwrap_or_default();
        let policy = match text {
            Ok(text) => read(text).map_err(|error| format!("policy file '{shown}': {error}")),
            Err(error) => Err(format!("failed to read policy file '{shown}': {error}")),
        };
        let result = if policy.is_ok() { "taken" } else { "refused" };
        self.metrics.reloads.get_or_create(&ReloadLabels { result }).inc();
        self.metrics.valid.set(i64::from(policy.is_ok()));
        match policy {
            Ok(policy) => {
                self.keep(text.as_deref().unwrap_or_default());
                let idle = policy.without_effect();
                if !idle.is_empty() {
                    warn!(
                        keys = idle.join(", "),
                        "the policy sets what has no effect in this version"
                    );
                }
                info!(file = shown, "policy taken");
                self.in_force.send_replace(InForce {
                    policy: Arc::new(policy),
                    revision: text.as_deref().ok().map(sha256),
                    problem: None,
                });
                Ok(())
            }
            Err(problem) => {
                warn!(problem, "policy refused; the last good one holds");
                self.in_force.send_modify(|now| now.problem = Some(problem.clone()));
                Err(problem)
            }
        }
    }

    /// A copy for the next start, by rename, so that it is whole or not there.
    fn keep(&self, text: &str) {
        let fresh = self.last_good.with_extension("new");
        let kept = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &self.last_good));
        if let Err(error) = kept {
            warn!(%error, "no copy of the policy could be kept for the next start");
        }
    }
}

fn key(text: &io::Result<String>) -> String {
    match text {
        Ok(text) => sha256(text),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// The file's text; one byte more than is allowed is enough to refuse it.
pub fn contents(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let most = u64::try_from(LIMIT + 1).unwrap_or(u64::MAX);
    File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "sla: {levels: [10m]}\n";
    const OTHER: &str = "sla: {levels: [20m]}\n";
    const WRONG: &str = "sla: {levels: [soon]}\n";

    struct House {
        folder: tempfile::TempDir,
    }

    impl House {
        fn new(text: &str) -> Self {
            let house = Self {
                folder: tempfile::tempdir().unwrap(),
            };
            fs::write(house.file(), text).unwrap();
            house
        }
        fn file(&self) -> PathBuf {
            self.folder.path().join("policy.yaml")
        }
        fn open(&self) -> anyhow::Result<LivePolicy> {
            let kept = self.folder.path().join("kept.yaml");
            LivePolicy::open(Some(self.file()), kept, PolicyMetrics::default())
        }
    }

    fn minutes(live: &LivePolicy) -> u64 {
        live.in_force.borrow().policy.sla.new.normal.rungs()[0].as_secs() / 60
    }

    fn look(live: &mut LivePolicy, house: &House) {
        live.seen(&contents(&house.file()));
    }

    #[test]
    fn a_change_holds_once_it_was_seen_twice() {
        let house = House::new(GOOD);
        let mut live = house.open().unwrap();
        assert_eq!(minutes(&live), 10);
        fs::write(house.file(), OTHER).unwrap();
        look(&mut live, &house);
        assert_eq!(minutes(&live), 10, "it may still be being written");
        look(&mut live, &house);
        assert_eq!(minutes(&live), 20);
    }

    #[test]
    fn a_link_that_is_swapped_is_a_change() {
        let house = House::new("");
        let at = |name: &str| house.folder.path().join(name);
        fs::write(at("one"), GOOD).unwrap();
        fs::write(at("two"), OTHER).unwrap();
        fs::remove_file(house.file()).unwrap();
        std::os::unix::fs::symlink(at("one"), house.file()).unwrap();
        let mut live = house.open().unwrap();
        std::os::unix::fs::symlink(at("two"), at("new")).unwrap();
        fs::rename(at("new"), house.file()).unwrap();
        look(&mut live, &house);
        look(&mut live, &house);
        assert_eq!(minutes(&live), 20);
    }

    #[test]
    fn a_wrong_file_changes_nothing_and_is_told_and_a_right_one_ends_that() {
        let house = House::new(GOOD);
        let mut live = house.open().unwrap();
        fs::write(house.file(), WRONG).unwrap();
        look(&mut live, &house);
        look(&mut live, &house);
        assert_eq!(minutes(&live), 10);
        let problem = live.in_force.borrow().problem.clone().unwrap();
        assert!(
            problem.contains("line 1") && problem.contains("sla.levels[0]"),
            "{problem}"
        );
        assert_eq!(live.metrics.valid.get(), 0);
        fs::remove_file(house.file()).unwrap();
        look(&mut live, &house);
        look(&mut live, &house);
        assert!(
            live.in_force
                .borrow()
                .problem
                .clone()
                .unwrap()
                .contains("failed to read")
        );
        fs::write(house.file(), OTHER).unwrap();
        look(&mut live, &house);
        look(&mut live, &house);
        assert_eq!((minutes(&live), live.in_force.borrow().problem.clone()), (20, None));
        assert_eq!(live.metrics.valid.get(), 1);
    }

    #[test]
    fn after_a_restart_the_last_good_one_holds_and_without_one_nothing_starts() {
        let house = House::new(GOOD);
        drop(house.open().unwrap());
        fs::write(house.file(), WRONG).unwrap();
        let live = house.open().unwrap();
        assert_eq!(minutes(&live), 10);
        assert!(live.in_force.borrow().problem.is_some());
        let Err(refused) = House::new(WRONG).open() else {
            panic!("nothing good was ever there")
        };
        assert!(refused.to_string().contains("metawsm policy check"), "{refused}");
    }
}
