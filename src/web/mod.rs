//! What is served over HTTP. Reads only; never imports the controller.

pub mod docs;
pub mod health;
