//! The built-in docs server: docmgr's read API over one folder of documents, as far as federation and links need it,
//! and refresh. A stand-in where docmgr is missing. Holds no state but one index in memory, writes nothing, serves no
//! file that is not a document below its root.

mod answer;
pub mod command;
mod cursor;
mod document;
mod index;
mod listing;
mod parameters;
mod place;
mod refresh;
mod routes;
mod rows;
mod tasks;
mod times;
mod tree;
mod workspace;

pub use refresh::Shelf;
