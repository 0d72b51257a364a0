//! Gets back from the stream what a lost or restored database no longer has, before anything is recorded: the journals
//! of the objects will be recorded again, and must not be published a second time. May not publish.

use super::RelayError;
use super::position::{Decision, LeaseMark, reconcile_position};
use crate::failpoint::{fallible, sabotaged};
use crate::kernel::envelope::Envelope;
use crate::ports::event_sink::{EventSink, WindowEntry};
use crate::ports::outbox::{Outbox, StreamPosition, WindowEvent};

/// Entries read at once: about half a megabyte.
const PAGE: u32 = 512;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Events taken back into the history.
    pub adopted: u64,
    /// Entries that are not ours or do not parse.
    pub skipped: u64,
    /// The database was behind: events are numbered in a new log from now on.
    pub new_log: bool,
}

/// Reads the stream's window back where the database is new or behind. Call it before the first record, under a time
/// limit; doing it again, also after half of it, changes nothing.
///
/// # Errors
/// Redis or the database does not answer; then go on without, the relay makes up for what it can.
pub async fn recover(
    outbox: &dyn Outbox,
    sink: &dyn EventSink,
    lease_mark: Option<LeaseMark>,
) -> Result<Recovered, RelayError> {
    if sabotaged("sabotage.recover.reads_nothing_back") {
        return Ok(Recovered::default());
    }
    let log = outbox.log_state().await?;
    let stream = sink.position().await?;
    let decision = reconcile_position(&log, stream, lease_mark);
    let behind = matches!(decision, Decision::BeginLog { .. });
    let mut recovered = Recovered::default();
    if let Some(end) = stream.filter(|_| behind || log.last_sequence == 0) {
        read_back(outbox, sink, log.sent, end, &mut recovered).await?;
    }
    if let Decision::BeginLog { after_ms } = decision {
        outbox.begin_log(after_ms).await?;
        recovered.new_log = true;
    }
    Ok(recovered)
}

async fn read_back(
    outbox: &dyn Outbox,
    sink: &dyn EventSink,
    mut after: Option<StreamPosition>,
    end: StreamPosition,
    recovered: &mut Recovered,
) -> Result<(), RelayError> {
    while after < Some(end) {
        let page = sink.read_window(after, PAGE).await?;
        let Some(last) = page.last().map(|entry| entry.position) else {
            break;
        };
        let read = page.len();
        let events: Vec<_> = page.into_iter().filter_map(|entry| parsed(&entry)).collect();
        recovered.skipped += u64::try_from(read - events.len()).unwrap_or(u64::MAX);
        recovered.adopted += outbox.adopt(events).await?;
        fallible("recover.after_adopt")?;
        after = Some(last);
    }
    Ok(())
}

fn parsed(entry: &WindowEntry) -> Option<WindowEvent> {
    let envelope: Envelope = serde_json::from_str(entry.envelope.as_deref()?).ok()?;
    let ours = envelope.sequence == entry.position.sequence;
    ours.then_some(WindowEvent {
        position: entry.position,
        envelope,
    })
}
