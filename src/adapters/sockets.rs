//! Which process listens on an address, as `/proc` tells it: proof that a port is still its server's and was not taken
//! by another process. Changes nothing.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The inode of the socket with which that process listens on exactly that address; `None` if it does not. While a
/// socket of the kernel's listens on a port nobody else can (neither end asks for `SO_REUSEPORT`), so two looks that
/// tell the same inode prove that the port was this socket's all the time between them.
pub fn listener(pid: i32, address: SocketAddr) -> io::Result<Option<u64>> {
    let table = match address.ip() {
        IpAddr::V4(_) => "tcp",
        IpAddr::V6(_) => "tcp6",
    };
    let text = match fs::read_to_string(format!("/proc/{pid}/net/{table}")) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let Some(inode) = inode_of(&text, address) else {
        return Ok(None);
    };
    Ok(holds(pid, inode)?.then_some(inode))
}

fn inode_of(table: &str, address: SocketAddr) -> Option<u64> {
    let wanted = spelled(address);
    let rows = table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut listening = rows.filter(|row| row.get(1) == Some(&wanted.as_str()) && row.get(3) == Some(&LISTENING));
    listening.next()?.get(9)?.parse().ok()
}

/// The address as the kernel writes it: words of four bytes in the machine's own order, then the port.
fn spelled(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = bytes.chunks_exact(4).map(|word| {
        let word = [word[0], word[1], word[2], word[3]];
        format!("{:08X}", u32::from_ne_bytes(word))
    });
    format!("{}:{:04X}", words.collect::<String>(), address.port())
}

fn holds(pid: i32, inode: u64) -> io::Result<bool> {
    let entries = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let wanted = format!("socket:[{inode}]");
    let held = |entry: io::Result<fs::DirEntry>| {
        let target = entry.and_then(|entry| fs::read_link(entry.path()));
        target.is_ok_and(|target| target.as_os_str() == wanted.as_str())
    };
    Ok(entries.into_iter().any(held))
}

/// The memory that a process holds, in bytes; `None` if it is gone.
pub fn resident_bytes(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn own() -> i32 {
        rustix::process::getpid().as_raw_nonzero().get()
    }

    #[test]
    fn a_listener_is_known_by_its_process_and_its_address() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener_socket) = TcpListener::bind(host) else {
                continue;
            };
            let address = listener_socket.local_addr().unwrap();
            let first = listener(own(), address).unwrap();
            assert!(first.is_some(), "{host}");
            assert_eq!(listener(own(), address).unwrap(), first);
            let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
            assert_eq!(
                listener(i32::try_from(other.id()).unwrap(), address).unwrap(),
                None,
                "somebody else's"
            );
            other.kill().unwrap();
            other.wait().unwrap();
            drop(listener_socket);
            assert_eq!(listener(own(), address).unwrap(), None, "closed");
            let again = TcpListener::bind(address).unwrap();
            assert_ne!(
                listener(own(), again.local_addr().unwrap()).unwrap(),
                first,
                "another socket on the port"
            );
        }
    }

    #[test]
    fn addresses_are_spelled_as_the_kernel_does() {
        if cfg!(target_endian = "little") {
            assert_eq!(spelled("127.0.0.1:8080".parse().unwrap()), "0100007F:1F90");
            assert_eq!(
                spelled("[::1]:80".parse().unwrap()),
                "00000000000000000000000001000000:0050"
            );
        }
        assert!(resident_bytes(own()).unwrap() > 100_000);
    }
}
