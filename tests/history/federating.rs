//! What servers of documents say, kept for people: written once, read as the views tell it.

use std::collections::BTreeSet;
use std::sync::Arc;

use metawsm::ports::federated::{FederatedChange, FederatedRow, FederatedSource, FederatedStore as _};
use metawsm::ports::read_model::{ReadModel as _, TicketFilter};
use sqlx::Row as _;

use crate::stage::Stage;

fn source(uid: &str, kind: &'static str, tickets: &[(&str, i64)]) -> FederatedSource {
    let row = |(ticket, updated): &(&str, i64)| FederatedRow {
        ticket_key: ticket.to_ascii_lowercase(),
        ticket: (*ticket).into(),
        title: format!("{ticket} by {uid}"),
        status: "active".into(),
        topics: vec!["a".into()],
        updated_at_ms: Some(*updated),
        twice: false,
    };
    FederatedSource {
        endpoint_uid: uid.into(),
        namespace: "team".into(),
        endpoint: uid.into(),
        kind,
        repo: "docs".into(),
        home_url: None,
        run_uid: None,
        indexed_at_ms: Some(5),
        rows: tickets.iter().map(row).collect(),
    }
}

fn said(source: FederatedSource) -> FederatedChange {
    let hash = format!("{:?}", source.rows);
    FederatedChange::Said { source, hash }
}

#[tokio::test]
async fn every_ticket_is_listed_once_by_its_best_copy_and_shown_with_all() {
    let stage = Stage::new();
    let history = stage.open().await;
    let changes = vec![
        said(source("old", "Repo", &[("A-1", 1), ("B-1", 1)])),
        said(source("new", "Repo", &[("a-1", 2)])),
        said(source("work", "Workspace", &[("A-1", 9)])),
    ];
    history.keep(changes).await.unwrap();
    let filter = TicketFilter {
        namespace: Some("team".into()),
        ticket: None,
        limit: 10,
    };
    let listed = history.tickets(&filter).await.unwrap();
    let told: Vec<_> = listed
        .iter()
        .map(|l| (l.ticket.as_str(), l.endpoint.as_deref(), l.copies))
        .collect();
    assert_eq!(told, [("a-1", Some("new"), 3), ("B-1", Some("old"), 1)]);
    let copies: BTreeSet<_> = history
        .ticket_copies(None, "A-1")
        .await
        .unwrap()
        .into_iter()
        .map(|c| c.endpoint)
        .collect();
    assert_eq!(copies, ["new", "old", "work"].map(str::to_owned).into());

    history
        .keep(vec![
            said(source("old", "Repo", &[("B-1", 1)])),
            FederatedChange::Gone {
                endpoint_uid: "new".into(),
            },
        ])
        .await
        .unwrap();
    let listed = history.tickets(&filter).await.unwrap();
    let told: Vec<_> = listed
        .iter()
        .map(|l| (l.ticket.as_str(), l.endpoint.as_deref()))
        .collect();
    assert_eq!(told, [("A-1", Some("work")), ("B-1", Some("old"))]);
    assert_eq!(history.kept().await.unwrap().len(), 2);
    history.close().await.unwrap();
}

#[tokio::test]
async fn rows_that_did_not_change_are_not_written_again() {
    let stage = Stage::new();
    let history = stage.open().await;
    let tickets: Vec<_> = (0..500).map(|n| format!("T-{n}")).collect();
    let rows: Vec<_> = tickets.iter().map(|t| (t.as_str(), 1)).collect();
    history.keep(vec![said(source("docs", "Repo", &rows))]).await.unwrap();
    let mut raw = stage.raw().await;
    sqlx::raw_sql("CREATE TABLE touched (key TEXT); CREATE TRIGGER spy AFTER UPDATE ON federated_copies BEGIN INSERT INTO touched VALUES (new.ticket_key); END;")
        .execute(&mut raw)
        .await
        .unwrap();
    let mut changed = rows.clone();
    changed[7].1 = 2;
    history
        .keep(vec![said(source("docs", "Repo", &changed))])
        .await
        .unwrap();
    let touched = sqlx::query("SELECT key FROM touched")
        .fetch_all(&mut raw)
        .await
        .unwrap();
    let touched: Vec<String> = touched.iter().map(|r| r.get(0)).collect();
    assert_eq!(touched, ["t-7"]);
    drop(Arc::clone(&history));
    history.close().await.unwrap();
}
