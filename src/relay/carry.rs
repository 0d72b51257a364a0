//! Carries what waits in the outbox to the sink, as three stages that wait for each other only where they must: batches are
//! read ahead, a few are on their way at once, and marks come behind. May not decide where a stream ends.
//!
//! A batch goes only onto a stream that ends where the one before it ended, so one that overtakes another is refused as a
//! whole. Whatever is on the stream and not yet marked when the process dies is sent once more, and its ids make that
//! harmless. Marked is only what was acknowledged.

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use tokio::sync::mpsc;

use super::{Relay, RelayError};
use crate::failpoint::fallible;
use crate::kernel::moment::Moment;
use crate::ports::event_sink::Published;
use crate::ports::outbox::{OutboxRow, StreamPosition};

/// Events sent at once: past a hundred the round trip no longer counts, and a batch stays below a megabyte.
const BATCH: u32 = 256;
/// Batches read and not yet sent: while one is sent the next one is read.
const READ_AHEAD: usize = 1;
/// Batches on their way at once: while Redis works on one the next one is encoded.
const ON_THE_WAY: usize = 2;
/// Batches that were acknowledged and are not marked yet. A mark waits for one flush of the disk, and the next mark takes
/// all that came meanwhile; after a crash so many are sent once more.
const UNMARKED: usize = 16;

/// What was acknowledged: how far, how many, and when the last of them was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub last: StreamPosition,
    pub rows: u64,
    pub recorded_at: Moment,
}

impl Acknowledged {
    fn of(rows: &[OutboxRow]) -> Option<Self> {
        rows.last().map(|last| Self {
            last: last.position,
            rows: rows.len() as u64,
            recorded_at: last.envelope.recorded_at,
        })
    }

    fn and(self, next: Self) -> Self {
        let rows = self.rows + next.rows;
        Self { rows, ..next }
    }
}

impl Relay {
    /// Sends until nothing is left, and marks what was acknowledged, also where it ends early.
    pub(super) async fn send_pending(&self, end: &mut Option<StreamPosition>) -> Result<Published, RelayError> {
        let (read, batches) = mpsc::channel(READ_AHEAD);
        let (told, acknowledged) = mpsc::channel(UNMARKED);
        let (reading, published, marked) = tokio::join!(
            self.read(read),
            self.send(end, batches, told),
            self.mark_behind(acknowledged),
        );
        marked?;
        reading?;
        published
    }

    /// Reads batch after batch, until there is none or nobody takes them.
    async fn read(&self, to: mpsc::Sender<Vec<OutboxRow>>) -> Result<(), RelayError> {
        let mut after = None;
        loop {
            let batch = self.outbox.pending(after, BATCH).await?;
            after = batch.last().map(|row| row.position).or(after);
            if batch.is_empty() || to.send(batch).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn send(
        &self,
        end: &mut Option<StreamPosition>,
        mut batches: mpsc::Receiver<Vec<OutboxRow>>,
        told: mpsc::Sender<Acknowledged>,
    ) -> Result<Published, RelayError> {
        let (mut on_the_way, mut expected) = (FuturesOrdered::new(), *end);
        loop {
            let answered = tokio::select! {
                biased;
                Some(batch) = batches.recv(), if on_the_way.len() < ON_THE_WAY => {
                    let last = batch.last().map(|row| row.position);
                    on_the_way.push_back(self.publish(expected, batch));
                    expected = expected.max(last);
                    continue;
                }
                Some(answered) = on_the_way.next() => answered?,
                else => return Ok(Published::All),
            };
            let Some(sent) = answered else {
                return Ok(Published::Moved);
            };
            *end = (*end).max(Some(sent.last));
            if told.send(sent).await.is_err() {
                // The marking failed, and says why.
                return Ok(Published::All);
            }
        }
    }

    /// `None`: the stream ended elsewhere.
    async fn publish(
        &self,
        end: Option<StreamPosition>,
        rows: Vec<OutboxRow>,
    ) -> Result<Option<Acknowledged>, RelayError> {
        match self.sink.publish(end, &rows).await? {
            Published::Moved => Ok(None),
            Published::All => {
                fallible("relay.after_publish")?;
                Ok(Acknowledged::of(&rows))
            }
        }
    }

    /// Marks what was acknowledged: while one mark waits for the disk, the next one grows.
    async fn mark_behind(&self, mut acknowledged: mpsc::Receiver<Acknowledged>) -> Result<(), RelayError> {
        while let Some(mut sent) = acknowledged.recv().await {
            while let Ok(next) = acknowledged.try_recv() {
                sent = sent.and(next);
            }
            self.mark(sent).await?;
        }
        Ok(())
    }

    async fn mark(&self, sent: Acknowledged) -> Result<(), RelayError> {
        self.outbox.mark_sent(sent.last).await?;
        fallible("relay.after_mark")?;
        self.status.send_modify(|status| status.sent(sent));
        if self.status.borrow().unsent == 0 {
            self.look().await?;
        }
        Ok(())
    }
}
