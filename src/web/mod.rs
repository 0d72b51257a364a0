//! What is served over HTTP. Reads only; never imports the controller.

pub mod health;
