//! Takes closed threads out of the cluster once they were kept there for long enough: each is written to the archive as
//! it is, and only then deleted, by its uid and `resourceVersion`. Works beside the reconcile, which never reads what is
//! kept; what it deletes goes as if somebody had deleted it, finalizer and event included.

use std::time::Duration;

use kube::api::{Api, DeleteParams, Preconditions};
use kube::runtime::reflector::Store;
use kube::{Client, ResourceExt as _};
use tracing::{debug, info};

use super::archiving::is_due;
use super::crd::ForumThread;
use super::prune::without_bodies;
use crate::controller::lease::Leadership;
use crate::controller::runner::Guarded;
use crate::failpoint::{fallible, sabotaged};
use crate::kernel::moment::Moment;
use crate::kernel::outcome::Failure;
use crate::ports::questions::{Archived, ForumKeeping};

/// The most threads of one sweep: each is read whole and deleted by itself, and others want the API server too.
const AT_ONCE: usize = 200;

/// What a sweep works with.
pub struct Archivist<'a> {
    pub client: &'a Client,
    pub leadership: &'a Leadership,
    pub archive: &'a dyn ForumKeeping,
    /// How long a closed thread is kept.
    pub keep: Duration,
}

impl Archivist<'_> {
    /// Archives and deletes what is due; how many threads.
    ///
    /// # Errors
    /// The Lease is lost, the archive cannot be written, or the API server refuses: the rest waits for the next sweep.
    pub async fn sweep(&self, threads: &Store<Guarded<ForumThread>>, now: Moment) -> Result<usize, Failure> {
        let mut due: Vec<_> = threads
            .state()
            .iter()
            .filter_map(|thread| thread.0.as_ref().ok())
            .filter(|thread| is_due(thread, self.keep, now))
            .map(|thread| (thread.namespace().unwrap_or_default(), thread.name_any()))
            .collect();
        due.sort();
        due.truncate(AT_ONCE);
        let mut gone = 0;
        for (namespace, name) in due {
            gone += usize::from(self.take_out(&namespace, &name, now).await?);
        }
        if gone > 0 {
            info!(threads = gone, "closed threads were archived and left the cluster");
        }
        Ok(gone)
    }

    /// Judges the whole object again: the cache holds little of it, and may be late.
    async fn take_out(&self, namespace: &str, name: &str, now: Moment) -> Result<bool, Failure> {
        self.leadership.check()?;
        let api: Api<ForumThread> = Api::namespaced(self.client.clone(), namespace);
        let told = |what: &str, error: &dyn std::fmt::Display| {
            Failure::Retry(format!("failed to {what} thread '{namespace}/{name}': {error}"))
        };
        let found = api.get_opt(name).await.map_err(|error| told("read", &error))?;
        let Some(mut thread) = found.filter(|thread| is_due(thread, self.keep, now)) else {
            return Ok(false);
        };
        if sabotaged("sabotage.archive.keeps_no_bodies") {
            without_bodies(&mut thread);
        }
        let archived = Archived {
            uid: thread.uid().unwrap_or_default(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            resource_version: thread.resource_version().unwrap_or_default(),
            object: serde_json::to_value(&thread).map_err(|error| told("archive", &error))?,
        };
        let preconditions = Preconditions {
            uid: thread.uid(),
            resource_version: thread.resource_version(),
        };
        if !sabotaged("sabotage.archive.is_not_written") {
            let kept = self.archive.archive(archived).await;
            kept.map_err(|error| told("archive", &error))?;
        }
        fallible("forum_thread.after_archive")?;
        self.leadership.check()?;
        let params = DeleteParams {
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let deleted = api.delete(name, &params).await;
        fallible("forum_thread.after_remove_archived")?;
        match deleted {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(answer)) if answer.is_conflict() || answer.is_not_found() => {
                debug!(namespace, name, "changed meanwhile; judged again by the next sweep");
                Ok(false)
            }
            Err(error) => Err(told("delete", &error)),
        }
    }
}
