//! The commands for people. They read through ports and print; what they are given is opened by `main`.

pub mod args;
pub mod commands;
mod printer;
