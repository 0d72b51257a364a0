//! kill -9 right after each of the housekeeper's renames: what it had taken out of its place is gone in the end, and
//! nothing of a living Run is touched.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::files::files_below;
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::eventually;
use crate::harness::stage::Stage;
use crate::story_disk::tear_out;

fn folders(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let folders = entries.filter(|e| e.path().is_dir());
    folders.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn killed_after_any_rename_the_housekeeper_comes_to_the_same_end() {
    let stage = Stage::new().await;
    let (docs, other) = (stage.home_of("docs", &["A-1"]), stage.home_of("other", &["B-1"]));
    // Each end is counted: none may come from a Lease that a busy machine lets run out.
    let settings = stage.controller("a").with("METAWSM_LEASE_DURATION", "5m");
    let mut controller = settings.lead().await;
    for (name, ticket, repo) in [("gone", "A-1", &docs), ("alive", "B-1", &other)] {
        stage.create(&run(name, &[ticket], &[("home", repo)], json!({}))).await;
        stage.until_run_is(name, Verdict::Current).await;
    }
    let (orphan, alive) = (
        controller.workspace("gone", "A-1"),
        controller.workspace("alive", "B-1"),
    );
    let (workspaces, caches) = (controller.workspaces(), controller.data().join("cache"));
    let before = files_below(&alive);
    controller.kill9();
    tear_out(&stage, "gone").await;
    let set_aside = workspaces.join(".orphans/left-by-an-older-run");
    fs::create_dir_all(&set_aside).unwrap();
    fs::write(set_aside.join("notes"), "old").unwrap();
    assert_eq!(folders(&caches).len(), 2, "one cache per repository");

    let marker = |what: &str| controller.data().join(format!("killed-after-{what}"));
    let markers = ["workspace", "folder", "cache"].map(marker);
    let points = ["workspace", "folder", "cache"].map(|what| {
        let marker = marker(what);
        format!("housekeeping.after_{what}_rename=return(kill {})", marker.display())
    });
    let settings = [
        ("METAWSM_HOUSEKEEPING_INTERVAL", "1s".to_owned()),
        ("METAWSM_ORPHAN_RETENTION", "1s".to_owned()),
        ("METAWSM_CACHE_RETENTION", "1s".to_owned()),
        ("FAILPOINTS", points.join(";")),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.into()));
    controller.settings.more.extend(settings);
    controller.restart_only();
    let mut kills = 0;
    eventually("all that nobody needs is gone", async || {
        if controller.has_ended() {
            kills += 1;
            controller.kill9();
            controller.restart_only();
        }
        let trash = [&workspaces, &caches].map(|root| folders(&root.join(".trash")));
        let left = folders(&workspaces.join(".orphans")).len() + trash.concat().len();
        let caches = folders(&caches).iter().filter(|n| !n.starts_with('.')).count();
        (left == 0 && caches == 1 && !orphan.exists() && markers.iter().all(|m| m.exists())).then_some(())
    })
    .await;
    assert_eq!(kills, 3, "it was killed at each");
    assert_eq!(files_below(&alive), before, "a living Run's workspace is as it was");
    assert!(!folders(&workspaces.join(stage.namespace())).contains(&"gone".to_owned()));
    stage.until_run_is("alive", Verdict::Current).await;
}
