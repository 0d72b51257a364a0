//! Whether endpoints that are dead, hang or trickle delay the others, and what a catalogue of tickets costs in memory: one
//! round over a hundred documents' servers, side by side, each with a budget of its own; and what a question costs where
//! nothing changed. Servers and client share one process. `BENCH_TICKETS` sets the tickets of each server, `BENCH_ROUNDS` the rounds, `BENCH_BUDGET` the seconds that each
//! endpoint has (5, as a DocEndpoint has by default; a build without optimisation on a busy machine needs more).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use metawsm::adapters::docmgr::{Docmgr, DocsLimits};
use metawsm::kernel::address_rules::AddressRules;
use metawsm::ports::doc_source::{DocServer, DocSource as _, DocSourceCode, Reach, TicketList};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the slowest healthy server waits before it answers, of its budget.
const SLOW: f64 = 0.86;
/// Endpoints in all, and of each bad sort.
const ENDPOINTS: usize = 100;
const BAD: usize = 5;
/// Rounds of questions at rest: enough for a steady mean.
const STEADY: usize = 50;

/// How a server behaves.
#[derive(Clone)]
enum Manner {
    /// Answers, the status after a pause.
    Healthy(Duration, Arc<Vec<Vec<u8>>>),
    Hangs,
    /// A byte a second.
    Trickles,
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (tickets, rounds) = (number("BENCH_TICKETS", 1_000), number("BENCH_ROUNDS", 3));
    let budget = Duration::from_secs(number("BENCH_BUDGET", 5) as u64);
    println!("fan-out: {ENDPOINTS} endpoints, {tickets} tickets each, budget {budget:?}");
    let rules = AddressRules::read(&["127.0.0.0/8".to_owned()], &[]).unwrap();
    let limits = DocsLimits {
        max_answer_bytes: 4 << 20,
        max_tickets: 20_000,
    };
    let client = Arc::new(Docmgr::new(rules, limits).unwrap());
    let pages = Arc::new(pages(tickets));
    let mut healthy = Vec::new();
    for number in 0..ENDPOINTS - 3 * BAD {
        let pause = if number == 0 {
            budget.mul_f64(SLOW)
        } else {
            Duration::ZERO
        };
        healthy.push(serve(Manner::Healthy(pause, pages.clone())).await);
    }
    let mut all = healthy.clone();
    for _ in 0..BAD {
        all.push(serve(Manner::Hangs).await);
        all.push(serve(Manner::Trickles).await);
        all.push(TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap());
    }
    let _warm = round(&client, &healthy, budget).await;
    println!(
        "{:>6} {:>14} {:>18} {:>16} {:>8} {:>8} {:>12}",
        "round", "only healthy", "healthy beside bad", "whole round", "beside", "whole", "memory"
    );
    let mut kept = Vec::new();
    for number in 1..=rounds {
        let alone = round(&client, &healthy, budget).await;
        let beside = round(&client, &all, budget).await;
        assert_eq!(beside.lists.len(), healthy.len(), "every healthy endpoint answered");
        assert!(
            beside.lists.iter().all(|l| l.rows.len() == tickets),
            "every ticket was seen"
        );
        assert_eq!(beside.late, 2 * BAD, "what hangs or trickles is cut by its budget");
        assert_eq!(beside.dead, BAD);
        let ratio = |one: Duration| one.as_secs_f64() / alone.healthy.as_secs_f64();
        kept = beside.lists;
        println!(
            "{number:>6} {:>14.2?} {:>18.2?} {:>16.2?} {:>8.2} {:>8.2} {:>9} MiB",
            alone.healthy,
            beside.healthy,
            beside.whole,
            ratio(beside.healthy),
            ratio(beside.whole),
            resident() >> 20
        );
        assert!(
            ratio(beside.whole) <= 1.2,
            "a round takes at most 1.2 times its slowest healthy endpoint"
        );
    }
    memory(&client, &healthy[1..], kept, (tickets, budget)).await;
    steady(&client, &healthy[1..], budget).await;
}

/// What asking costs where the index is the known one: one question for each endpoint, no list.
async fn steady(client: &Arc<Docmgr>, healthy: &[SocketAddr], budget: Duration) {
    let (began, used) = (Instant::now(), processor());
    for _ in 0..STEADY {
        let asked = healthy.iter().map(|address| {
            let (client, url) = (client.clone(), format!("http://{address}").parse().unwrap());
            async move {
                let server = DocServer {
                    url,
                    credential: None,
                    reach: Reach::Listed,
                };
                client.status(&server, budget).await.unwrap()
            }
        });
        assert_eq!(join_all(asked).await.len(), healthy.len());
    }
    let questions = STEADY * healthy.len();
    let each = |all: Duration| all / u32::try_from(questions).unwrap();
    println!(
        "at rest: {questions} questions, {:.1?} of processor time each (client and server), {:.1?} each side by side",
        each(processor().saturating_sub(used)),
        each(began.elapsed())
    );
}

