//! docmgr's contract: its recorded answers against what we have that speaks the same language, the built-in server and the
//! client. And what is not docmgr: hostile servers, and addresses that may not be connected to.

mod address_tricks;
mod docs_server;
mod exchanges;
mod hostile;
mod hostile_lists;
mod hostile_server;
mod real_program;
mod recorded;
mod recorded_pages;
mod recordings;
mod replay;
mod served;
mod stage;
mod trusted;
