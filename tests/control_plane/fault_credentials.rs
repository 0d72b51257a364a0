//! Tokens and authorities that are rotated under a running controller: it goes on where they are read from files, and
//! leaves where it can only be started anew.

use crate::fault_cluster::{LONG, home, ready};
use crate::fault_road::over;
use crate::harness::cluster::variable;
use crate::harness::polling::within;
use crate::harness::stage::Stage;
use crate::harness::tls::{Door, put};
use crate::road::{Road, Script};

/// Files are read again within a minute, by each client in its own: nothing may be lost meanwhile, and what is not renewed
/// for two thirds of this is lost.
const LEASE: &str = "300s";
/// Who is to lose it does so in two thirds of this, and must not lose it before.
const SHORT: &str = "20s";
/// Who stands by and hears nothing leaves after eight times this.
const BESIDE: &str = "4s";

#[tokio::test]
async fn a_token_and_an_authority_in_files_may_be_rotated_under_a_controller_that_goes_on() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1", "B-1"]);
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    let door = Door::to(road.port()).await;
    road.change(|t| t.tokens = vec!["old"]);
    put(&door.token(), "old");
    let settings = over(&road, &stage)
        .with("KUBECONFIG", door.kubeconfig())
        .with("METAWSM_LEASE_DURATION", LEASE);
    let mut controller = settings.lead().await;
    ready(&stage, &docs, "one", "A-1").await;

    let papers = door.announce();
    road.change(|t| t.tokens = vec!["old", "new"]);
    put(&door.token(), "new");
    let shown = async || road.change(|t| t.shown.contains("new")).then_some(());
    within(LONG, "the new token is shown", shown).await;
    road.change(|t| t.tokens = vec!["new"]);
    door.show(&papers);

    ready(&stage, &docs, "two", "B-1").await;
    assert!(!controller.has_ended(), "it stayed through both");
    controller.terminate().await;
}

#[tokio::test]
async fn an_authority_that_stands_in_the_kubeconfig_and_is_rotated_ends_the_controller_and_the_next_goes_on() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1", "B-1"]);
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    let door = Door::to(road.port()).await;
    put(&door.token(), "any");
    let settings = over(&road, &stage)
        .with("KUBECONFIG", door.kubeconfig_with_authority())
        .with("METAWSM_LEASE_DURATION", SHORT);
    let mut controller = settings.lead().await;
    ready(&stage, &docs, "one", "A-1").await;
    let said = controller.log().len();
    door.show(&door.announce());
    let ended = controller.until_ended().await;
    assert!(!ended.success(), "it says that it did not end well");
    let log = controller.log()[said..].to_owned();
    assert!(log.contains("the lease cannot be looked at"), "{log}");
    door.kubeconfig_with_authority();
    controller.restart().await;
    ready(&stage, &docs, "two", "B-1").await;
}

#[tokio::test]
async fn a_leader_and_one_that_stands_by_leave_when_their_token_was_changed_and_the_next_go_on() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1", "B-1"]);
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    road.change(|t| t.tokens = vec!["old"]);
    let settings = over(&road, &stage)
        .with("KUBECONFIG", road.kubeconfig("old"))
        .with("METAWSM_LEASE_DURATION", SHORT);
    road.kubeconfig("old");
    let mut second = stage.controller("b");
    second.more.clone_from(&settings.more);
    let mut leader = settings.lead().await;
    let mut second = second.with("METAWSM_LEASE_DURATION", BESIDE).start();
    second.until_standing_by().await;
    ready(&stage, &docs, "one", "A-1").await;
    road.change(|t| t.tokens = vec!["new"]);
    assert!(!leader.until_ended().await.success());
    assert!(!second.until_ended().await.success(), "it stands by for nothing");
    let log = second.log();
    assert!(log.contains("failed to look at the lease"), "{log}");
    road.kubeconfig("new");
    second
        .settings
        .more
        .push(("METAWSM_LEASE_DURATION".to_owned(), SHORT.into()));
    second.restart_only();
    let leads = async || second.leads().then_some(());
    within(LONG, "the next leads", leads).await;
    ready(&stage, &docs, "two", "B-1").await;
}
