//! The tasks that make up the process. None may end before it is asked to: if one does, the process ends.

use std::future::Future;
use std::time::Duration;

use anyhow::anyhow;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Named tasks and the sign by which they are asked to end.
pub struct Tasks {
    set: JoinSet<&'static str>,
    stop: CancellationToken,
}

impl Tasks {
    /// `stop`: cancelled when the tasks shall end.
    pub fn new(stop: CancellationToken) -> Self {
        Self {
            set: JoinSet::new(),
            stop,
        }
    }

    /// Starts a task under a name.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.set.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits until the tasks are asked to end.
    ///
    /// # Errors
    /// A task ended, or panicked, before that.
    pub async fn until_stopped(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Ok(()),
            ended = self.set.join_next() => match ended {
                Some(Ok(name)) => Err(anyhow!("the {name} task ended by itself")),
                Some(Err(error)) => Err(anyhow!("a task failed: {error}")),
                None => Err(anyhow!("there is nothing to run")),
            },
        }
    }

    /// Asks every task to end and waits for them; those that take longer are cut off.
    pub async fn drain(&mut self, longest: Duration) {
        self.stop.cancel();
        let all = async {
            while let Some(ended) = self.set.join_next().await {
                if let Ok(name) = ended {
                    info!(task = name, "ended");
                }
            }
        };
        if tokio::time::timeout(longest, all).await.is_err() {
            warn!("some tasks did not end in time");
            self.set.shutdown().await;
        }
    }
}
