//! That the validator finds what is wrong with a question's history, with what is shown of it, and with its archive.

use super::sabotage::Rest;
use super::validator::Invariant as I;

#[tokio::test]
async fn sabotage_of_a_questions_history_and_archive_is_found() {
    let rest = Rest::new().await;
    let said = "UPDATE audit_log SET facts = json_set(facts, '$.";
    let of = |fact: &str| format!("WHERE kind = 'ForumThread' AND name = 'asks' AND type = '{fact}'");
    let cases = [
        (I::ThreadIsRecorded, format!("DELETE FROM audit_log {}", of("Posted"))),
        (I::ThreadIsRecorded, format!("DELETE FROM audit_log {}", of("Opened"))),
        (I::ThreadIsRecorded, format!("{said}id', 'q7') {}", of("Posted"))),
        (I::ThreadIsRecorded, format!("{said}num', 1) {}", of("Posted"))),
        (I::ThreadIsRecorded, format!("{said}state', 'Closed') {}", of("Opened"))),
        (I::EscalatedOnce, format!("DELETE FROM audit_log {}", of("Escalated"))),
        (I::EscalatedOnce, format!("{said}level', 0) {}", of("Escalated"))),
        (
            I::EscalatedOnce,
            format!("{said}deadline', '2099-01-01T00:00:00Z') {}", of("Escalated")),
        ),
        (
            I::ArchiveIsWhole,
            "UPDATE forum_archive SET object = json_set(object, '$.spec.posts[0].body', '')".to_owned(),
        ),
        (
            I::ArchiveIsWhole,
            "UPDATE forum_archive SET object = json_set(object, '$.spec.posts', json('[]'))".to_owned(),
        ),
        (
            I::ArchiveIsWhole,
            "UPDATE forum_archive SET object = json_set(object, '$.spec.state', 'Answered')".to_owned(),
        ),
        (
            I::ArchiveIsWhole,
            "UPDATE forum_archive SET uid = (SELECT uid FROM mirror WHERE name = 'asks')".to_owned(),
        ),
    ];
    rest.finds(cases).await;
}
