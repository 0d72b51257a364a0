//! A controller that is started again whenever it dies, with failpoints armed one after the other. Judges nothing.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use super::harness::controller::{Controller, Settings};

/// How soon an end is noticed.
const GLANCE: Duration = Duration::from_millis(40);
/// More starts than this mean that it cannot get over the failpoint.
const MOST_STARTS: usize = 8;

/// Something that happens once at one failpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub name: String,
    /// `kill`, `panic`, `error` or `pause`.
    pub action: String,
}

impl Point {
    pub fn new(name: &str, action: &str) -> Self {
        let (name, action) = (name.to_owned(), action.to_owned());
        Self { name, action }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.action)
    }
}

/// Keeps the controller alive while a story goes on.
pub struct Keeper {
    controller: Controller,
    points: Vec<Point>,
    /// Which of the points is armed.
    armed: usize,
    folder: PathBuf,
    starts: usize,
}

impl Keeper {
    /// Starts it with the first point armed; the others follow, each once the one before has happened.
    pub fn start(settings: Settings, points: &[Point]) -> Self {
        let folder = settings.data.clone();
        std::fs::create_dir_all(&folder).unwrap();
        let armed = arm(&folder, points, 0);
        Self {
            controller: settings.with("FAILPOINTS", armed).start(),
            points: points.to_vec(),
            armed: 0,
            folder,
            starts: 1,
        }
    }

    /// Goes on with the story, and starts the controller again whenever it died meanwhile.
    pub async fn during<T>(&mut self, story: impl Future<Output = T>) -> T {
        let mut story = pin!(story);
        loop {
            tokio::select! {
                told = &mut story => return told,
                () = tokio::time::sleep(GLANCE) => self.look_after(),
            }
        }
    }

    fn look_after(&mut self) {
        if self.happened(self.armed) && self.armed + 1 < self.points.len() {
            // The next one is to come while it recovers from this one.
            self.armed += 1;
            self.start_again();
        } else if self.controller.has_ended() {
            self.start_again();
        }
    }

    fn start_again(&mut self) {
        self.down();
        self.up();
    }

    /// Kills it, if it still lives; it stays down until [`Self::up`].
    pub fn down(&mut self) {
        self.controller.kill9();
    }

    /// Starts it after [`Self::down`].
    pub fn up(&mut self) {
        self.starts += 1;
        assert!(self.starts <= MOST_STARTS, "it dies again and again");
        let armed = arm(&self.folder, &self.points, self.armed);
        self.controller.settings.more.push(("FAILPOINTS".to_owned(), armed));
        self.controller.restart_only();
    }

    /// Whether the point's time came.
    pub fn happened(&self, point: usize) -> bool {
        marker(&self.folder, point).exists()
    }
}

fn marker(folder: &Path, point: usize) -> PathBuf {
    folder.join(format!("happened-{point}"))
}

fn arm(folder: &Path, points: &[Point], at: usize) -> OsString {
    let text = points
        .get(at)
        .map(|p| format!("{}=return({} {})", p.name, p.action, marker(folder, at).display()));
    // What the whole suite is run under, such as a bug that it is to find, stays.
    let around = std::env::var("FAILPOINTS").ok();
    around.into_iter().chain(text).collect::<Vec<_>>().join(";").into()
}
