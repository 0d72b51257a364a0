//! Runs steps as processes on this machine, each under `metawsm supervise` in a folder of its own. What it reports is
//! read from those folders, so a controller that was restarted finds everything again. Decides nothing about steps.

mod folder;
mod places;
mod queue;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use self::folder::{
    Seen, all_below, bury, is_plain, key_of, killed, path_of, progress, remove, see, state_of, take_back, withdraw,
};
use self::places::Places;
use self::queue::Waiting;
use crate::adapters::disk;
use crate::adapters::known_runs::KnownRuns;
use crate::adapters::nofollow::Folder;
use crate::failpoint::fallible;
use crate::ports::executor::{Executor, ExecutorError, StepEnded, StepKey, StepState};
use crate::ports::secrets::StepSecrets;
use crate::ports::step_folder as files;

/// How long a step may take to end by itself after it was asked to.
const GRACE: Duration = Duration::from_secs(10);
/// How long it may take to be gone after it was killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the end is looked for meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

/// The executor of one machine.
pub struct LocalExecutor {
    places: Arc<Places>,
    ended: Mutex<mpsc::UnboundedReceiver<StepEnded>>,
    _watch: AbortOnDropHandle<()>,
}

impl LocalExecutor {
    /// `data`: the controller's data folder. `program`: this program (`/proc/self/exe`). `limit`: steps at once.
    /// Takes up what an earlier controller left running. Needs a tokio runtime.
    pub fn open(data: &Path, program: PathBuf, limit: usize) -> io::Result<Self> {
        let root = data.join("steps");
        std::fs::create_dir_all(&root)?;
        let (sender, ended) = mpsc::unbounded_channel();
        let root = root.canonicalize()?;
        let steps = all_below(&root, 3);
        let known = KnownRuns::of(&steps, 2)?;
        let places = Arc::new(Places::new(root, known, program, limit, sender));
        for path in steps {
            match (see(&path)?, key_of(&path)) {
                (Seen::Running { .. }, Some(key)) => places.queue().adopt(path, key),
                (Seen::Unstarted { .. } | Seen::Vanished { .. } | Seen::Ended { .. }, _) => take_back(&path)?,
                (Seen::Running { .. } | Seen::Absent, _) => {}
            }
        }
        let watch = AbortOnDropHandle::new(tokio::spawn(places.clone().watch_adopted()));
        Ok(Self {
            places,
            ended: Mutex::new(ended),
            _watch: watch,
        })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce(&Arc<Places>) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ExecutorError> {
        let places = self.places.clone();
        let done = tokio::task::spawn_blocking(move || work(&places)).await;
        let failed = |why: String| ExecutorError {
            what: what.to_owned(),
            why,
        };
        done.map_err(|e| failed(e.to_string()))?
            .map_err(|e| failed(e.to_string()))
    }

    /// Whether nothing of the run is alive within `patience`; `signal` goes to every supervisor at each look.
    async fn gone_within(&self, run_uid: &str, patience: Duration, signal: Signal) -> Result<bool, ExecutorError> {
        let deadline = Instant::now() + patience;
        loop {
            let uid = run_uid.to_owned();
            let alive = self
                .blocking("stop a run's steps", move |places| signal_all(places, &uid, signal))
                .await?;
            if !alive {
                return Ok(true);
            }
            if Instant::now() > deadline {
                return Ok(false);
            }
            tokio::time::sleep(GLANCE).await;
        }
    }
}

#[async_trait]
impl Executor for LocalExecutor {
    async fn start(&self, key: &StepKey, plan: &Value, secrets: &StepSecrets) -> Result<(), ExecutorError> {
        let (key, plan, secrets) = (key.clone(), plan.clone(), secrets.clone());
        self.blocking("start a step", move |places| start(places, key, &plan, secrets))
            .await
    }

    async fn look(&self, key: &StepKey) -> Result<StepState, ExecutorError> {
        if is_plain(&key.run_uid) && !self.places.known.may_have(&key.run_uid) {
            return Ok(StepState::NotStarted);
        }
        let key = key.clone();
        self.blocking("look at a step", move |places| look(places, &key)).await
    }

    async fn forget(&self, key: &StepKey) -> Result<(), ExecutorError> {
        let key = key.clone();
        self.blocking("forget a step", move |places| {
            let path = path_of(&places.root, &key)?;
            let queue = places.queue();
            match see(&path)? {
                Seen::Ended { .. } => remove(&path),
                Seen::Unstarted { .. } if !queue.knows(&path) => remove(&path),
                Seen::Absent | Seen::Unstarted { .. } | Seen::Running { .. } | Seen::Vanished { .. } => Ok(()),
            }
        })
        .await
    }

