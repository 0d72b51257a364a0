//! docmgr's contract: its recorded answers against what we have that speaks the same language.

mod docs_server;
mod recordings;
mod served;
