//! Calls of the real git that hang, fail or meet too much.

use super::*;
use std::time::Instant;

fn rules(timeout_seconds: u64) -> GitRules {
    GitRules {
        timeout_seconds,
        ..GitRules::default()
    }
}

#[test]
fn a_call_that_hangs_is_ended_with_all_it_started() {
    let started = Instant::now();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("pid");
    let alias = format!("alias.hang=!sleep 1000 & echo $! > '{}'; wait", file.display());
    // On a busy machine the time may be over before it hangs.
    let begun = [1, 10, 100].into_iter().find_map(|seconds| {
        let error = GitCall::new(&rules(seconds), None)
            .args(&["-c", &alias, "hang"])
            .line()
            .unwrap_err();
        assert_eq!((error.reason.as_str(), error.retriable), ("GitTimedOut", true));
        std::fs::read_to_string(&file).ok().filter(|pid| pid.ends_with('\n'))
    });
    assert!(started.elapsed() < Duration::from_secs(900), "it did not end by itself");
    let pid = begun.expect("it hangs, and says who");
    let gone = || match std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    };
    let deadline = Instant::now() + Duration::from_secs(240);
    while !gone() && Instant::now() < deadline {
        thread::yield_now();
    }
    assert!(gone());
}

#[test]
fn a_failure_tells_the_command_and_its_message() {
    let error = GitCall::new(&rules(20), None)
        .args(&["no-such-command"])
        .line()
        .unwrap_err();
    assert_eq!(error.reason, "GitFailed");
    assert!(
        error.message.contains("git no-such-command ended with exit code 1"),
        "{}",
        error.message
    );
}

#[test]
fn the_environment_is_closed() {
    let seen = GitCall::new(&rules(20), None)
        .args(&["-c", "alias.env=!env", "env"])
        .line()
        .unwrap();
    assert!(!seen.contains("CARGO"), "{seen}");
    assert!(seen.contains("HOME=/nonexistent"));
}

#[test]
fn what_others_feed_may_not_take_all_memory() {
    let scratch = tempfile::tempdir().unwrap();
    let rules = GitRules {
        max_repo_bytes: 1 << 20,
        ..rules(20)
    };
    let limits = GitCall::new(&rules, None)
        .bounded(scratch.path(), &rules)
        .args(&["-c", "alias.limits=!cat /proc/self/limits", "limits"])
        .line()
        .unwrap();
    let data = limits.lines().find(|line| line.starts_with("Max data size")).unwrap();
    assert!(data.contains("2147483648"), "{data}");
}
