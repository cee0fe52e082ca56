//! What others make of the same input, and why where it differs. The comparisons are in `tests/`;
//! this crate exists so that the peers are dependencies of nothing else.
