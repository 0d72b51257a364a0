//! `metawsm ready`: asks a controller over HTTP whether every part of it is ready, for `helm test` and for people.
//! Reads one page; opens no database and knows no cluster.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use url::Url;

use crate::kernel::length::length;

/// How long one question may take, and the pause between two.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);
/// The page has a line for each part; what is longer is not ours.
const LIMIT: u64 = 64 << 10;

/// Ask a controller whether it is ready
#[derive(Args)]
pub struct ReadyArgs {
    /// Where its HTTP server is
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: Url,

    /// How long to go on asking [default: ask once]
    #[arg(long, value_parser = length)]
    wait: Option<Duration>,
}

impl ReadyArgs {
    /// Prints what the controller says of its parts; ends with 1 where it is not ready.
    ///
    /// # Errors
    /// It did not answer to the end.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let deadline = Instant::now() + self.wait.unwrap_or_default();
        loop {
            let said = ask(&self.url);
            let late = Instant::now() >= deadline;
            match said {
                Ok((200, parts)) => {
                    print!("{parts}");
                    return Ok(ExitCode::SUCCESS);
                }
                Ok((_, parts)) if late => {
                    print!("{parts}");
                    return Ok(ExitCode::FAILURE);
                }
                Err(error) if late => return Err(error),
                Ok(_) | Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }
}

fn ask(url: &Url) -> anyhow::Result<(u16, String)> {
    ensure!(url.scheme() == "http", "--url must begin with http://");
    let host = url.host_str().context("--url needs a host")?;
    let port = url.port_or_known_default().unwrap_or(80);
    let place = (host.trim_matches(['[', ']']), port);
    let found = place.to_socket_addrs();
    let found = found.with_context(|| format!("failed to find '{host}'"))?;
    let mut last = None;
    for address in found {
        match exchange(&address, host) {
            Ok(text) => return answer(&text).with_context(|| format!("'{url}' is no controller of metawsm")),
            Err(error) => last = Some(error),
        }
    }
    let last = last.with_context(|| format!("'{host}' has no address"))?;
    Err(last).with_context(|| format!("failed to ask '{url}'"))
}

fn exchange(address: &std::net::SocketAddr, host: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.take(LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

/// Status and body of an answer whose parts are as ours are: a line each.
fn answer(text: &str) -> Option<(u16, String)> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let ours = body.lines().all(|l| l.starts_with("[+]") || l.starts_with("[-]"));
    (ours && !body.is_empty()).then(|| (status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_a_line_for_each_part() {
        let ready = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n[+] caches\n";
        assert_eq!(answer(ready), Some((200, "[+] caches\n".to_owned())));
        let not = "HTTP/1.1 503 Service Unavailable\r\n\r\n[+] caches\n[-] rights: may not patch runs\n";
        assert_eq!(answer(not).map(|a| a.0), Some(503));
    }

    #[test]
    fn what_is_no_page_of_ours_is_no_answer() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n<html>",
            "x y\r\n\r\n[+] caches",
        ] {
            assert_eq!(answer(text), None, "{text:?}");
        }
    }
}