/// Processor time of this process so far.
fn processor() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.try_into().unwrap(), used.tv_nsec.try_into().unwrap())
}

/// What a kept catalogue costs by its tickets, and whether rounds after the first cost anything.
async fn memory(
    client: &Arc<Docmgr>,
    healthy: &[SocketAddr],
    kept: Vec<TicketList>,
    (tickets, budget): (usize, Duration),
) {
    drop(kept);
    println!("{:>10} {:>10} {:>14}", "endpoints", "tickets", "memory");
    for count in [10, 20, 40, 80] {
        let kept = round(client, &healthy[..count], budget).await.lists;
        println!(
            "{count:>10} {:>10} {:>10} MiB",
            kept.iter().map(|l| l.rows.len()).sum::<usize>(),
            resident() >> 20
        );
        assert_eq!(kept.len() * tickets, count * tickets);
    }
}

/// One round: how long the last healthy endpoint took, and all of them.
struct Round {
    lists: Vec<TicketList>,
    late: usize,
    dead: usize,
    healthy: Duration,
    whole: Duration,
}

async fn round(client: &Arc<Docmgr>, addresses: &[SocketAddr], budget: Duration) -> Round {
    let began = Instant::now();
    let probes: Vec<_> = addresses
        .iter()
        .map(|address| {
            let (client, url) = (client.clone(), format!("http://{address}").parse().unwrap());
            tokio::spawn(async move {
                let server = DocServer {
                    url,
                    credential: None,
                    reach: Reach::Listed,
                };
                (client.tickets(&server, budget).await, began.elapsed())
            })
        })
        .collect();
    let mut round = Round {
        lists: vec![],
        late: 0,
        dead: 0,
        healthy: Duration::ZERO,
        whole: Duration::ZERO,
    };
    for ended in join_all(probes).await {
        let (answer, at) = ended.unwrap();
        match answer {
            Ok(list) => {
                round.lists.push(list);
                round.healthy = round.healthy.max(at);
            }
            Err(error) if error.code == DocSourceCode::TimedOut => round.late += 1,
            Err(error) if error.code == DocSourceCode::ConnectFailed => round.dead += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    round.whole = began.elapsed();
    round
}

/// The pages of a list, of 500 tickets each.
fn pages(tickets: usize) -> Vec<Vec<u8>> {
    let row = |n: usize| {
        json!({
            "ticket": format!("BENCH-{n:05}"), "title": format!("What ticket number {n} is about, in a few words"), "status": "active",
            "topics": ["forum", "relay"], "owners": ["kim", "lee"], "intent": "long-term", "createdAt": "2026-11-21",
            "updatedAt": "2026-11-21T08:36:40.850811302Z", "ticketDir": format!("2026/11/21/BENCH-{n:05}--about"),
            "indexPath": format!("2026/11/21/BENCH-{n:05}--about/index.md"), "snippet": "", "stats": null,
        })
    };
    let all: Vec<_> = (0..tickets).map(row).collect();
    let chunks: Vec<_> = all.chunks(500).collect();
    let page = |(n, rows): (usize, &&[serde_json::Value])| {
        let next = if n + 1 < chunks.len() {
            (n + 1).to_string()
        } else {
            String::new()
        };
        answer(&json!({"total": tickets, "results": rows, "nextCursor": next}))
    };
    chunks.iter().enumerate().map(page).collect()
}

fn answer(body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn serve(manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(behave(stream, manner.clone()));
        }
    });
    address
}

async fn behave(stream: TcpStream, manner: Manner) {
    let mut stream = BufReader::new(stream);
    while let Some(target) = request(&mut stream).await {
        let sent = match &manner {
            Manner::Healthy(pause, pages) => {
                if target.contains("/status") {
                    tokio::time::sleep(*pause / 2).await;
                    let status = json!({"root": "/r", "repoRoot": "/", "indexedAt": "2026-11-21T08:36:44Z", "docsIndexed": 1000, "ftsAvailable": true});
                    stream.write_all(&answer(&status)).await
                } else {
                    let page = target.split("cursor=").nth(1).map_or(0, |n| n.parse().unwrap());
                    stream.write_all(&pages[page]).await
                }
            }
            Manner::Hangs => std::future::pending().await,
            Manner::Trickles => trickle(&mut stream).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn trickle(stream: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        .await?;
    loop {
        stream.write_all(b" ").await?;
        stream.flush().await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The target of the next request.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok().filter(|n| *n > 0)?;
    let mut line = first.clone();
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.ok().filter(|n| *n > 0)?;
    }
    first.split(' ').nth(1).map(str::to_owned)
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
