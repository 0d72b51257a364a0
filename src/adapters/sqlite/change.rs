//! What is written in a transaction of its own, and which statements that takes. May not begin one anywhere else.

use super::writer::{Answer, Writer, finish, reply};
use super::{adopt, federated, log, projection_rows, questions, retention, snapshot};
use crate::kernel::moment::Moment;
use crate::ports::federated::FederatedChange;
use crate::ports::outbox::{LogIdentity, StreamPosition, WindowEvent};
use crate::ports::projection::{Folded, FoldedAway};
use crate::ports::questions::{Archived, ReadMark};

/// What may be asked for, each with who waits for the answer.
pub enum Change {
    BeginLog(i64, Answer<LogIdentity>),
    MarkSent(StreamPosition, Answer<()>),
    Rewind(Option<StreamPosition>, Answer<i64>),
    Adopt(Vec<WindowEvent>, Answer<u64>),
    Federate(Vec<FederatedChange>, Answer<()>),
    FoldIn(Box<Folded>, Answer<bool>),
    Reset(Answer<()>),
    FoldAway(Moment, u32, Answer<FoldedAway>),
    MarkRead(ReadMark, Answer<bool>),
    Archive(Box<Archived>, Answer<()>),
}

impl Writer {
    pub(super) async fn change(&self, change: Change) {
        match change {
            Change::BeginLog(after_ms, answer) => reply(answer, self.begin_log(after_ms).await),
            Change::MarkSent(last, answer) => reply(answer, self.mark_sent(last).await),
            Change::Rewind(after, answer) => reply(answer, self.rewind(after).await),
            Change::Adopt(events, answer) => reply(answer, self.adopt(&events).await),
            Change::Federate(changes, answer) => reply(answer, self.federate(&changes).await),
            Change::FoldIn(folded, answer) => reply(answer, self.fold_in(&folded).await),
            Change::Reset(answer) => reply(answer, self.reset().await),
            Change::FoldAway(before, limit, answer) => reply(answer, self.fold_away(before, limit).await),
            Change::MarkRead(mark, answer) => reply(answer, self.mark_read(&mark).await),
            Change::Archive(archived, answer) => reply(answer, self.archive(&archived).await),
        }
    }

    async fn begin_log(&self, after_ms: i64) -> Result<LogIdentity, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let identity = log::begin_log(&mut transaction, after_ms, self.clock.now()).await?;
        finish(transaction).await.map(|()| identity)
    }

    async fn mark_sent(&self, last: StreamPosition) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        log::mark_sent(&mut transaction, last).await?;
        finish(transaction).await
    }

    async fn rewind(&self, after: Option<StreamPosition>) -> Result<i64, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let unsent = log::rewind(&mut transaction, after).await?;
        finish(transaction).await.map(|()| unsent)
    }

    async fn adopt(&self, events: &[WindowEvent]) -> Result<u64, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let fresh = adopt::adopt(&mut transaction, events, self.clock.now()).await?;
        finish(transaction).await?;
        self.recorded.notify_one();
        Ok(fresh)
    }

    async fn federate(&self, changes: &[FederatedChange]) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        federated::keep(&mut transaction, changes, self.clock.now()).await?;
        finish(transaction).await
    }

    async fn fold_in(&self, folded: &Folded) -> Result<bool, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let moved = projection_rows::fold_in(&mut transaction, folded, self.clock.now()).await?;
        finish(transaction).await.map(|()| moved)
    }

    async fn reset(&self) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        snapshot::reset(&mut transaction, self.clock.now()).await?;
        finish(transaction).await?;
        self.recorded.notify_one();
        Ok(())
    }

    async fn fold_away(&self, before: Moment, limit: u32) -> Result<FoldedAway, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let gone = retention::fold_away(&mut transaction, before, limit, self.clock.now()).await?;
        finish(transaction).await.map(|()| gone)
    }

    async fn mark_read(&self, mark: &ReadMark) -> Result<bool, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let marked = questions::mark_read(&mut transaction, mark, self.clock.now()).await?;
        finish(transaction).await.map(|()| marked)
    }

    async fn archive(&self, archived: &Archived) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        retention::archive(&mut transaction, archived, self.clock.now()).await?;
        finish(transaction).await
    }
}
