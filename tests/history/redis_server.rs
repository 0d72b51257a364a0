//! A real Redis of its own for a story, without persistence, gone with the value.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use metawsm::adapters::redis::{RedisSettings, RedisSink};
use metawsm::kernel::envelope::Envelope;
use redis::streams::StreamRangeReply;
use redis::{AsyncCommands, Client, aio::MultiplexedConnection};

use super::stage::{PATIENCE, eventually};

pub struct RedisServer {
    pub port: u16,
    process: Option<Child>,
    folder: tempfile::TempDir,
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
            port: kept_port(),
            process: None,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub async fn started() -> Self {
        let mut server = Self::reserved();
        server.start().await;
        server
    }

    pub async fn start(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut process = self.spawned();
        while self.answer().await.is_none() {
            assert!(Instant::now() < deadline, "Redis does not answer");
            // Somebody's connection may have had the port for a moment.
            if process.try_wait().unwrap().is_some() {
                process = self.spawned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.process = Some(process);
    }

    async fn answer(&self) -> Option<String> {
        let mut connection = self.client().get_multiplexed_async_connection().await.ok()?;
        redis::cmd("PING").query_async::<String>(&mut connection).await.ok()
    }

    fn spawned(&self) -> Child {
        let port = self.port.to_string();
        Command::new("redis-server")
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
            .spawn()
            .expect("redis-server is installed")
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

    pub async fn connection(&self) -> MultiplexedConnection {
        self.client().get_multiplexed_async_connection().await.unwrap()
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
