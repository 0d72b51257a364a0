//! The housekeeper tried: ages under random clocks, and sweeping on real folders.

mod ages;
mod folders;
mod house;
