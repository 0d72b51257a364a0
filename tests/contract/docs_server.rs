//! The built-in server answers as docmgr was recorded to answer: status, content type and body, field by field.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::recordings::{Recording, all, differences};
use super::served::{Repository, Server, until};

/// Exchanges that are not replayed, and why.
const LEFT_OUT: [(std::ops::RangeInclusive<u32>, &str); 12] = [
    (
        24..=26,
        "full-text search: this server has none, and says so as a docmgr built without it does (174)",
    ),
    (28..=28, "facets: neither federation nor links ask for them"),
    (56..=59, "graph: neither federation nor links ask for it"),
    (60..=76, "search: neither federation nor links ask for it"),
    (89..=95, "files: never served"),
    (
        101..=101,
        "writing tasks: there is no such route here, so its methods are unknown too",
    ),
    (130..=130, "search"),
    (131..=142, "writing tasks"),
    (
        143..=146,
        "a ticket closed by docmgr's command line: 111 to 116 show the same of an edit",
    ),
    (159..=162, "cross-origin headers: no browser talks to this server"),
    (
        167..=172,
        "a root that is a symbolic link is refused at the start instead of served as if it were empty",
    ),
    (177..=178, "another time zone: every time is in UTC here"),
];

/// Exchanges on a tree that other, unrecorded, edits had been made to: only their form and codes are compared, by
/// `what_vanishes_from_disk_is_told_as_docmgr_tells_it` and `where_it_is_started_shows`.
const BY_STORY: [std::ops::RangeInclusive<u32>; 5] = [147..=158, 163..=166, 173..=173, 175..=175, 176..=176];

fn compare(server: &Server, recording: &Recording) -> Vec<String> {
    let (ours, recorded) = (server.replay(recording), &recording.response);
    let mut wrong = Vec::new();
    if ours.status != recorded.status {
        wrong.push(format!("status: docmgr {}, ours {}", recorded.status, ours.status));
    }
    for (name, value) in &recorded.headers {
        if ours.header(name) != value.as_str() {
            wrong.push(format!("header {name}: docmgr {value}, ours {:?}", ours.header(name)));
        }
    }
    wrong.extend(differences("body", &recorded.body, &ours.body, &server.repo));
    wrong.iter().map(|w| format!("{}: {w}", recording.name)).collect()
}

fn left_out(number: u32) -> bool {
    LEFT_OUT.iter().any(|(range, _)| range.contains(&number)) || BY_STORY.iter().any(|range| range.contains(&number))
}

#[test]
fn it_answers_as_docmgr_was_recorded_to() {
    let repository = Repository::early();
    let server = Server::start(&repository);
    let front_page = repository
        .docs()
        .join("2026/11/21/METAWSM-101--relay-operator-updates/index.md");
    let as_it_was = std::fs::read_to_string(&front_page).unwrap();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (number, recording) in all() {
        match number {
            111 => std::fs::write(&front_page, as_it_was.replacen("Status: active", "Status: review", 1)).unwrap(),
            117 => {
                // Back to what it was, seen by a refresh that was not recorded.
                std::fs::write(&front_page, &as_it_was).unwrap();
                server.ask("POST", "/api/v1/index/refresh");
                repository.add_later();
            }
            _ => {}
        }
        if left_out(number) {
            continue;
        }
        compared += 1;
        let found = compare(&server, &recording);
        // The time of the edit is the test's own.
        wrong.extend(found.into_iter().filter(|w| !(number == 113 && w.contains("modTime"))));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(compared, 97, "exchanges compared");
}

#[test]
fn every_recording_is_compared_or_left_out_for_a_reason() {
    let numbers: Vec<u32> = all().iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=178).collect::<Vec<_>>());
    let named = LEFT_OUT.iter().map(|(r, _)| r.clone()).chain(BY_STORY);
    let mut places = BTreeMap::new();
    for number in named.flatten() {
        *places.entry(number).or_insert(0) += 1;
    }
    let twice: Vec<_> = places.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

fn recording(number: u32) -> Recording {
    all().into_iter().find(|(n, _)| *n == number).unwrap().1
}

