//! A real Redis of its own for a story, without persistence, gone with the value.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use metawsm::adapters::redis::{RedisSettings, RedisSink};
use metawsm::kernel::envelope::Envelope;
use redis::streams::StreamRangeReply;
use redis::{AsyncCommands, AsyncConnectionConfig, Client, RedisResult, aio::MultiplexedConnection};

use super::ports;
use super::stage::{PATIENCE, eventually};

pub struct RedisServer {
    pub port: u16,
    process: Option<Child>,
    folder: tempfile::TempDir,
}

/// One entry of a stream as a reader sees it.
pub struct Read {
    pub id: String,
    pub message_uuid: String,
    pub metadata: Vec<u8>,
    pub envelope: Envelope,
}

impl RedisServer {
    /// A free address; nobody answers there yet.
    pub fn reserved() -> Self {
        Self {
            port: ports::free(),
            process: None,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub async fn started() -> Self {
        let mut server = Self::reserved();
        server.start_at(ports::free).await;
        server
    }

    pub async fn start(&mut self) {
        let port = self.port;
        self.start_at(|| port).await;
    }

    /// Who finds the port taken ends, and is started again.
    async fn start_at(&mut self, port: impl Fn() -> u16) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.has_ended() {
                self.port = port();
                self.launch();
            }
            if self.answers().await.is_some() {
                return;
            }
            assert!(Instant::now() < deadline, "Redis does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
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
            ])
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(process.expect("redis-server is installed"));
    }

    /// Whether it is this very process that answers on the port.
    async fn answers(&self) -> Option<()> {
        let own = format!("process_id:{}", self.process.as_ref()?.id());
        let mut connection = self.connect().await.ok()?;
        let mut asked = redis::cmd("INFO");
        let said: String = asked.arg("server").query_async(&mut connection).await.ok()?;
        said.lines().any(|line| line == own).then_some(())
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub fn settings(&self, prefix: &str) -> RedisSettings {
        let url = format!("redis://127.0.0.1:{}/0", self.port);
        RedisSettings {
            url,
            prefix: prefix.into(),
            ..RedisSettings::default()
        }
    }

    pub fn sink(&self) -> RedisSink {
        RedisSink::new(&self.settings("")).unwrap()
    }

    fn client(&self) -> Client {
        Client::open(format!("redis://127.0.0.1:{}/0", self.port)).unwrap()
    }

    /// The client's own deadlines are half a second, and busy cores may take more.
    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let patient = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let client = self.client();
        client.get_multiplexed_async_connection_with_config(&patient).await
    }

    pub async fn connection(&self) -> MultiplexedConnection {
        self.connect().await.unwrap()
    }

    pub async fn flush(&self) {
        redis::cmd("FLUSHALL")
            .query_async::<()>(&mut self.connection().await)
            .await
            .unwrap();
    }

    pub async fn read(&self, stream: &str) -> Vec<Read> {
        let reply: StreamRangeReply = self.connection().await.xrange_all(stream).await.unwrap();
        let read = |entry: &redis::streams::StreamId| Read {
            id: entry.id.clone(),
            message_uuid: entry.get("_watermill_message_uuid").unwrap(),
            metadata: entry.get("metadata").unwrap(),
            envelope: serde_json::from_str(&entry.get::<String>("payload").unwrap()).unwrap(),
        };
        reply.ids.iter().map(read).collect()
    }

    /// The stream once it has `count` entries.
    pub async fn read_full(&self, stream: &str, count: usize) -> Vec<Read> {
        eventually(&format!("'{stream}' has {count} entries"), || async {
            let length: usize = self.connection().await.xlen(stream).await.unwrap();
            (length >= count).then_some(())
        })
        .await;
        self.read(stream).await
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}
