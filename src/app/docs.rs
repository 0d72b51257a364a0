//! Puts the documents' client together, and opens the pages behind `/docs/` once this process leads.

use std::sync::Arc;

use kube::Client;

use super::Ground;
use crate::adapters::docmgr::{DocsLimits, Docmgr};
use crate::adapters::kube_access::KubeAccess;
use crate::adapters::live_door::LiveDoor;
use crate::ports::services::Services;
use crate::settings::docs::DocsArgs;
use crate::web::docs::Shown;

/// The one client for all documents' servers.
///
/// # Errors
/// The settings are wrong, or no TLS provider is installed.
pub fn client(args: &DocsArgs) -> anyhow::Result<Arc<Docmgr>> {
    let limits = DocsLimits {
        max_answer_bytes: args.docs_max_answer_bytes as usize,
        max_tickets: args.docs_max_tickets as usize,
    };
    let rules = args.address_rules().map_err(anyhow::Error::msg)?;
    Ok(Arc::new(Docmgr::new(rules, limits)?))
}

/// Opens the pages to those whom the cluster lets read Runs.
pub fn open_pages(ground: &Ground, work: Client, docmgr: Arc<Docmgr>, services: Arc<dyn Services>) {
    ground.links.open(Shown {
        access: Arc::new(KubeAccess::new(work)),
        door: Arc::new(LiveDoor::new(services)),
        pages: docmgr,
    });
}
