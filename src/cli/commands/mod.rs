//! One file per command.

pub mod audit;
pub mod db;
pub mod docs;
pub mod forum;
pub mod policy;
pub mod ready;
pub mod uninstall;
