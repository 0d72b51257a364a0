//! Tells people: Kubernetes Events, from a queue of its own, so that a slow API server never slows a pass.
//! Failing to tell never fails a pass.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter as Sender};
use tokio::sync::mpsc;
use tracing::debug;

use super::kind::Note;
use super::metrics::Metrics;
use crate::kernel::journal::cut;

/// How many notes may wait; more are dropped and counted.
const QUEUE: usize = 1024;
/// The API's limit on an Event's note, in characters.
const NOTE_LIMIT: usize = 1000;

/// The sending end.
#[derive(Clone)]
pub struct Reporter {
    queue: mpsc::Sender<(ObjectReference, Note)>,
    metrics: Arc<Metrics>,
}

/// The queue's other end; [`Worker::run`] must be polled.
pub struct Worker {
    queue: mpsc::Receiver<(ObjectReference, Note)>,
    recorder: Recorder,
}

/// A reporter and the worker that sends what it is told.
pub fn reporter(client: Client, instance: &str, metrics: Arc<Metrics>) -> (Reporter, Worker) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let sent_by = Sender {
        controller: "metawsm.dev/controller".to_owned(),
        instance: Some(cut(instance, 120)),
    };
    (
        Reporter { queue: sender, metrics },
        Worker {
            queue: receiver,
            recorder: Recorder::new(client, sent_by),
        },
    )
}

impl Reporter {
    /// Puts a note about an object into the queue.
    pub fn tell(&self, about: ObjectReference, note: Note) {
        if self.queue.try_send((about, note)).is_err() {
            self.metrics.notes_dropped.inc();
        }
    }
}

impl Worker {
    /// Sends until every [`Reporter`] is gone.
    pub async fn run(mut self) {
        while let Some((about, note)) = self.queue.recv().await {
            let event = Event {
                type_: if note.warning {
                    EventType::Warning
                } else {
                    EventType::Normal
                },
                reason: note.reason,
                note: Some(cut(&note.text, NOTE_LIMIT)),
                action: note.action,
                secondary: None,
            };
            let sent = tokio::time::timeout(Duration::from_secs(10), self.recorder.publish(&event, &about)).await;
            if let Ok(Err(error)) = sent {
                debug!(%error, "Kubernetes Event not sent");
            }
        }
    }
}
