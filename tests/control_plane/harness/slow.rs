//! A slow line between the controller and a server: every answer comes late. Understands nothing of what passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;

/// A line to one address on the loopback interface; gone with the value.
pub struct SlowLine {
    port: u16,
    late: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

impl SlowLine {
    /// A line to a port, without any delay yet.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let late = Arc::new(AtomicU64::new(0));
        let server = tokio::spawn(serve(listener, port, late.clone()));
        Self {
            port: own,
            late,
            server,
        }
    }

    /// From now on every answer comes so late, also on lines that are open.
    pub fn delay(&self, by: Duration) {
        self.late
            .store(u64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for SlowLine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, to: u16, late: Arc<AtomicU64>) {
    while let Ok((near, _)) = listener.accept().await {
        let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else {
            continue;
        };
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        tokio::spawn(carry(near_in, far_out, Arc::default()));
        tokio::spawn(carry(far_in, near_out, late.clone()));
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, late: Arc<AtomicU64>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        tokio::time::sleep(Duration::from_millis(late.load(Ordering::Relaxed))).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
