//! Servers of documents whose mood the tests set, and which count what they are asked.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use super::SECOND;
use crate::kernel::moment::Moment;
use crate::ports::doc_source::{
    DocServer, DocSource, DocSourceCode, DocSourceError, Refreshed, ServerStatus, TicketList, TicketRow,
};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mood {
    /// Answers after so many milliseconds.
    Well(u64),
    Hangs,
    Dead,
    Panics,
}

pub(super) struct Server {
    pub(super) mood: Mood,
    pub(super) indexed: i64,
    pub(super) tickets: Vec<String>,
    pub(super) root: String,
    /// How much longer a list takes than a status.
    pub(super) lists_in: Duration,
    pub(super) asked: usize,
    pub(super) listed: usize,
    pub(super) refreshes: usize,
    pub(super) at_once: usize,
}

/// Many servers by their host's name.
#[derive(Default)]
pub(super) struct Servers(Mutex<BTreeMap<String, Server>>);

impl Servers {
    pub(super) fn with<T>(&self, host: &str, change: impl FnOnce(&mut Server) -> T) -> T {
        change(self.0.lock().unwrap().get_mut(host).unwrap())
    }

    pub(super) fn put(&self, host: &str, mood: Mood, tickets: usize) {
        let tickets = (0..tickets).map(|n| format!("T-{n}")).collect();
        let server = Server {
            mood,
            indexed: 1,
            tickets,
            root: "/docs".into(),
            lists_in: Duration::ZERO,
            asked: 0,
            listed: 0,
            refreshes: 0,
            at_once: 0,
        };
        self.0.lock().unwrap().insert(host.into(), server);
    }

    async fn answer(&self, server: &DocServer) -> Result<(String, ServerStatus), DocSourceError> {
        let host = server.url.host_str().unwrap().to_owned();
        let mood = self.with(&host, |s| {
            s.asked += 1;
            s.mood
        });
        match mood {
            Mood::Well(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Mood::Hangs => std::future::pending().await,
            Mood::Panics => panic!("a bug"),
            Mood::Dead => {
                return Err(DocSourceError {
                    code: DocSourceCode::ConnectFailed,
                    message: "nobody".into(),
                });
            }
        }
        let status = self.with(&host, |s| ServerStatus {
            root: s.root.clone(),
            repo_root: String::new(),
            indexed_at: Moment::from_millis(s.indexed),
            docs_indexed: s.tickets.len() as u64,
            full_text: true,
        });
        Ok((host, status))
    }
}

#[async_trait]
impl DocSource for Servers {
    async fn status(&self, server: &DocServer, _: Duration) -> Result<ServerStatus, DocSourceError> {
        Ok(self.answer(server).await?.1)
    }

    async fn tickets(&self, server: &DocServer, _: Duration) -> Result<TicketList, DocSourceError> {
        let (host, status) = self.answer(server).await?;
        let lists_in = self.with(&host, |s| s.lists_in);
        tokio::time::sleep(lists_in).await;
        let rows: Vec<_> = self.with(&host, |s| {
            s.listed += 1;
            s.tickets.iter().map(|ticket| row(ticket)).collect()
        });
        Ok(TicketList {
            status,
            rows,
            duplicates: vec![],
            refused_count: 0,
            refused: vec![],
        })
    }

    async fn refresh(&self, server: &DocServer, _: Duration) -> Result<Refreshed, DocSourceError> {
        let host = server.url.host_str().unwrap().to_owned();
        let alone = self.with(&host, |s| {
            s.refreshes += 1;
            s.at_once += 1;
            s.at_once == 1
        });
        assert!(alone, "one refresh at a time");
        tokio::time::sleep(SECOND).await;
        self.with(&host, |s| {
            s.at_once -= 1;
            s.indexed += 1;
        });
        Ok(Refreshed {
            indexed_at: Moment::from_millis(2).unwrap(),
            docs_indexed: 1,
        })
    }
}

fn row(ticket: &str) -> TicketRow {
    TicketRow {
        ticket: ticket.into(),
        title: "a".into(),
        status: "active".into(),
        intent: String::new(),
        topics: vec![],
        owners: vec![],
        updated_at: None,
        ticket_dir: String::new(),
        index_path: String::new(),
    }
}
