//! The streams of one controller as their readers see them, and a Redis of one's own for stories that break it.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use metawsm::adapters::redis::streams::StreamNames;
use metawsm::kernel::envelope::Envelope;
use redis::streams::StreamRangeReply;
use redis::{AsyncCommands as _, Client};

use super::polling::eventually;

/// The streams behind one prefix.
pub struct Streams {
    client: Client,
    names: StreamNames,
}

impl Streams {
    pub fn new(url: &str, prefix: &str) -> Self {
        Self {
            client: Client::open(url).unwrap(),
            names: StreamNames::new(prefix),
        }
    }

    /// Every event in the order of the stream, with the entry's id.
    pub async fn all(&self) -> Vec<(String, Envelope)> {
        self.read(&self.names.ordered()).await
    }

    /// The events of one type.
    pub async fn of_type(&self, event_type: &str) -> Vec<(String, Envelope)> {
        self.read(&self.names.of_type(event_type)).await
    }

    async fn read(&self, stream: &str) -> Vec<(String, Envelope)> {
        let mut connection = self
            .client
            .get_multiplexed_async_connection()
            .await
            .expect("Redis answers");
        let reply: StreamRangeReply = connection.xrange_all(stream).await.unwrap();
        let envelope = |payload: String| serde_json::from_str(&payload).expect("the payload is an envelope");
        reply
            .ids
            .iter()
            .map(|e| (e.id.clone(), envelope(e.get("payload").unwrap())))
            .collect()
    }

    /// Waits until `found` gives something of all events.
    pub async fn until<T>(&self, what: &str, found: impl Fn(&[Envelope]) -> Option<T>) -> T {
        eventually(&format!("in Redis: {what}"), async || {
            let events: Vec<_> = self.all().await.into_iter().map(|(_, e)| e).collect();
            found(&events)
        })
        .await
    }

    /// The first event of a type, once it is there.
    pub async fn first(&self, event_type: &str) -> Envelope {
        let found = |events: &[Envelope]| events.iter().find(|e| e.event.event_type == event_type).cloned();
        self.until(event_type, found).await
    }

    /// Forgets everything that this Redis holds.
    pub async fn flush(&self) {
        let mut connection = self
            .client
            .get_multiplexed_async_connection()
            .await
            .expect("Redis answers");
        redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await.unwrap();
    }
}

/// A port that nobody is given for the next minute but who asks for it by number, as Redis does: the end of the
/// connection that was closed here first waits there.
fn kept_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let far = TcpStream::connect(address).unwrap();
    drop(listener.accept().unwrap());
    drop(far);
    address.port()
}

/// A Redis of one's own on a fixed port, without persistence.
pub struct Server {
    port: u16,
    process: Option<Child>,
    folder: tempfile::TempDir,
}

impl Server {
    pub async fn started() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self {
            port: kept_port(),
            process: None,
            folder,
        };
        server.start().await;
        server
    }

    pub async fn start(&mut self) {
        self.process = Some(self.spawned());
        eventually("Redis answers", async || {
            // Somebody's connection may have had the port for a moment.
            if self.process.as_mut()?.try_wait().unwrap().is_some() {
                self.process = Some(self.spawned());
            }
            let mut connection = Client::open(self.url())
                .unwrap()
                .get_multiplexed_async_connection()
                .await
                .ok()?;
            redis::cmd("PING").query_async::<String>(&mut connection).await.ok()
        })
        .await;
    }

    fn spawned(&self) -> Child {
        let port = self.port.to_string();
        let process = Command::new("redis-server")
            .args([
                "--port",
                &port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
            ])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn();
        process.expect("redis-server is installed")
    }

    /// Runs one command on it; it must succeed.
    pub async fn tell(&self, line: &[&str]) {
        self.tell_with("", line).await;
    }

    /// As [`Self::tell`], with a password.
    pub async fn tell_with(&self, password: &str, line: &[&str]) {
        let mut connection = Client::open(self.url().replace("://", &format!("://:{password}@")))
            .unwrap()
            .get_multiplexed_async_connection()
            .await
            .expect("Redis answers");
        let mut command = redis::cmd(line[0]);
        command.arg(&line[1..]);
        command.query_async::<redis::Value>(&mut connection).await.unwrap();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(self.process.as_ref().expect("it runs"));
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Kills it; all it held is lost but what it was told to save.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