fn expect_alike(server: &Server, numbers: &[u32]) {
    let wrong: Vec<_> = numbers.iter().flat_map(|n| compare(server, &recording(*n))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Only status, content type and the names of fields.
fn expect_same_form(server: &Server, number: u32) {
    let recording = recording(number);
    let (ours, theirs) = (server.replay(&recording), &recording.response);
    assert_eq!(ours.status, theirs.status, "{}", recording.name);
    assert_eq!(shape(&ours.body), shape(&theirs.body), "{}", recording.name);
}

fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(rows) => rows.iter().map(shape).take(1).collect(),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "flag".into(),
        Value::Null => Value::Null,
    }
}

#[test]
fn what_vanishes_from_disk_is_told_as_docmgr_tells_it() {
    let repository = Repository::early();
    repository.add_later();
    let server = Server::start(&repository);
    let indexed = || server.get("/api/v1/workspace/status")["indexedAt"].clone();
    std::fs::remove_dir_all(repository.docs().join("2026/11/21/OTHER-7--housekeeping")).unwrap();
    expect_alike(&server, &[150, 151]);
    for number in [147, 148, 149] {
        expect_same_form(&server, number);
    }
    expect_alike(&server, &[152, 153, 173, 174, 176]);
    let before = indexed();
    std::fs::rename(repository.docs(), repository.root().join("away")).unwrap();
    let refused = server.replay(&recording(154));
    assert_eq!(
        (refused.status, &refused.body["error"]["code"]),
        (500, &Value::from("internal"))
    );
    assert!(refused.body["error"].get("details").is_none());
    assert_eq!(indexed(), before, "the old index stays in service");
    expect_alike(&server, &[155, 156, 158]);
    expect_same_form(&server, 157);
    let rows = &server.replay(&recording(157)).body["results"];
    assert_eq!(rows[0]["updatedAt"], "", "the time of a file that is gone");
    std::fs::rename(repository.root().join("away"), repository.docs()).unwrap();
    assert_eq!(server.ask("POST", "/api/v1/index/refresh").status, 200);
    assert_ne!(indexed(), before);
}

#[test]
fn where_it_is_started_shows() {
    let repository = Repository::early();
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere_path = elsewhere.path().canonicalize().unwrap();
    let port_file = elsewhere_path.join("addr");
    let child = Command::new(env!("CARGO_BIN_EXE_metawsm"))
        .current_dir(&elsewhere_path)
        .args(["docs-server", "--addr", "127.0.0.1:0", "--root"])
        .arg(repository.docs())
        .arg("--port-file")
        .arg(&port_file)
        .spawn()
        .unwrap();
    let address = until("the port", || {
        std::fs::read_to_string(&port_file).ok()?.trim().parse().ok()
    });
    let repo = repository.root().to_string_lossy().into_owned();
    let server = Server { child, address, repo };
    let status = server.get("/api/v1/workspace/status");
    assert_eq!(status["configPath"], recording(163).response.body["configPath"]);
    assert_eq!(status["repoRoot"], elsewhere_path.to_string_lossy().as_ref());
    assert_eq!(status["configDir"], server.repo.as_str());
    assert_eq!(shape(&status), shape(&recording(163).response.body));
}

