//! Processes seen through `/proc`: an identity that survives the reuse of numbers, and ending a whole session.
//! Knows nothing of steps.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

/// How often a session that is ending is looked at again.
const GLANCE: Duration = Duration::from_millis(20);

/// Names the supervisor's process to what it runs, which ends itself when that one is gone.
pub const SUPERVISOR: &str = "METAWSM_SUPERVISOR";

/// Asks the kernel to end this process together with its supervisor; nothing for one started by hand.
///
/// # Errors
/// The supervisor is gone already.
pub fn die_with_supervisor() -> io::Result<()> {
    let Ok(supervisor) = std::env::var(SUPERVISOR) else {
        return Ok(());
    };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().to_string());
    if parent.as_deref() != Some(supervisor.as_str()) {
        return Err(io::Error::other("the supervisor is gone"));
    }
    Ok(())
}

/// One process for good: its number alone may mean another one later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    pub pid: i32,
    /// Clock ticks since boot, field 22 of `/proc/<pid>/stat`.
    pub start_time: u64,
    pub boot_id: String,
}

/// What `/proc/<pid>/stat` tells.
struct Stat {
    state: char,
    session: i32,
    start_time: u64,
}

impl ProcessIdentity {
    /// This process.
    pub fn own() -> io::Result<Self> {
        Self::of(rustix::process::getpid().as_raw_nonzero().get())
    }

    /// The process that has this number now. Of use only for one's own children, whose numbers are not reused before
    /// they are waited for.
    pub fn of(pid: i32) -> io::Result<Self> {
        let stat = stat(pid).ok_or_else(|| io::Error::other(format!("/proc does not show process {pid}")))?;
        Ok(Self {
            pid,
            start_time: stat.start_time,
            boot_id: boot_id()?,
        })
    }

    /// Whether it still runs. One that ended but was not reaped counts as ended.
    pub fn is_alive(&self) -> bool {
        let seen = stat(self.pid);
        seen.is_some_and(|s| s.start_time == self.start_time && !matches!(s.state, 'Z' | 'X')) && self.is_of_this_boot()
    }

    /// Sends it a signal, and never to another process of the same number.
    pub fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
            return;
        };
        if self.is_alive() {
            let _ = pidfd_send_signal(&handle, signal);
        }
    }

    /// Kills what is left of the session that this process led. While a session has members its number is not reused.
    /// Whether nothing is left within `patience`.
    pub fn end_session(&self, patience: Duration) -> bool {
        let own_number = rustix::process::getpid().as_raw_nonzero().get();
        let reused = stat(self.pid).is_some_and(|s| s.start_time != self.start_time);
        if reused || !self.is_of_this_boot() {
            return true;
        }
        let deadline = Instant::now() + patience;
        loop {
            let members: Vec<i32> = members_of(self.pid)
                .into_iter()
                .filter(|pid| *pid != own_number)
                .collect();
            if members.is_empty() {
                return true;
            }
            for pid in members {
                kill_if(pid, |s| s.session == self.pid);
            }
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn is_of_this_boot(&self) -> bool {
        boot_id().is_ok_and(|id| id == self.boot_id)
    }
}

fn kill_if(pid: i32, still: impl Fn(&Stat) -> bool) {
    let Some(number) = Pid::from_raw(pid) else { return };
    let Ok(handle) = pidfd_open(number, PidfdFlags::empty()) else {
        return;
    };
    if stat(pid).is_some_and(|s| still(&s)) {
        let _ = pidfd_send_signal(&handle, Signal::KILL);
    }
}

fn members_of(session: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| stat(*pid).is_some_and(|s| s.session == session && !matches!(s.state, 'Z' | 'X')))
        .collect()
}

fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
}

/// Fields are counted after the last `)`, for a program's name may contain anything.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        session: fields.get(3)?.parse().ok()?,
        start_time: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_brackets_does_not_shift_the_fields() {
        let line = "7 (a) b ) S 1 2 33 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.state, stat.session, stat.start_time), ('S', 33, 4711));
    }

    #[test]
    fn this_process_is_alive_and_its_twin_of_another_time_is_not() {
        let own = ProcessIdentity::own().unwrap();
        assert!(own.is_alive());
        assert!(
            !ProcessIdentity {
                start_time: own.start_time + 1,
                ..own.clone()
            }
            .is_alive()
        );
        assert!(
            !ProcessIdentity {
                boot_id: "other".into(),
                ..own
            }
            .is_alive()
        );
    }
}
