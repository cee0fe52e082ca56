//! Blocks of base64 between `-----BEGIN …-----` and `-----END …-----`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

/// Files larger than this, in bytes, hold no key.
const MAX_FILE: usize = 64 * 1024;

/// One block.
pub(super) struct Block<'a> {
    pub(super) label: &'a str,
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// The first block of a file. Lines may have any length, and text before and after it is
/// ignored: keys pass through variables and editors.
pub(super) fn first(file: &[u8]) -> Result<Block<'_>, &'static str> {
    if file.len() > MAX_FILE {
        return Err("the file is too large for a key");
    }
    let text = std::str::from_utf8(file).map_err(|_| "the file is not text")?;
    let (_, rest) = text
        .split_once("-----BEGIN ")
        .ok_or("it holds no -----BEGIN … KEY-----")?;
    let (label, rest) = rest
        .split_once("-----")
        .ok_or("its first line is cut off")?;
    let end = format!("-----END {label}-----");
    let (body, _) = rest.split_once(&end).ok_or("its end is missing")?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    let content = BASE64
        .decode(body.as_bytes())
        .map_err(|_| "what is in it is not base64")?;
    Ok(Block {
        label,
        content: Zeroizing::new(content),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_whatever_its_lines() {
        for text in [
            "-----BEGIN A KEY-----\nAAEC\n-----END A KEY-----\n",
            "# note\r\n-----BEGIN A KEY-----\r\nAA\r\nEC\r\n-----END A KEY-----",
            "-----BEGIN A KEY----- AAEC -----END A KEY----- and more",
        ] {
            let block = first(text.as_bytes()).unwrap();
            assert_eq!((block.label, &**block.content), ("A KEY", &[0, 1, 2][..]));
        }
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in [
            "",
            "-----BEGIN A KEY",
            "-----BEGIN A KEY-----\nAAEC\n",
            "-----BEGIN A KEY-----\nAAEC\n-----END B KEY-----",
            "-----BEGIN A KEY-----\nA?EC\n-----END A KEY-----",
        ] {
            assert!(first(text.as_bytes()).is_err(), "{text}");
        }
        assert!(first(&[0xff]).is_err());
        assert!(first(&vec![b' '; MAX_FILE + 1]).is_err());
    }
}
