//! The bridge.

mod allow;
mod body;
mod date;
mod file;
mod flight;
mod guard;
mod history;
mod range;
mod target;
