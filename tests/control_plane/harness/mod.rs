//! The ground of every test: a namespace, repositories, the real binary, and ways to look at what came of it.
//! Nothing in here judges; nothing waits for a guessed time.

pub mod account;
pub mod cluster;
pub mod controller;
pub mod docs_server;
pub mod files;
pub mod forum;
pub mod history;
pub mod kstatus;
pub mod leftovers;
pub mod manifests;
pub mod people;
pub mod plane;
pub mod polling;
pub mod ports;
pub mod real_docs_server;
pub mod redis;
pub mod repositories;
pub mod requests;
pub mod rest;
pub mod room;
pub mod slow;
pub mod stage;
pub mod tls;
