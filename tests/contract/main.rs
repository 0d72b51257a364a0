//! docmgr's HTTP API as its real program speaks it, recorded: our client must read every answer. And what is not docmgr:
//! hostile servers, and addresses that may not be connected to.

mod address_tricks;
mod hostile;
mod hostile_server;
mod real_program;
mod recorded;
mod recordings;
mod replay;
mod stage;
