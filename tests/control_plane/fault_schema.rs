//! Databases of another schema: an older one is brought up, one that nobody can tell the state of, or of another
//! program, is refused at start and left as it is.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};

use crate::harness::history::{column, verify};
use crate::harness::stage::Stage;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

async fn open(database: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(database).create_if_missing(true);
    options.connect().await.unwrap()
}

async fn executed(database: &Path, statements: &str) {
    let mut connection = open(database).await;
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// A database as the release with so many migrations left it.
async fn of_release(database: &Path, migrations: usize) {
    let older = Migrator {
        migrations: Cow::Owned(MIGRATIONS.iter().take(migrations).cloned().collect()),
        ..Migrator::DEFAULT
    };
    let mut connection = open(database).await;
    older.run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_every_older_release_is_brought_up_and_used() {
    for migrations in 0..=MIGRATIONS.iter().count() {
        let stage = Stage::new().await;
        let docs = stage.home_of("docs", &["A-1"]);
        let settings = stage.controller("a");
        fs::create_dir_all(&settings.data).unwrap();
        of_release(&settings.data.join("metawsm.db"), migrations).await;
        let mut controller = settings.lead().await;
        stage.ready_run("one", &["A-1"], &[("docs", &docs)]).await;
        controller.terminate().await;
        verify(&controller.database()).await;
        let applied = "SELECT CAST(max(version) AS TEXT) FROM _sqlx_migrations WHERE success";
        let newest = MIGRATIONS.iter().map(|m| m.version).max().unwrap().to_string();
        assert_eq!(
            column(&controller.database(), applied).await,
            [newest],
            "after {migrations} migrations"
        );
    }
}

/// What a controller says that finds its database changed like this, and that the file is left as it is.
async fn refused(stage: &Stage, name: &str, statements: &str) -> String {
    let settings = stage.controller(name).with("METAWSM_LEASE_NAME", name);
    fs::create_dir_all(&settings.data).unwrap();
    let mut controller = settings.lead().await;
    controller.terminate().await;
    executed(&controller.database(), statements).await;
    restart_refused(&mut controller).await
}

async fn restart_refused(controller: &mut crate::harness::controller::Controller) -> String {
    let tables = "SELECT name FROM sqlite_schema ORDER BY name";
    let (before, said) = (column(&controller.database(), tables).await, controller.log().len());
    controller.restart_only();
    let ended = controller.until_ended().await;
    assert!(!ended.success(), "it must not start");
    assert_eq!(
        column(&controller.database(), tables).await,
        before,
        "it is left as it is"
    );
    controller.log()[said..].to_owned()
}

#[tokio::test]
async fn a_database_whose_migrations_are_not_ours_is_refused_with_the_way_out() {
    let stage = Stage::new().await;
    let lost = refused(&stage, "lost", "DELETE FROM _sqlx_migrations").await;
    let changed = refused(&stage, "changed", "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    let halfway = refused(&stage, "halfway", "UPDATE _sqlx_migrations SET success = 0").await;
    let foreign = {
        let settings = stage.controller("foreign").with("METAWSM_LEASE_NAME", "foreign");
        fs::create_dir_all(&settings.data).unwrap();
        executed(&settings.data.join("metawsm.db"), "CREATE TABLE customers (name TEXT)").await;
        let mut controller = settings.start();
        let ended = controller.until_ended().await;
        assert!(!ended.success(), "it must not start");
        let tables = column(&controller.database(), "SELECT name FROM sqlite_schema").await;
        assert_eq!(tables, ["customers"], "somebody else's database is left as it is");
        controller.log()
    };
    for (name, said) in [
        ("lost", lost),
        ("changed", changed),
        ("halfway", halfway),
        ("foreign", foreign),
    ] {
        for word in ["metawsm.db", "restore a backup", "move the file away"] {
            assert!(said.contains(word), "{name}: '{word}' is missing in: {said}");
        }
    }
}
