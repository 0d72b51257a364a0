//! Where tests take hold between two effects: a named place at which the process can be killed, made to panic or be
//! held up. Without the feature `failpoints` it is nothing. May not change what the program does.

/// The boundary between two effects. `FAILPOINTS="<name>=return(kill)"` ends the process there as `kill -9` does;
/// `panic` and `sleep(ms)` do what they say. `sleep` holds the whole thread.
pub fn boundary(name: &str) {
    let _ = name;
    fail::fail_point!(name, |action: Option<String>| {
        if action.as_deref() == Some("kill") {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    });
}
