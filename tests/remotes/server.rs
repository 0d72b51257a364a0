//! A git server over https for tests: real TLS with an authority of its own, real `git http-backend`, basic or bearer
//! authentication; and remotes that misbehave, chosen by the first part of the path.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

type Stream = StreamOwned<ServerConnection, TcpStream>;

pub struct Server {
    pub port: u16,
    /// The authority's certificate.
    pub ca: String,
    state: Arc<State>,
}

struct State {
    repos: PathBuf,
    /// The `Authorization` header that private repositories want.
    wanted: Mutex<String>,
    redirect: Mutex<String>,
    hits: AtomicUsize,
    stop: AtomicBool,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Server {
    /// Serves `repos/<name>` as `/public/<name>` and, with the header, as `/private/<name>`.
    pub fn start(repos: &Path, wanted: &str) -> Self {
        let (config, ca) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            repos: repos.to_owned(),
            wanted: Mutex::new(wanted.to_owned()),
            redirect: Mutex::default(),
            hits: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, state) = (config.clone(), shared.clone());
                thread::spawn(move || {
                    let connection = ServerConnection::new(config).unwrap();
                    let _ = serve(BufReader::new(StreamOwned::new(connection, stream)), &state);
                });
            }
        });
        Self { port, ca, state }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}/{path}", self.port)
    }

    /// Where `/redirect/…` leads.
    pub fn redirect_to(&self, base: &str) {
        base.clone_into(&mut self.state.redirect.lock().unwrap());
    }

    pub fn want(&self, header: &str) {
        header.clone_into(&mut self.state.wanted.lock().unwrap());
    }

    pub fn hits(&self) -> usize {
        self.state.hits.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
    }
}

fn tls() -> (Arc<ServerConfig>, String) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap();
    (Arc::new(config), ca)
}

fn serve(mut stream: BufReader<Stream>, state: &State) -> std::io::Result<()> {
    while let Some(request) = read(&mut stream)? {
        state.hits.fetch_add(1, Ordering::Relaxed);
        let (kind, rest) = request.path[1..].split_once('/').unwrap_or_default();
        let rest = rest.to_owned();
        match kind {
            "public" => backend(&mut stream, state, &request, &rest)?,
            "private" => {
                let given = request.header("authorization").unwrap_or_default().to_owned();
                if given == *state.wanted.lock().unwrap() {
                    backend(&mut stream, state, &request, &rest)?;
                } else {
                    // A server that tells what it was sent.
                    let body = format!("you sent {given}\n");
                    let head = "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Type: text/plain";
                    answer(&mut stream, head, body.as_bytes())?;
                }
            }
            "redirect" => {
                let base = state.redirect.lock().unwrap().clone();
                let head = format!("302 Found\r\nLocation: {base}/{rest}?{}", request.query);
                answer(&mut stream, &head, b"")?;
            }
            "hang" => {
                while !state.stop.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(50));
                }
                return Ok(());
            }
            "endless-refs" => return endless_refs(&mut stream, state),
            _ => answer(&mut stream, "404 Not Found", b"")?,
        }
    }
    Ok(())
}

fn read(stream: &mut BufReader<Stream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .and_then(|l| l.parse().ok())
        .unwrap_or(0);
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn answer(stream: &mut BufReader<Stream>, head: &str, body: &[u8]) -> std::io::Result<()> {
    let out = stream.get_mut();
    write!(out, "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    out.write_all(body)?;
    out.flush()
}

/// What `git http-backend` says, as a CGI program.
fn backend(stream: &mut BufReader<Stream>, state: &State, request: &Request, path: &str) -> std::io::Result<()> {
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &state.repos)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{path}"))
        .env("QUERY_STRING", &request.query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", request.header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env(
            "HTTP_CONTENT_ENCODING",
            request.header("content-encoding").unwrap_or_default(),
        )
        .env("GIT_PROTOCOL", request.header("git-protocol").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().unwrap().write_all(&request.body)?;
    let output = child.wait_with_output()?.stdout;
    let end = output
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .unwrap_or(output.len() - 4);
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head
        .lines()
        .find_map(|l| l.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    let rest: Vec<&str> = head.lines().filter(|l| !l.starts_with("Status: ")).collect();
    answer(
        stream,
        &format!("{status}\r\n{}", rest.join("\r\n")),
        &output[end + 4..],
    )
}

/// Refs without end, in the older protocol, which names them all in one answer.
fn endless_refs(stream: &mut BufReader<Stream>, state: &State) -> std::io::Result<()> {
    use std::fmt::Write as _;
    let out = stream.get_mut();
    out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n")?;
    out.write_all(b"001e# service=git-upload-pack\n0000")?;
    let mut number = 0_u64;
    while !state.stop.load(Ordering::Relaxed) {
        let mut chunk = String::new();
        for _ in 0..2000 {
            number += 1;
            let capabilities = if number == 1 { "\0ofs-delta" } else { "" };
            let line = format!("{number:040x} refs/heads/{number:0200}{capabilities}\n");
            let _ = write!(chunk, "{:04x}{line}", line.len() + 4);
        }
        out.write_all(chunk.as_bytes())?;
    }
    Ok(())
}
