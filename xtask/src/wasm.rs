//! Reads the import section of a WebAssembly module.

use crate::report::Failure;

const MAGIC: &[u8] = b"\0asm\x01\0\0\0";
const IMPORT_SECTION: u8 = 2;

/// The module names a WebAssembly module imports from, each with one name as an example.
///
/// Sections are read as the core specification has them (5.5): an id, a size, the content. Of an
/// import only the two names are read; what follows them depends on its kind, so imports after
/// the first are found only by their count.
pub(crate) fn imports(module: &[u8]) -> Result<Option<Imports>, Failure> {
    let mut rest = module
        .strip_prefix(MAGIC)
        .ok_or("this is not a WebAssembly module")?;
    while let Some((&id, after)) = rest.split_first() {
        let (content, after) = sized(after)?;
        if id == IMPORT_SECTION {
            let (count, entries) = leb128(content)?;
            let (from, entries) = sized(entries)?;
            let (name, _) = sized(entries)?;
            return Ok(Some(Imports {
                count,
                first: format!(
                    "{}.{}",
                    String::from_utf8_lossy(from),
                    String::from_utf8_lossy(name)
                ),
            }));
        }
        rest = after;
    }
    Ok(None)
}

/// What a module wants from its host.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Imports {
    /// How many things it imports.
    pub(crate) count: usize,
    /// The first of them, as `module.name`.
    pub(crate) first: String,
}

fn sized(bytes: &[u8]) -> Result<(&[u8], &[u8]), Failure> {
    let (length, rest) = leb128(bytes)?;
    rest.split_at_checked(length)
        .ok_or_else(|| "the WebAssembly module is cut short".to_owned())
}

fn leb128(bytes: &[u8]) -> Result<(usize, &[u8]), Failure> {
    let mut value = 0_usize;
    for (place, &byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[place + 1..]));
        }
    }
    Err("a number in the WebAssembly module does not end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_an_import_section_imports_nothing() {
        let module = [MAGIC, &[1, 4, 1, 0x60, 0, 0]].concat();
        assert_eq!(imports(&module), Ok(None));
    }

    #[test]
    fn the_first_import_is_named_after_other_sections() {
        let content = [&[1, 3][..], b"env", &[3], b"now", &[0, 0]].concat();
        let size = u8::try_from(content.len()).unwrap();
        let module = [
            MAGIC,
            &[1, 4, 1, 0x60, 0, 0, IMPORT_SECTION, size],
            &content,
        ]
        .concat();
        let expected = Imports {
            count: 1,
            first: "env.now".to_owned(),
        };
        assert_eq!(imports(&module), Ok(Some(expected)));
    }

    #[test]
    fn a_module_cut_short_is_an_error() {
        let module = [MAGIC, &[IMPORT_SECTION, 40, 1]].concat();
        assert!(imports(&module).is_err());
    }
}
