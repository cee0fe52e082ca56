#![no_main]
#![allow(unsafe_code, reason = "it calls what C calls")]

#[path = "../../capi/tests/corpus/abi.rs"]
mod abi;

libfuzzer_sys::fuzz_target!(|data: &[u8]| abi::check(data));
