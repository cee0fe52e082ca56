#![no_main]

#[path = "../../rpm/tests/corpus/rpm_header.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
