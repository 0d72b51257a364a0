//! What the operator promises, shown on a real API server with a real Redis and real git: admission (`admit_*`),
//! what a status says (`status_*`), and whole stories (`story_*`). Each test has a namespace of its own. Run it as
//! `tests/control-plane/with cargo test --test control_plane`.

mod admission;
mod admit_bounds;
mod admit_coverage;
mod admit_nulls;
mod admit_run_immutable;
mod admit_run_names;
mod admit_run_repos;
mod admit_run_rules;
mod admit_samples;
mod admit_topology;
mod fault_clock;
mod fault_cluster;
mod fault_leader;
mod fault_redis;
mod fault_road;
mod fault_sqlite;
mod harness;
mod road;
