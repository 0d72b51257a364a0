//! The Local executor with the real program: steps that end, die, wait, and outlive their controller.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use metawsm::adapters::executor_local::LocalExecutor;
use metawsm::adapters::processes::ProcessIdentity;
use metawsm::ports::executor::{Executor, StepKey, StepName, StepState};
use metawsm::ports::secrets::StepSecrets;
use metawsm::ports::step_folder as files;
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Far more than any of the waits needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Machine {
    scratch: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            scratch: tempfile::tempdir().unwrap(),
        }
    }

    fn executor(&self, places: usize) -> LocalExecutor {
        LocalExecutor::open(self.scratch.path(), env!("CARGO_BIN_EXE_metawsm").into(), places).unwrap()
    }

    fn folder(&self, key: &StepKey) -> PathBuf {
        let steps = self
            .scratch
            .path()
            .join("steps")
            .join(&key.run_uid)
            .join(&key.workspace);
        steps.join(format!("{}-{}", key.step.as_str(), key.attempt))
    }

    fn process(&self, key: &StepKey) -> Option<ProcessIdentity> {
        serde_json::from_slice(&std::fs::read(self.folder(key).join("process.json")).ok()?).ok()
    }

    /// A cleanup of a workspace that is not there: succeeds at once.
    fn quick_plan(&self) -> Value {
        let rules = json!({ "allowedHosts": [], "localRoots": [], "timeoutSeconds": 10 });
        json!({
            "folder": self.scratch.path().join("ws/n/r/t"), "ownerUid": "u", "orphans": self.scratch.path().join("o"),
            "branch": "b", "repos": [], "rules": rules,
        })
    }

    /// Makes the step hang: it waits for somebody to write into the pipe that its plan is.
    async fn start_hanging(&self, executor: &LocalExecutor, key: &StepKey) {
        let program = self.scratch.path().join("slow");
        assert!(program.exists(), "use `slow_executor`");
        executor.start(key, &json!({}), &StepSecrets::default()).await.unwrap();
    }

    /// An executor whose steps read their plan from a pipe that nobody writes to.
    fn slow_executor(&self, places: usize) -> LocalExecutor {
        let program = self.scratch.path().join("slow");
        let text = format!(
            "#!/bin/sh\nrm -f \"$3/plan.json\"\nmkfifo \"$3/plan.json\"\nexec '{}' \"$@\"\n",
            env!("CARGO_BIN_EXE_metawsm")
        );
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        LocalExecutor::open(self.scratch.path(), program, places).unwrap()
    }
}

fn key(workspace: &str, attempt: i32) -> StepKey {
    StepKey {
        namespace: "team".into(),
        run: "run".into(),
        run_uid: "uid-1".into(),
        workspace: workspace.into(),
        step: StepName::Cleanup,
        attempt,
    }
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn ended(executor: &LocalExecutor, key: &StepKey) -> StepState {
    until("the end", || async {
        match executor.look(key).await.unwrap() {
            StepState::NotStarted | StepState::Running { .. } => None,
            ended @ (StepState::Succeeded { .. } | StepState::Failed { .. }) => Some(ended),
        }
    })
    .await
}

async fn supervised(machine: &Machine, key: &StepKey) -> ProcessIdentity {
    until("the supervisor and its step", || async {
        let process = machine.process(key)?;
        (children_of_session(process.pid).len() > 1).then_some(process)
    })
    .await
}

/// The processes of a session, by number.
fn children_of_session(session: i32) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    let in_session = |pid: &i32| {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
            return false;
        };
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[0] != "Z" && fields[3] == session.to_string()
    };
    pids.filter(in_session).collect()
}

