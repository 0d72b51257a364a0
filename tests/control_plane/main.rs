//! What the operator promises, shown on a real API server with a real Redis and real git: admission (`admit_*`),
//! what a status says (`status_*`), and whole stories (`story_*`). Each test has a namespace of its own. Run it as
//! `tests/control-plane/with cargo test --test control_plane`.

mod admission;
mod admit_bounds;
mod admit_coverage;
mod admit_doc_endpoint;
mod admit_doc_endpoint_bounds;
mod admit_nulls;
mod admit_run_immutable;
mod admit_run_names;
mod admit_run_repos;
mod admit_run_rules;
mod admit_sample_files;
mod admit_samples;
mod admit_thread;
mod admit_thread_authors;
mod admit_thread_gate;
mod admit_thread_kubectl;
mod admit_thread_onbehalf;
mod admit_thread_posts;
mod admit_thread_random;
mod admit_thread_states;
mod admit_thread_unattested;
mod admit_topology;
#[cfg(feature = "failpoints")]
mod crash_forum;
#[cfg(feature = "failpoints")]
mod crash_judge;
#[cfg(feature = "failpoints")]
mod crash_keeper;
#[cfg(feature = "failpoints")]
mod crash_lost_database;
#[cfg(feature = "failpoints")]
mod crash_matrix;
#[cfg(feature = "failpoints")]
mod crash_story;
#[cfg(feature = "failpoints")]
mod crash_truth;
mod faketime;
mod fault_clock;
mod fault_cluster;
mod fault_credentials;
mod fault_federation;
mod fault_leader;
mod fault_redis;
mod fault_road;
mod fault_road_federation;
mod fault_road_forum;
mod fault_schema;
mod fault_sqlite;
mod fault_status;
mod forum_life;
#[path = "../remotes/server.rs"]
#[expect(dead_code, reason = "other tests have its remotes misbehave")]
mod git_server;
mod harness;
#[path = "../contract/hostile_server.rs"]
#[expect(dead_code, reason = "the contract tests use the rest")]
mod hostile_server;
mod kstatus_table;
mod road;
mod sabotage;
#[cfg(feature = "failpoints")]
mod sabotage_faults;
mod sabotage_federation;
mod sabotage_forum;
#[cfg(feature = "failpoints")]
mod sabotage_product;
mod schemas;
mod soak;
mod soak_endpoints;
mod soak_questions;
mod status_first_sight;
mod status_metrics;
mod status_settled;
mod status_suspend;
mod story_canonical;
mod story_chart;
mod story_chart_reads;
mod story_deep_links;
mod story_deep_links_whole;
mod story_deletion;
mod story_disk;
mod story_docs_missing;
mod story_docs_orphans;
mod story_docs_served;
mod story_federation;
mod story_federation_hostile;
mod story_federation_killed;
mod story_federation_many;
mod story_forbidden;
mod story_forum;
mod story_forum_clock;
mod story_forum_many;
mod story_forum_quiet;
mod story_forum_retention;
#[cfg(feature = "failpoints")]
mod story_forum_thin;
mod story_history_lost;
mod story_home_without_url;
#[cfg(feature = "failpoints")]
mod story_housekeeping_killed;
mod story_killed;
#[cfg(feature = "failpoints")]
mod story_progress;
mod story_queue;
mod story_races;
mod story_redis_lost;
mod story_same_names;
mod story_seed_sources;
mod story_seeding;
mod story_topology;
mod story_two_controllers;
mod story_undecodable;
mod story_uninstall;
#[path = "../validator/mod.rs"]
mod validator;
