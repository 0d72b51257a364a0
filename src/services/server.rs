//! The beginning of a server's process: it ends with its supervisor, and then becomes what the plan says. Runs under
//! the supervisor only.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};

use crate::adapters::nofollow::Folder;
use crate::adapters::processes;
use crate::adapters::service_folder::{self as files, DocsProgram, ServicePlan};
use crate::docs_server::command::{DocsServerArgs, run};

/// Becomes the server of that folder. `port`: chosen by the supervisor, for a program that cannot choose one itself.
pub fn become_server(folder: &Path, port: u16) -> anyhow::Result<ExitCode> {
    processes::die_with_supervisor().context("failed to begin the docs server")?;
    let opened = Folder::open_trusted(folder)?;
    let plan: Option<ServicePlan> = files::read(&opened, files::PLAN).context("failed to read the service's plan")?;
    let Some(plan) = plan else {
        bail!("there is no plan in {}", folder.display());
    };
    let repo = &plan.docs.repo;
    std::env::set_current_dir(repo).with_context(|| format!("failed to enter the repository '{}'", repo.display()))?;
    match plan.program {
        DocsProgram::BuiltIn => run(&DocsServerArgs {
            root: plan.docs.root,
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            port_file: Some(folder.join(files::PORT)),
            allow_remote: false,
        }),
        DocsProgram::Docmgr { path, .. } => {
            let mut docmgr = Command::new(&path);
            docmgr.args(["api", "serve", "--addr", &format!("127.0.0.1:{port}"), "--root"]);
            // The wish to die with the supervisor outlives exec.
            let error = docmgr.arg(&plan.docs.root).env("TZ", "UTC").exec();
            Err(error).with_context(|| format!("failed to run '{}'", path.display()))
        }
    }
}