fn reason(state: &StepState) -> &str {
    match state {
        StepState::Failed { error, .. } => &error.reason,
        StepState::NotStarted | StepState::Running { .. } | StepState::Succeeded { .. } => "none",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_started_succeeds_and_is_told() {
    let machine = Machine::new();
    let executor = machine.executor(2);
    let key = key("a", 1);
    assert_eq!(executor.look(&key).await.unwrap(), StepState::NotStarted);
    executor
        .start(&key, &machine.quick_plan(), &StepSecrets::default())
        .await
        .unwrap();
    let StepState::Succeeded { outcome, at } = ended(&executor, &key).await else {
        panic!("it failed")
    };
    assert_eq!(outcome, json!({ "setAside": null, "why": null }));
    let told = tokio::time::timeout(PATIENCE, executor.next_ended()).await.unwrap();
    assert_eq!((told.namespace.as_str(), told.run.as_str()), ("team", "run"));
    executor
        .start(&key, &machine.quick_plan(), &StepSecrets::default())
        .await
        .unwrap();
    let StepState::Succeeded { at: again, .. } = executor.look(&key).await.unwrap() else {
        panic!("it ran again")
    };
    assert_eq!(at, again, "a key is never executed again");
    executor.forget(&key).await.unwrap();
    assert_eq!(executor.look(&key).await.unwrap(), StepState::NotStarted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_says_why() {
    let machine = Machine::new();
    let executor = machine.executor(2);
    executor
        .start(&key("a", 1), &json!({ "not": "a plan" }), &StepSecrets::default())
        .await
        .unwrap();
    let state = ended(&executor, &key("a", 1)).await;
    assert_eq!(reason(&state), "PlanUnreadable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_supervisor_takes_its_step_along() {
    let machine = Machine::new();
    let executor = machine.slow_executor(2);
    machine.start_hanging(&executor, &key("a", 1)).await;
    let process = supervised(&machine, &key("a", 1)).await;
    assert!(matches!(
        executor.look(&key("a", 1)).await.unwrap(),
        StepState::Running { .. }
    ));
    process.signal(Signal::KILL);
    let state = ended(&executor, &key("a", 1)).await;
    let StepState::Failed { error, .. } = &state else {
        panic!("{state:?}")
    };
    assert_eq!((error.reason.as_str(), error.retriable), ("Killed", true));
    until("an empty session", || async {
        children_of_session(process.pid).is_empty().then_some(())
    })
    .await;
    tokio::time::timeout(PATIENCE, executor.next_ended()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_step_is_told_by_its_supervisor() {
    let machine = Machine::new();
    let executor = machine.slow_executor(2);
    machine.start_hanging(&executor, &key("a", 1)).await;
    let process = supervised(&machine, &key("a", 1)).await;
    let step = children_of_session(process.pid)
        .into_iter()
        .find(|pid| *pid != process.pid)
        .unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(step).unwrap(), Signal::KILL).unwrap();
    let state = ended(&executor, &key("a", 1)).await;
    let StepState::Failed { error, .. } = &state else {
        panic!("{state:?}")
    };
    assert_eq!(error.reason, "Killed");
    assert!(error.message.contains("signal: 9"), "{}", error.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_starts_again_finds_what_runs_and_what_ended() {
    let machine = Machine::new();
    let first = machine.slow_executor(2);
    machine.start_hanging(&first, &key("runs", 1)).await;
    let process = supervised(&machine, &key("runs", 1)).await;
    drop(first);
    let quick = machine.executor(2);
    quick
        .start(&key("ended", 1), &machine.quick_plan(), &StepSecrets::default())
        .await
        .unwrap();
    ended(&quick, &key("ended", 1)).await;
    drop(quick);

    let second = machine.executor(1);
    assert!(matches!(
        second.look(&key("runs", 1)).await.unwrap(),
        StepState::Running { .. }
    ));
    assert!(matches!(
        second.look(&key("ended", 1)).await.unwrap(),
        StepState::Succeeded { .. }
    ));
    second
        .start(&key("runs", 1), &machine.quick_plan(), &StepSecrets::default())
        .await
        .unwrap();
    assert_eq!(
        machine.process(&key("runs", 1)).unwrap(),
        process,
        "it was not started again"
    );

    second
        .start(&key("waits", 1), &machine.quick_plan(), &StepSecrets::default())
        .await
        .unwrap();
    let StepState::Running { progress, .. } = second.look(&key("waits", 1)).await.unwrap() else {
        panic!("no wait")
    };
    assert_eq!(progress.as_deref(), Some("waiting for a free place"));
    process.signal(Signal::TERM);
    assert_eq!(reason(&ended(&second, &key("runs", 1)).await), "Killed");
    tokio::time::timeout(PATIENCE, second.next_ended()).await.unwrap();
    assert!(matches!(
        ended(&second, &key("waits", 1)).await,
        StepState::Succeeded { .. }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_started_by_two_controllers_runs_once() {
    let machine = Machine::new();
    let (one, two) = (machine.executor(4), machine.executor(4));
    let (plan, none) = (machine.quick_plan(), StepSecrets::default());
    for attempt in 1..=8 {
        let key = key("a", attempt);
        let (first, second) = tokio::join!(one.start(&key, &plan, &none), two.start(&key, &plan, &none));
        first.unwrap();
        second.unwrap();
        assert!(matches!(ended(&one, &key).await, StepState::Succeeded { .. }));
        assert!(matches!(ended(&two, &key).await, StepState::Succeeded { .. }));
        tokio::time::timeout(PATIENCE, one.next_ended()).await.unwrap();
        tokio::time::timeout(PATIENCE, two.next_ended()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_another_controller_began_since_is_seen_once_it_is_asked_for() {
    let machine = Machine::new();
    let (before, other) = (machine.executor(2), machine.executor(2));
    let (key, plan, none) = (key("a", 1), machine.quick_plan(), StepSecrets::default());
    other.start(&key, &plan, &none).await.unwrap();
    ended(&other, &key).await;
    let process = machine.process(&key).unwrap();
    before.start(&key, &plan, &none).await.unwrap();
    assert!(matches!(ended(&before, &key).await, StepState::Succeeded { .. }));
    assert_eq!(machine.process(&key).unwrap(), process, "it was not started again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_folder_and_process_is_started_again() {
    let machine = Machine::new();
    let key = key("a", 1);
    std::fs::create_dir_all(machine.folder(&key)).unwrap();
    let executor = machine.executor(2);
    assert_eq!(executor.look(&key).await.unwrap(), StepState::NotStarted);
    executor
        .start(&key, &machine.quick_plan(), &StepSecrets::default())
        .await
        .unwrap();
    assert!(matches!(ended(&executor, &key).await, StepState::Succeeded { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_means_another_process_now_is_not_alive() {
    let machine = Machine::new();
    let key = key("a", 1);
    let folder = machine.folder(&key);
    std::fs::create_dir_all(&folder).unwrap();
    let own = ProcessIdentity::own().unwrap();
    let other = ProcessIdentity {
        start_time: own.start_time.wrapping_sub(1),
        ..own
    };
    std::fs::write(folder.join("process.json"), serde_json::to_vec(&other).unwrap()).unwrap();
    let executor = machine.executor(2);
    assert_eq!(reason(&executor.look(&key).await.unwrap()), "Killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_leaves_no_process_and_no_waiting_step() {
    let machine = Machine::new();
    let executor = machine.slow_executor(1);
    machine.start_hanging(&executor, &key("a", 1)).await;
    machine.start_hanging(&executor, &key("b", 1)).await;
    let process = supervised(&machine, &key("a", 1)).await;
    executor.stop_run("uid-1").await.unwrap();
    assert!(!process.is_alive() && children_of_session(process.pid).is_empty());
    assert_eq!(reason(&executor.look(&key("a", 1)).await.unwrap()), "Killed");
    assert_eq!(executor.look(&key("b", 1)).await.unwrap(), StepState::NotStarted);
    executor.forget_run("uid-1").await.unwrap();
    assert!(!machine.scratch.path().join("steps/uid-1").exists());
    assert!(executor.forget_run("../ws").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_of_a_killed_controller_that_comes_after_the_stop_of_its_run_begins_nothing() {
    let machine = Machine::new();
    let key = key("a", 1);
    let folder = machine.folder(&key);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(files::KEY), serde_json::to_vec(&key).unwrap()).unwrap();
    std::fs::write(folder.join(files::PLAN), machine.quick_plan().to_string()).unwrap();
    let executor = machine.executor(2);
    let beginning = std::fs::File::create(folder.join(files::LOCK)).unwrap();
    flock(&beginning, FlockOperation::LockExclusive).unwrap();
    let stopped = tokio::time::timeout(Duration::from_millis(300), executor.stop_run("uid-1")).await;
    assert!(stopped.is_err(), "who holds the lock is about to begin: {stopped:?}");
    drop(beginning);
    executor.stop_run("uid-1").await.unwrap();
    let late = std::process::Command::new(env!("CARGO_BIN_EXE_metawsm"))
        .args(["supervise", "--dir"])
        .arg(&folder)
        .output()
        .unwrap();
    assert!(!late.status.success(), "there is nothing to begin");
    assert!(!folder.exists());
    assert_eq!(executor.look(&key).await.unwrap(), StepState::NotStarted);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_attempt_before_is_kept() {
    let machine = Machine::new();
    let executor = machine.executor(2);
    for attempt in 1..=3 {
        executor
            .start(&key("a", attempt), &machine.quick_plan(), &StepSecrets::default())
            .await
            .unwrap();
        ended(&executor, &key("a", attempt)).await;
    }
    assert!(!machine.folder(&key("a", 1)).exists());
    assert!(machine.folder(&key("a", 2)).exists() && machine.folder(&key("a", 3)).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_missing_is_a_failure_that_may_pass() {
    let machine = Machine::new();
    let executor = LocalExecutor::open(machine.scratch.path(), "/nonexistent/metawsm".into(), 1).unwrap();
    executor
        .start(&key("a", 1), &machine.quick_plan(), &StepSecrets::default())
        .await
        .unwrap();
    let state = ended(&executor, &key("a", 1)).await;
    assert_eq!(reason(&state), "StartFailed");
}

#[test]
fn a_step_by_hand_reads_its_plan_and_writes_its_outcome() {
    let machine = Machine::new();
    let at = |name: &str| machine.scratch.path().join(name);
    std::fs::write(at("plan.json"), machine.quick_plan().to_string()).unwrap();
    let run = |step: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_metawsm"));
        command
            .args(["step", step, "--plan"])
            .arg(at("plan.json"))
            .arg("--outcome")
            .arg(at("outcome.json"));
        command.output().unwrap().status.code()
    };
    assert_eq!(run("cleanup"), Some(0));
    let outcome: Value = serde_json::from_slice(&std::fs::read(at("outcome.json")).unwrap()).unwrap();
    assert_eq!(outcome, json!({ "ok": { "setAside": null, "why": null } }));
    assert_eq!(run("seed"), Some(1));
    let outcome: Value = serde_json::from_slice(&std::fs::read(at("outcome.json")).unwrap()).unwrap();
    assert_eq!(outcome["error"]["reason"], "PlanUnreadable");
    assert_eq!(run("nonsense"), Some(2));
    assert_eq!(
        names(machine.scratch.path()),
        ["outcome.json", "plan.json"],
        "nothing temporary is left"
    );
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
