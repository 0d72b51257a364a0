//! The chart as Helm renders it: what it says with ten and more sets of values, what it refuses, whether a real API
//! server takes every object, and whether the rights that it gives are those that the controller uses. `make
//! test-chart` runs it.

mod accepted;
mod helm;
mod monitoring;
mod refusals;
mod rendered;
mod rights;
mod sources;
