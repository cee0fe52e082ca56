//! `ocirepo demo`.

mod sample;
mod signed;
