#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ocirepo_checks::token::check(data));
