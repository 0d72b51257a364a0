//! Docs servers as processes on this machine, each under a supervisor of its own in a folder of its own. What is told is
//! read from those folders and proved against the kernel, so a controller that was restarted finds everything again.

mod change;
mod list;
mod stop;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rustix::fs::{FlockOperation, flock};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use self::change::watch;
use self::list::{below, keyed, loudly, quietly};
use self::stop::{stop_all, stop_one};
use super::known_runs::KnownRuns;
use super::nofollow::Folder;
use super::service_folder::{self as files, DocsProgram, Seen, ServicePlan};
use super::system_clock::SystemClock;
use crate::failpoint::fallible;
use crate::ports::clock::Clock as _;
use crate::ports::executor::ExecutorError;
use crate::ports::services::{DocsService, LiveService, ServiceChanged, ServiceKey, ServiceState, Services};

/// How this machine serves documents.
#[derive(Clone, Debug)]
pub struct LocalServiceSettings {
    /// The controller's data folder.
    pub data: PathBuf,
    /// This program (`/proc/self/exe`).
    pub program: PathBuf,
    pub docs: DocsProgram,
    /// Resident bytes above which a server is started anew.
    pub memory_bytes: u64,
}

/// The services of one machine.
pub struct LocalServices {
    ground: Arc<Ground>,
    changed: tokio::sync::Mutex<mpsc::UnboundedReceiver<ServiceChanged>>,
    _watch: AbortOnDropHandle<()>,
}

/// What calls and background tasks share.
struct Ground {
    root: PathBuf,
    /// Runs that may have a server's folder.
    known: KnownRuns,
    settings: LocalServiceSettings,
    /// Supervisors that we started and that have not ended, by folder: one that has not told its identity yet is one
    /// of these.
    ours: Mutex<HashMap<PathBuf, u32>>,
}

impl LocalServices {
    /// Finds what an earlier controller left running. Needs a tokio runtime.
    pub fn open(settings: LocalServiceSettings) -> io::Result<Self> {
        let root = settings.data.join("services");
        std::fs::create_dir_all(&root)?;
        let root = root.canonicalize()?;
        let ground = Arc::new(Ground {
            known: KnownRuns::of(&below(&root)?, 0)?,
            root,
            settings,
            ours: Mutex::default(),
        });
        let (sender, changed) = mpsc::unbounded_channel();
        let watch = AbortOnDropHandle::new(tokio::spawn(watch(ground.clone(), sender)));
        Ok(Self {
            ground,
            changed: tokio::sync::Mutex::new(changed),
            _watch: watch,
        })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce(&Arc<Ground>) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ExecutorError> {
        let ground = self.ground.clone();
        let done = tokio::task::spawn_blocking(move || work(&ground)).await;
        done.map_err(|why| failed(what, &why))?
            .map_err(|why| failed(what, &why))
    }
}

fn failed(what: &str, why: &impl ToString) -> ExecutorError {
    ExecutorError {
        what: what.to_owned(),
        why: why.to_string(),
    }
}

#[async_trait]
impl Services for LocalServices {
    async fn start(&self, key: &ServiceKey, service: &DocsService) -> Result<(), ExecutorError> {
        let (key, service) = (key.clone(), service.clone());
        let started = self
            .blocking("start a docs server", move |ground| start(ground, &key, service))
            .await?;
        if let Some((path, child)) = started {
            tokio::spawn(wait_for(self.ground.clone(), path, child));
        }
        Ok(())
    }

    async fn look(&self, key: &ServiceKey) -> Result<ServiceState, ExecutorError> {
        if !self.ground.known.may_have(&key.run_uid) {
            return files::path_of(&self.ground.root, &key.run_uid, &key.workspace)
                .map(|_| ServiceState::Absent)
                .map_err(|why| failed("look at a docs server", &why));
        }
        let key = key.clone();
        self.blocking("look at a docs server", move |ground| look(ground, &key))
            .await
    }

    async fn live(&self) -> Result<Vec<LiveService>, ExecutorError> {
        self.blocking("list the docs servers", |ground| live(ground, |_| true))
            .await
    }

    async fn live_of(&self, namespace: &str, run: &str) -> Result<Vec<LiveService>, ExecutorError> {
        let (namespace, run) = (namespace.to_owned(), run.to_owned());
        let of_it = move |key: &ServiceKey| key.namespace == namespace && key.run == run;
        self.blocking("list a run's docs servers", move |ground| live(ground, of_it))
            .await
    }

    async fn known_runs(&self) -> Result<Vec<(String, String)>, ExecutorError> {
        self.blocking("list the docs servers", |ground| {
            let keyed = keyed(&ground.root, loudly)?.into_iter();
            Ok(keyed.map(|(_, key)| (key.namespace, key.run_uid)).collect())
        })
        .await
    }

    async fn stop(&self, run_uid: &str, workspace: &str) -> Result<(), ExecutorError> {
        let (uid, workspace) = (run_uid.to_owned(), workspace.to_owned());
        self.blocking("stop a docs server", move |ground| {
            stop_one(&files::path_of(&ground.root, &uid, &workspace)?)
        })
        .await
    }

