//! Starts supervisors while places are free, and notices their end: of our children by waiting, of those that an
//! earlier controller started by looking once a second.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::mpsc::UnboundedSender;

use super::super::known_runs::KnownRuns;
use super::folder::{Seen, bury, hand_over, killed, see};
use super::queue::{Queue, Waiting};
use crate::failpoint::fallible;
use crate::ports::executor::{StepEnded, StepError};

/// How often executions that are not our children are looked at: an end is a hint, so a second is soon enough.
pub const GLANCE: Duration = Duration::from_secs(1);

/// What the executor's calls and its background tasks share.
pub struct Places {
    pub root: PathBuf,
    pub program: PathBuf,
    /// Runs that may have a step's folder.
    pub known: KnownRuns,
    queue: Mutex<Queue>,
    ended: UnboundedSender<StepEnded>,
}

impl Places {
    /// `places`: how many steps run at once.
    pub fn new(
        root: PathBuf,
        known: KnownRuns,
        program: PathBuf,
        places: usize,
        ended: UnboundedSender<StepEnded>,
    ) -> Self {
        Self {
            root,
            program,
            known,
            queue: Mutex::new(Queue::new(places)),
            ended,
        }
    }

    /// The bookkeeping. Held across file calls of `start` and `forget`, never across an await.
    pub fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts what waits while places are free.
    pub fn fill(self: &Arc<Self>) {
        loop {
            let next = self.queue().next();
            let Some(Waiting { path, secrets, .. }) = next else {
                return;
            };
            // A panic here must not keep the place, or the run could never be stopped.
            let begin = || hand_over(&path, &secrets).and_then(|()| self.spawn(&path));
            let spawned = catch_unwind(AssertUnwindSafe(begin));
            match spawned
                .unwrap_or_else(|_| Err(io::Error::other("the executor met a bug in itself; its log says where")))
            {
                Ok(child) => drop(tokio::spawn(self.clone().wait_for(child, path))),
                Err(why) => {
                    let error = StepError::passing("StartFailed", format!("failed to start the step: {why}"));
                    if let Err(error) = bury(&path, None, error) {
                        tracing::error!(folder = %path.display(), %error, "failed to write a step's outcome");
                    }
                    self.finish(&path);
                }
            }
        }
    }

    fn spawn(&self, path: &Path) -> io::Result<Child> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path.join("supervise.log"))?;
        let mut command = Command::new(&self.program);
        command.arg("supervise").arg("--dir").arg(path);
        command
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        for name in ["PATH", "TZ", "FAILPOINTS"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let child = command.spawn()?;
        fallible("executor.after_spawn")?;
        Ok(child)
    }

    async fn wait_for(self: Arc<Self>, mut child: Child, path: PathBuf) {
        let _ = child.wait().await;
        self.look_after(path, true).await;
    }

    /// Looks at executions that are not our children, for ever.
    pub async fn watch_adopted(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(GLANCE);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let adopted = self.queue().adopted();
            for path in adopted {
                self.clone().look_after(path, false).await;
            }
        }
    }

    /// Frees the place of an execution that ended. One whose child ended while another supervisor holds its lock (an
    /// earlier controller started that one a moment before) is watched from now on.
    async fn look_after(self: Arc<Self>, path: PathBuf, child_ended: bool) {
        let here = self.clone();
        let looked = tokio::task::spawn_blocking(move || here.settle(&path, child_ended)).await;
        if let Err(error) = looked {
            tracing::error!(%error, "failed to look after a step");
        }
        self.fill();
    }

    fn settle(&self, path: &Path, child_ended: bool) {
        let over = match see(path) {
            Ok(Seen::Ended { .. } | Seen::Absent) => Ok(true),
            Ok(Seen::Running { .. }) => Ok(false),
            Ok(Seen::Vanished { process, .. }) => bury(path, Some(&process), killed()),
            Ok(Seen::Unstarted { .. }) => bury(path, None, killed()),
            Err(error) => Err(error),
        };
        match over {
            Ok(true) => self.finish(path),
            Ok(false) if child_ended => self.queue().disown(path),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(folder = %path.display(), %error, "failed to look at a step");
                self.queue().disown(path);
            }
        }
    }

    fn finish(&self, path: &Path) {
        let key = self.queue().finish(path);
        if let Some(key) = key {
            let _ = self.ended.send(StepEnded {
                namespace: key.namespace,
                run: key.run,
            });
        }
    }
}
