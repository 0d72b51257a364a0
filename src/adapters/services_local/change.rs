//! Notices services that changed, by looking at their folders. A hint for whoever looks closer; proves nothing.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tracing::{debug, warn};

use super::Ground;
use super::list::{keyed, quietly};
use crate::adapters::service_folder::{self as files, Seen};
use crate::ports::services::{ServiceChanged, ServiceKey};

/// How often: soon enough for people, cheap enough for a hundred services (a few small files each).
const GLANCE: Duration = Duration::from_millis(500);

type Picture = HashMap<PathBuf, (ServiceKey, Seen)>;

/// Tells every change, for ever.
pub async fn watch(ground: Arc<Ground>, tell: UnboundedSender<ServiceChanged>) {
    let mut before: Option<Picture> = None;
    let mut ticks = tokio::time::interval(GLANCE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let here = ground.clone();
        let now = match tokio::task::spawn_blocking(move || picture(&here)).await {
            Ok(Ok(now)) => now,
            Ok(Err(error)) => {
                debug!(%error, "the services' folders cannot be listed");
                continue;
            }
            Err(error) => {
                warn!(%error, "looking for changed services met a bug");
                continue;
            }
        };
        for (path, (key, seen)) in before.iter().flatten() {
            if now.get(path).is_none_or(|(_, after)| after != seen) {
                let _ = tell.send(ServiceChanged { key: key.clone() });
            }
        }
        let known = |path: &PathBuf| before.as_ref().is_none_or(|before| before.contains_key(path));
        for (path, (key, _)) in &now {
            if !known(path) {
                let _ = tell.send(ServiceChanged { key: key.clone() });
            }
        }
        before = Some(now);
    }
}

fn picture(ground: &Ground) -> io::Result<Picture> {
    let mut picture = Picture::new();
    for (path, key) in keyed(&ground.root, quietly)? {
        match files::see(&path) {
            Ok(seen) => drop(picture.insert(path, (key, seen))),
            Err(error) => quietly(&path, &error),
        }
    }
    Ok(picture)
}
