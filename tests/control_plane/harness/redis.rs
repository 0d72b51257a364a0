//! The streams of one controller as their readers see them, and a Redis of one's own for stories that break it.

use std::process::{Child, Command, Stdio};

use metawsm::adapters::redis::streams::StreamNames;
use metawsm::kernel::envelope::Envelope;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamRangeReply;
use redis::{AsyncCommands as _, AsyncConnectionConfig, Client, RedisResult};

use super::polling::{PATIENCE, eventually};
use super::ports;

/// A connection for a machine that may be busier than the client's own deadlines allow for, which are half a second.
async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    client.get_multiplexed_async_connection_with_config(&patient).await
}

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
        let mut connection = connect(&self.client).await.expect("Redis answers");
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
        let mut connection = connect(&self.client).await.expect("Redis answers");
        redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await.unwrap();
    }
}

/// A Redis of one's own on a fixed port, without persistence.
pub struct Server {
    port: u16,
    process: Option<Child>,
    folder: tempfile::TempDir,
}

impl Server {
    pub async fn started() -> Self {
        let mut server = Self {
            port: 0,
            process: None,
            folder: tempfile::tempdir().unwrap(),
        };
        eventually("a Redis of one's own answers", async || {
            if server.has_ended() {
                server.port = ports::free();
                server.launch();
            }
            server.answers().await
        })
        .await;
        server
    }

    /// Starts it again, on its port.
    pub async fn start(&mut self) {
        eventually("Redis answers", async || {
            if self.has_ended() {
                self.launch();
            }
            self.answers().await
        })
        .await;
    }

    fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|p| p.try_wait().unwrap().is_some())
    }

    fn launch(&mut self) {
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
        self.process = Some(process.expect("redis-server is installed"));
    }

    /// Whether it is this very process that answers on the port, and takes commands.
    async fn answers(&self) -> Option<()> {
        let own = format!("process_id:{}", self.process.as_ref()?.id());
        let mut connection = connect(&Client::open(self.url()).unwrap()).await.ok()?;
        let mut asked = redis::cmd("INFO");
        let said: String = asked.arg("server").query_async(&mut connection).await.ok()?;
        if !said.lines().any(|line| line == own) {
            return None;
        }
        // It says who it is also while it still reads what it saved.
        redis::cmd("PING").query_async::<()>(&mut connection).await.ok()
    }

    /// Runs one command on it; it must succeed.
    pub async fn tell(&self, line: &[&str]) {
        self.tell_with("", line).await;
    }

    /// As [`Self::tell`], with a password.
    pub async fn tell_with(&self, password: &str, line: &[&str]) {
        let client = Client::open(self.url().replace("://", &format!("://:{password}@"))).unwrap();
        let mut connection = connect(&client).await.expect("Redis answers");
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
