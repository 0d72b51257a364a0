//! The command line: every command, what it opens, and its exit code. Commands for people read through ports.

pub mod args;
pub mod commands;
mod docs_printer;
mod forum_text;
mod printer;
mod uninstall_text;
