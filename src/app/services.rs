//! Starts what looks after the docs servers of workspaces: which program serves, news of them, and the end of those
//! whose Run is gone. Decides nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Ground;
use crate::adapters::service_folder::DocsProgram;
use crate::adapters::services_local::{LocalServiceSettings, LocalServices};
use crate::controller::context::Shared;
use crate::controller::runner::{Guarded, Pokes};
use crate::failpoint::sabotaged;
use crate::federation::Prober;
use crate::ports::services::Services;
use crate::run::crd::Run;
use crate::settings::{ControllerArgs, DocsServerKind};
use crate::tasks::Tasks;

/// How often docs servers are compared with the Runs that there are: they cost a process each, and a Run that vanished
/// without its finalizer is rare.
const SWEEP: Duration = Duration::from_mins(1);

/// Opens the services of this machine.
///
/// # Errors
/// Their folder cannot be used.
pub fn open_services(args: &ControllerArgs) -> anyhow::Result<Arc<LocalServices>> {
    let settings = LocalServiceSettings {
        data: args.data_dir.clone(),
        program: "/proc/self/exe".into(),
        docs: program(args),
        memory_bytes: args.docs_server.docs_memory_bytes,
    };
    Ok(Arc::new(LocalServices::open(settings)?))
}

fn program(args: &ControllerArgs) -> DocsProgram {
    if args.docs_server.docs_server == DocsServerKind::Builtin {
        return DocsProgram::BuiltIn;
    }
    let (first_port, last_port) = args.docs_server.docs_ports;
    let docmgr = &args.docs_server.docmgr_program;
    let Some(path) = found(docmgr, std::env::var_os("PATH").as_deref()) else {
        let program = docmgr.display();
        warn!("docmgr ('{program}') is not installed: the built-in docs server is used instead");
        return DocsProgram::BuiltIn;
    };
    DocsProgram::Docmgr {
        path,
        first_port,
        last_port,
    }
}

/// The program's absolute path.
fn found(program: &Path, path: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.canonicalize().ok().filter(|found| found.is_file());
    }
    let folders = std::env::split_paths(path?).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).find(|found| found.is_file())
}

/// Whom news wake.
pub struct Wakes {
    pub run: Pokes<Run>,
    /// Asks a workspace's server again as soon as it came or went.
    pub prober: Arc<Prober>,
}

/// Starts the background tasks.
pub fn look_after_services(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    services: Arc<dyn Services>,
    runs: Store<Guarded<Run>>,
    wakes: Wakes,
) {
    tasks.spawn("docs server news", news(services.clone(), wakes, ground.stop.clone()));
    let (caches, stop, namespace) = (
        shared.caches.clone(),
        ground.stop.clone(),
        ground.args.namespace.clone(),
    );
    tasks.spawn("docs server sweep", async move {
        tokio::select! {
            () = caches.complete() => {}
            () = stop.cancelled() => return,
        }
        while !stop.is_cancelled() {
            end_orphans(services.as_ref(), &runs, namespace.as_deref()).await;
            tokio::select! {
                () = tokio::time::sleep(SWEEP) => {}
                () = stop.cancelled() => {}
            }
        }
    });
}

/// Wakes the Run and the endpoint of a server that changed.
async fn news(services: Arc<dyn Services>, wakes: Wakes, stop: CancellationToken) {
    loop {
        let key = tokio::select! {
            changed = services.next_changed() => changed.key,
            () = stop.cancelled() => return,
        };
        let _ = wakes.run.send(ObjectRef::new(&key.run).within(&key.namespace));
        wakes.prober.nudge(&key.namespace, &key.workspace);
    }
}

/// Ends the servers of Runs that are not there any more. One of a namespace that we do not see is left alone.
async fn end_orphans(services: &dyn Services, runs: &Store<Guarded<Run>>, ours: Option<&str>) {
    let known = match services.known_runs().await {
        Ok(known) => known,
        Err(error) => return warn!(%error, "docs servers could not be listed"),
    };
    // Listed before the Runs are: a server of a Run that was not there then is not in the list.
    let alive: Vec<_> = runs.state().iter().filter_map(|run| run.uid()).collect();
    let mut gone: Vec<_> = known
        .into_iter()
        .filter(|(namespace, uid)| ours.is_none_or(|ours| ours == namespace) && !alive.contains(uid))
        .map(|(_, uid)| uid)
        .collect();
    gone.sort();
    gone.dedup();
    if sabotaged("sabotage.services.keeps_orphans") {
        return;
    }
    for uid in gone {
        match services.stop_all(&uid).await {
            Ok(()) => info!(run_uid = uid, "ended the docs servers of a Run that is gone"),
            Err(error) => warn!(run_uid = uid, %error, "docs servers of a Run that is gone could not be ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_path_or_by_name() {
        let scratch = tempfile::tempdir().unwrap();
        let program = scratch.path().canonicalize().unwrap().join("docmgr");
        std::fs::write(&program, "").unwrap();
        let path =
            std::env::join_paths([Path::new("relative"), scratch.path().canonicalize().unwrap().as_path()]).unwrap();
        assert_eq!(found(&program, None), Some(program.clone()));
        assert_eq!(found(Path::new("docmgr"), Some(&path)), Some(program));
        assert_eq!(found(Path::new("docmgr-other"), Some(&path)), None);
        assert_eq!(found(Path::new("./none/docmgr"), Some(&path)), None);
    }
}