#[test]
fn it_ends_on_sigterm_at_once_also_with_a_client_connected() {
    let repository = Repository::early();
    let mut server = Server::start(&repository);
    let _idle = std::net::TcpStream::connect(server.address).unwrap();
    let pid = Pid::from_raw(i32::try_from(server.child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let status = until("the end", || server.child.try_wait().unwrap());
    assert!(status.success(), "{status}");
}

fn refusal(repository: &Repository, arguments: &[&str], root: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metawsm"));
    command
        .current_dir(repository.root())
        .arg("docs-server")
        .args(arguments)
        .arg("--root")
        .arg(root);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_it_cannot_serve_it_refuses_at_the_start() {
    let repository = Repository::early();
    let docs = repository.docs();
    let open = refusal(&repository, &["--addr", "0.0.0.0:0"], &docs);
    assert!(open.contains("--allow-remote"), "{open}");
    let missing = refusal(&repository, &["--addr", "127.0.0.1:0"], &repository.root().join("none"));
    assert!(missing.contains("No such file"), "{missing}");
    std::os::unix::fs::symlink(&docs, repository.root().join("link")).unwrap();
    let link = refusal(&repository, &["--addr", "127.0.0.1:0"], &repository.root().join("link"));
    assert!(link.contains("symbolic link"), "{link}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(refusal(&repository, &["--addr", &address], &docs).contains(&address));
}

#[test]
fn nothing_outside_the_root_is_ever_read() {
    let repository = Repository::early();
    let docs = repository.docs();
    let front = "---\nTitle: t\nTicket: EVIL-1\nDocType: index\n---\nsecret\n";
    std::fs::write(repository.root().join("outside.md"), front).unwrap();
    std::os::unix::fs::symlink("../outside.md", docs.join("link.md")).unwrap();
    std::os::unix::fs::symlink(repository.root(), docs.join("up")).unwrap();
    std::os::unix::fs::symlink("2026/11/21/OTHER-7--housekeeping/index.md", docs.join("inside.md")).unwrap();
    let server = Server::start(&repository);
    assert_eq!(server.ask("GET", "/api/v1/tickets/get?ticket=EVIL-1").status, 404);
    for path in [
        "link.md",
        "up/outside.md",
        "up/.ttmp.yaml",
        "..%2Foutside.md",
        "%2Fetc%2Fpasswd",
        "2026/../../outside.md",
    ] {
        let answer = server.ask("GET", &format!("/api/v1/docs/get?path={path}"));
        assert_eq!(
            (answer.status, &answer.body["error"]["code"]),
            (403, &Value::from("forbidden")),
            "{path}"
        );
    }
    assert_eq!(
        server.get("/api/v1/docs/get?path=inside.md")["doc"]["ticket"],
        "OTHER-7"
    );
    for path in [
        "files/get?path=ttmp/index.md",
        "files/raw?path=x",
        "search/docs",
        "tickets/tasks/add",
    ] {
        let answer = server.ask("GET", &format!("/api/v1/{path}"));
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, Some("404 page not found\n")),
            "{path}"
        );
    }
}

#[test]
fn a_file_that_is_too_long_is_refused_and_a_pipe_does_not_block() {
    let repository = Repository::early();
    let docs = repository.docs();
    let head = "---\nTitle: long\nTicket: LONG-1\nDocType: index\n---\n";
    std::fs::write(docs.join("long.md"), format!("{head}{}", "x".repeat(3 << 20))).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(docs.join("pipe.md"))
            .status()
            .unwrap()
            .success()
    );
    let server = Server::start(&repository);
    assert_eq!(server.ask("GET", "/api/v1/docs/get?path=long.md").status, 413);
    assert_eq!(server.ask("GET", "/api/v1/docs/get?path=pipe.md").status, 400);
    assert_eq!(
        server.get("/api/v1/tickets/get?ticket=LONG-1")["title"],
        "long",
        "its head is read all the same"
    );
}

#[test]
fn pages_of_every_size_give_every_ticket_once() {
    let repository = Repository::early();
    for number in 0..57 {
        let folder = repository.docs().join(format!("2026/11/22/MANY-{number}--x"));
        std::fs::create_dir_all(&folder).unwrap();
        let status = ["active", "review"][number % 2];
        let head = format!(
            "---\nTitle: t{}\nTicket: MANY-{number}\nStatus: {status}\nDocType: index\n---\n",
            number % 5
        );
        std::fs::write(folder.join("index.md"), head).unwrap();
    }
    let server = Server::start(&repository);
    for order in [
        "ticket",
        "title",
        "last_updated",
        "last_updated&reverse=true",
        "ticket&status=review",
    ] {
        let mut whole = Vec::new();
        for size in [1, 2, 3, 7, 28, 59, 60, 61, 1000] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let target = format!("/api/v1/workspace/tickets?orderBy={order}&pageSize={size}&cursor={cursor}");
                let body = server.get(&target);
                let rows = body["results"].as_array().unwrap();
                seen.extend(rows.iter().map(|row| row["indexPath"].as_str().unwrap().to_owned()));
                cursor = body["nextCursor"].as_str().unwrap().to_owned();
                if cursor.is_empty() {
                    assert_eq!(body["total"], seen.len());
                    break;
                }
            }
            if whole.is_empty() {
                whole.clone_from(&seen);
            }
            assert_eq!(seen, whole, "{order}, {size} a page");
        }
        let distinct: std::collections::BTreeSet<_> = whole.iter().collect();
        assert_eq!(distinct.len(), whole.len(), "{order}");
    }
}
