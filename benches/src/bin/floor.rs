//! What reading a `primary.xml.zst` cannot do without: `floor STAGE FILE`.
//!
//! `inflate` decompresses in Rust, with the decoder that `primary` reads with, and drops what
//! comes; `inflate-c` does it with libzstd. `events` decompresses in Rust, finds the events of the
//! XML, and keeps nothing of them. Prints the bytes that came out, or how many packages began.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::process::ExitCode;

use ocirepo_rpm::compression::Decompressor;
use ocirepo_rpm::limits::Limits;
use quick_xml::events::Event;

/// As much as the reader of packages has decompressed at a time.
const PIECE: usize = 64 << 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [stage, file] = &arguments[..] else {
        eprintln!("usage: floor inflate|inflate-c|events FILE");
        return ExitCode::from(2);
    };
    match measured(stage, file) {
        Ok(found) => {
            println!("{found}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measured(stage: &str, file: &str) -> Result<u64, Box<dyn Error>> {
    let raw = BufReader::new(File::open(file)?);
    match stage {
        "inflate" => drained(Decompressor::new(raw, file, Limits::default())?),
        "inflate-c" => drained(zstd::Decoder::with_buffer(raw)?),
        "events" => {
            let opened = Decompressor::new(raw, file, Limits::default())?;
            packages(BufReader::with_capacity(PIECE, opened))
        }
        other => Err(format!("`{other}` is no stage").into()),
    }
}

fn drained(mut source: impl Read) -> Result<u64, Box<dyn Error>> {
    let mut piece = vec![0; PIECE];
    let mut count = 0;
    loop {
        match source.read(&mut piece) {
            Ok(0) => return Ok(count),
            Ok(read) => count += read as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn packages(source: impl BufRead) -> Result<u64, Box<dyn Error>> {
    let mut reader = quick_xml::Reader::from_reader(source);
    let mut event = Vec::new();
    let mut count = 0;
    loop {
        event.clear();
        match reader.read_event_into(&mut event)? {
            Event::Start(start) if start.name().as_ref() == "package" => count += 1,
            Event::Eof => return Ok(count),
            _ => {}
        }
    }
}
