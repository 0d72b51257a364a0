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
/// How long the API server may take for one of them.
const DEADLINE: Duration = Duration::from_secs(10);

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
    metrics: Arc<Metrics>,
}

/// A reporter and the worker that sends what it is told.
pub fn reporter(client: Client, instance: &str, metrics: Arc<Metrics>) -> (Reporter, Worker) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let sent_by = Sender {
        controller: "metawsm.dev/controller".to_owned(),
        instance: Some(cut(instance, 120)),
    };
    (
        Reporter {
            queue: sender,
            metrics: metrics.clone(),
        },
        Worker {
            queue: receiver,
            recorder: Recorder::new(client, sent_by),
            metrics,
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
    /// Sends until every [`Reporter`] is gone. What cannot be sent is counted like what found no place.
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
            let error = match tokio::time::timeout(DEADLINE, self.recorder.publish(&event, &about)).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {DEADLINE:?}"),
            };
            self.metrics.notes_dropped.inc();
            debug!(reason = event.reason, error, "Kubernetes Event not sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};
    use kube::client::Body;

    fn note() -> Note {
        Note {
            warning: false,
            reason: "Seeded".into(),
            action: "Seed".into(),
            text: "seeded".into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_note_that_nobody_answers_or_that_is_refused_is_counted_and_the_next_are_sent() {
        let refused = Response::builder()
            .status(500)
            .body(Body::from(b"{}".to_vec()))
            .unwrap();
        let answers = std::sync::Mutex::new(vec![Some(refused), None]);
        let server = tower::service_fn(move |_: Request<Body>| {
            let answer = answers.lock().unwrap().pop().flatten();
            async move {
                match answer {
                    Some(answer) => Ok::<_, std::io::Error>(answer),
                    None => std::future::pending().await,
                }
            }
        });
        let metrics = Arc::new(Metrics::default());
        let (reporter, worker) = reporter(Client::new(server, "x"), "a", metrics.clone());
        for _ in 0..2 {
            reporter.tell(ObjectReference::default(), note());
        }
        drop(reporter);
        worker.run().await;
        assert_eq!(metrics.notes_dropped.get(), 2);
    }
}
