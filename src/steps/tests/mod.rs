//! Steps against real git and real files. Each test has a world of its own in a temporary folder.

mod bootstrap_contract;
mod cleanup;
mod full_disk;
mod hostile;
mod inspect;
mod prepare;
mod seed;
mod seed_again;
mod seed_odd;
mod seed_watched;
mod world;