    async fn stop_all(&self, run_uid: &str) -> Result<(), ExecutorError> {
        let uid = run_uid.to_owned();
        self.blocking("stop a run's docs servers", move |ground| {
            stop_all(&ground.root, &uid)?;
            ground.known.remove(&uid);
            Ok(())
        })
        .await
    }

    async fn next_changed(&self) -> ServiceChanged {
        match self.changed.lock().await.recv().await {
            Some(changed) => changed,
            None => std::future::pending().await,
        }
    }
}

/// Starts a supervisor, unless there is one. Another controller's, started at the same moment, ends by the lock.
fn start(ground: &Ground, key: &ServiceKey, docs: DocsService) -> io::Result<Option<(PathBuf, Child)>> {
    let path = files::path_of(&ground.root, &key.run_uid, &key.workspace)?;
    // Also where somebody else made its folder since we looked which there are.
    ground.known.add(&key.run_uid);
    let _alone = lock_starting(&ground.root)?;
    let mut ours = ground.ours.lock().unwrap_or_else(PoisonError::into_inner);
    if ours.contains_key(&path) || matches!(files::see(&path)?, Seen::Supervised { .. }) {
        return Ok(None);
    }
    std::fs::create_dir_all(&path)?;
    let folder = Folder::open_trusted(&path)?;
    files::write(&folder, files::KEY, key)?;
    let plan = ServicePlan {
        docs,
        program: ground.settings.docs.clone(),
        memory_bytes: ground.settings.memory_bytes,
    };
    files::write(&folder, files::PLAN, &plan)?;
    fallible("services.after_folder")?;
    if has_no_root(&path)? {
        return Ok(None);
    }
    let child = spawn(ground, &path)?;
    ours.insert(path.clone(), child.id().unwrap_or_default());
    Ok(Some((path, child)))
}

/// For the moment in which one controller succeeds another, this keeps their files apart.
fn lock_starting(root: &Path) -> io::Result<File> {
    let lock = Folder::open_trusted(root)?.lock_file(".lock")?;
    rustix::io::retry_on_intr(|| flock(&lock, FlockOperation::LockExclusive))?;
    Ok(lock)
}

fn spawn(ground: &Ground, path: &Path) -> io::Result<Child> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(path.join("supervise.log"))?;
    let mut command = Command::new(&ground.settings.program);
    command.arg("supervise-docs").arg("--dir").arg(path);
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    for name in ["PATH", "HOME", "FAILPOINTS"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let child = command.spawn()?;
    fallible("services.after_spawn")?;
    Ok(child)
}

async fn wait_for(ground: Arc<Ground>, path: PathBuf, mut child: Child) {
    let _ = child.wait().await;
    ground.ours.lock().unwrap_or_else(PoisonError::into_inner).remove(&path);
}

fn look(ground: &Ground, key: &ServiceKey) -> io::Result<ServiceState> {
    let path = files::path_of(&ground.root, &key.run_uid, &key.workspace)?;
    let Seen::Supervised { since, setback, server } = files::see(&path)? else {
        let starting = ground
            .ours
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&path);
        return Ok(match starting {
            true => ServiceState::Starting {
                since: SystemClock.now(),
            },
            false if has_no_root(&path)? => ServiceState::NoFolder,
            false => ServiceState::Absent,
        });
    };
    let live = match &server {
        Some(server) => files::proved(key, &root_of(&path)?, server)?,
        None => None,
    };
    Ok(match (live, setback) {
        (Some(live), _) => ServiceState::Serving(live),
        (None, Some(setback)) => ServiceState::Waiting {
            why: setback.why,
            failures: setback.failures,
            next: setback.next,
        },
        (None, None) => ServiceState::Starting { since },
    })
}

fn live(ground: &Ground, is_asked_for: impl Fn(&ServiceKey) -> bool) -> io::Result<Vec<LiveService>> {
    let mut live = Vec::new();
    for (path, key) in keyed(&ground.root, quietly)? {
        if !is_asked_for(&key) {
            continue;
        }
        let Seen::Supervised {
            server: Some(server), ..
        } = files::see(&path)?
        else {
            continue;
        };
        live.extend(files::proved(&key, &root_of(&path)?, &server)?);
    }
    Ok(live)
}

/// What is to be served is known, and is not there. A server would end at once, again and again.
fn has_no_root(path: &Path) -> io::Result<bool> {
    let root = root_of(path)?;
    let found = std::fs::symlink_metadata(&root);
    Ok(!root.as_os_str().is_empty() && found.is_err_and(|e| e.kind() == io::ErrorKind::NotFound))
}

/// The docs root that the folder's server was told; empty while the folder is being removed.
fn root_of(path: &Path) -> io::Result<PathBuf> {
    let Some(folder) = files::open(path)? else {
        return Ok(PathBuf::new());
    };
    let plan: Option<ServicePlan> = files::read(&folder, files::PLAN)?;
    Ok(plan.map(|plan| plan.docs.root).unwrap_or_default())
}
