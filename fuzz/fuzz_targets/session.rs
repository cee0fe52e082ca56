#![no_main]

#[path = "../../tests/corpus/session.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
