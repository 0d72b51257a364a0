//! Ports that a server can come back to.

use std::net::TcpListener;

/// Below those that systems hand out, for connections and to whoever asks for any: nobody gets one of these by chance.
const OURS: std::ops::Range<u16> = 20_000..32_000;

/// A loopback port on which nobody listens. It is not reserved: whoever finds it taken asks for another.
pub fn free() -> u16 {
    loop {
        let port = rand::random_range(OURS);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
