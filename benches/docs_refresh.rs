//! What the built-in docs server holds in memory after many refreshes of 900 documents, and how long one takes. The
//! goal: flat. docmgr 0.0.17 grows by 20 MiB with each and gives nothing back.
//!
//! `BENCH_DOCUMENTS` sets the documents, `BENCH_REFRESHES` how many refreshes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Memory may move by so much between the tenth refresh and the last: far below one lost index (about 1 MiB each).
const FLAT_KIB: u64 = 4 * 1024;

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

fn main() {
    let (documents, refreshes) = (number("BENCH_DOCUMENTS", 900), number("BENCH_REFRESHES", 200));
    let scratch = tempfile::tempdir().unwrap();
    let docs = scratch.path().canonicalize().unwrap().join("ttmp");
    write_documents(&docs, documents);
    let (server, address) = start(&docs, &scratch.path().join("addr"));
    println!("{refreshes} refreshes of {documents} documents");
    println!("{:>10} {:>14} {:>12}", "refreshes", "memory (KiB)", "last took");
    println!("{:>10} {:>14} {:>12}", 0, memory(&server), "");
    let (mut tenth, mut took) = (None, Vec::new());
    for done in 1..=refreshes {
        let begun = Instant::now();
        refresh(address);
        took.push(begun.elapsed());
        if done == 10 {
            tenth = Some(memory(&server));
        }
        if [1, 10, 50, 100, refreshes].contains(&done) {
            println!("{done:>10} {:>14} {:>12.1?}", memory(&server), took[done - 1]);
        }
    }
    took.sort();
    println!("median of a refresh: {:.1?}", took[took.len() / 2]);
    let last = memory(&server);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..refreshes {
            scope.spawn(|| refresh(address));
        }
    });
    println!(
        "{refreshes} at once: all answered after {:.1?}, memory {} KiB",
        begun.elapsed(),
        memory(&server)
    );
    // Those at once hold connections of their own: what they cost is shown, and is no growth by a refresh.
    let tenth = tenth.unwrap_or_default();
    drop(server);
    assert!(
        refreshes < 10 || last < tenth + FLAT_KIB,
        "memory grew from {tenth} to {last} KiB"
    );
}

fn write_documents(docs: &Path, count: usize) {
    for number in 0..count {
        let (ticket, place) = (number / 9, number % 9);
        let folder = docs.join(format!("2026/11/{:02}/BENCH-{ticket}--some-work", 1 + ticket % 28));
        std::fs::create_dir_all(&folder).unwrap();
        let (name, kind) = match place {
            0 => ("index.md".to_owned(), "index"),
            _ => (format!("{place:02}-notes.md"), "reference"),
        };
        let head = format!(
            "---\nTitle: Document {number}\nTicket: BENCH-{ticket}\nStatus: active\nTopics:\n    - relay\n    - t{place}\n\
             DocType: {kind}\nIntent: long-term\nOwners: [kim, lee]\nRelatedFiles:\n    - Path: pkg/a{place}.go\n      \
             Note: why\nExternalSources: []\nSummary: \"\"\nLastUpdated: 2026-11-21T08:36:40.850811302Z\n---\n\n"
        );
        std::fs::write(folder.join(name), head + &"Some words of a document.\n".repeat(380)).unwrap();
    }
}

/// Ends with the benchmark, however that ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(docs: &Path, port_file: &Path) -> (Server, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metawsm"));
    command
        .args(["docs-server", "--addr", "127.0.0.1:0", "--root"])
        .arg(docs);
    command.arg("--port-file").arg(port_file).stderr(Stdio::null());
    let server = Server(command.spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(address) = std::fs::read_to_string(port_file)
            .ok()
            .and_then(|text| text.trim().parse().ok())
        {
            return (server, address);
        }
        assert!(Instant::now() < deadline, "the server never listened");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn refresh(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /api/v1/index/refresh HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

/// Resident memory.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
