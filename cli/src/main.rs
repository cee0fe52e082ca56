//! The `ocirepo` program.

fn main() {}
