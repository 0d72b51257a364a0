//! Kinds against each other: what no kind can promise alone. Test code only; it sees the pure parts of every kind.

mod api_server;
mod claims;