    async fn stop_run(&self, run_uid: &str) -> Result<(), ExecutorError> {
        let gone = self.gone_within(run_uid, GRACE, Signal::TERM).await?
            || self.gone_within(run_uid, PATIENCE, Signal::KILL).await?;
        if gone {
            return Ok(());
        }
        Err(ExecutorError {
            what: "stop a run's steps".to_owned(),
            why: "some are still alive".to_owned(),
        })
    }

    async fn forget_run(&self, run_uid: &str) -> Result<(), ExecutorError> {
        self.stop_run(run_uid).await?;
        let uid = run_uid.to_owned();
        self.blocking("forget a run's steps", move |places| {
            remove(&places.root.join(&uid))?;
            places.known.remove(&uid);
            Ok(())
        })
        .await
    }

    async fn free_bytes(&self, below: &Path) -> Result<Option<u64>, ExecutorError> {
        let below = below.to_owned();
        self.blocking("see how much room is left", move |_| disk::free_bytes(&below).map(Some))
            .await
    }

    async fn next_ended(&self) -> StepEnded {
        match self.ended.lock().await.recv().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }
}

fn start(places: &Arc<Places>, key: StepKey, plan: &Value, secrets: StepSecrets) -> io::Result<()> {
    let path = path_of(&places.root, &key)?;
    {
        // Also where somebody else made its folder since we looked which there are.
        places.known.add(&key.run_uid);
        let _alone = lock_starting(&places.root)?;
        let mut queue = places.queue();
        if queue.knows(&path) || !matches!(see(&path)?, Seen::Absent | Seen::Unstarted { .. }) {
            return Ok(());
        }
        remove_older(&path, &key)?;
        std::fs::create_dir_all(&path)?;
        let folder = Folder::open_trusted(&path)?;
        folder.write_whole(files::KEY, &serde_json::to_vec(&key)?)?;
        folder.write_whole(files::PLAN, &serde_json::to_vec(plan)?)?;
        fallible("executor.after_folder")?;
        queue.push(Waiting { path, key, secrets });
    }
    places.fill();
    Ok(())
}

/// One controller works on a data folder at a time; for the moment in which one succeeds another, this keeps their
/// files apart.
fn lock_starting(root: &Path) -> io::Result<File> {
    let lock = Folder::open_trusted(root)?.lock_file(".lock")?;
    rustix::io::retry_on_intr(|| flock(&lock, FlockOperation::LockExclusive))?;
    Ok(lock)
}

fn look(places: &Arc<Places>, key: &StepKey) -> io::Result<StepState> {
    let path = path_of(&places.root, key)?;
    let (known, waiting) = {
        let queue = places.queue();
        (queue.knows(&path), queue.is_waiting(&path))
    };
    Ok(match see(&path)? {
        Seen::Unstarted { since } if known => StepState::Running {
            since,
            progress: waiting.then(|| "waiting for a free place".to_owned()),
        },
        Seen::Absent | Seen::Unstarted { .. } => StepState::NotStarted,
        Seen::Running { since, .. } => StepState::Running {
            since,
            progress: progress(&path),
        },
        Seen::Ended { end, at } => state_of(end, at),
        Seen::Vanished { process, since } => {
            bury(&path, Some(&process), killed())?;
            match see(&path)? {
                Seen::Ended { end, at } => state_of(end, at),
                Seen::Absent => StepState::NotStarted,
                // A child that it was just starting still holds its lock, for a moment.
                Seen::Unstarted { .. } | Seen::Running { .. } | Seen::Vanished { .. } => {
                    StepState::Running { since, progress: None }
                }
            }
        }
    })
}

/// Keeps the attempt before this one, for whoever reads its logs.
fn remove_older(path: &Path, key: &StepKey) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    for older in 1..key.attempt - 1 {
        let path = parent.join(format!("{}-{older}", key.step.as_str()));
        if !matches!(see(&path)?, Seen::Absent | Seen::Running { .. }) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Whether anything of the run is still alive; every supervisor that is gets the signal. What waits is withdrawn.
fn signal_all(places: &Arc<Places>, run_uid: &str, signal: Signal) -> io::Result<bool> {
    if !is_plain(run_uid) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("\"{run_uid}\" is no uid"),
        ));
    }
    let withdrawn = places.queue().withdraw(run_uid);
    for path in withdrawn {
        remove(&path)?;
    }
    let mut alive = places.queue().runs_any_of(run_uid);
    for path in all_below(&places.root.join(run_uid), 2) {
        match see(&path)? {
            Seen::Running { process, .. } => {
                process.signal(signal);
                alive = true;
            }
            Seen::Vanished { process, .. } => drop(bury(&path, Some(&process), killed())?),
            Seen::Unstarted { .. } => alive |= !withdraw(&path)?,
            Seen::Absent | Seen::Ended { .. } => {}
        }
    }
    Ok(alive)
}
