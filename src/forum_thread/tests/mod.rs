//! The thread's decisions: tables of what is seen and what is decided, and random histories against models.

mod histories;
mod tables;
mod world;
