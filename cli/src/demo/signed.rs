//! Putting an OpenPGP signature into an RPM.
//!
//! The `rpm` crate can, but only together with a second implementation of OpenPGP. The
//! format is in rpm's manual, "Package Format" and "Header Format": a lead of 96 bytes,
//! then the signature header, padded to eight bytes, then what the signature is over.

use crate::exit::Failure;

const LEAD: usize = 96;
/// Magic, reserved bytes, number of entries, size of the store.
const INTRO: usize = 16;
const ENTRY: usize = 16;
/// The tag of the region that all entries of a signature header lie in.
const REGION: u32 = 62;
/// The tag of a signature over the header by any algorithm but RSA.
const DSA: u32 = 267;
const BINARY: u32 = 7;

/// One line of a header's index: tag, type, offset into the store, count.
type Entry = [u32; 4];

/// The package with the signature, a bare packet, added.
pub(super) fn signed(package: &[u8], signature: &[u8]) -> Result<Vec<u8>, Failure> {
    try_signed(package, signature)
        .ok_or_else(|| Failure::failed("the built package has no signature header to add to"))
}

fn try_signed(package: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    let (lead, rest) = package.split_at_checked(LEAD)?;
    let (intro, rest) = rest.split_at_checked(INTRO)?;
    let magic = intro.get(..8)?;
    let (count, size) = (number(intro, 8)?, number(intro, 12)?);
    let (index, rest) = rest.split_at_checked(usize::try_from(count).ok()?.checked_mul(ENTRY)?)?;
    let (store, rest) = rest.split_at_checked(usize::try_from(size).ok()?)?;
    let main = rest.get(padding(store.len())..)?;

    let mut entries: Vec<Entry> = index
        .chunks_exact(ENTRY)
        .map(|line| {
            Some([
                number(line, 0)?,
                number(line, 4)?,
                number(line, 8)?,
                number(line, 12)?,
            ])
        })
        .collect::<Option<_>>()?;
    // Readers want tags and offsets in the same order, so the signature comes first, and
    // what comes after it keeps its alignment. The region encloses all.
    let shift = u32::try_from(signature.len().next_multiple_of(8)).ok()?;
    let (region, others) = entries.split_first_mut()?;
    if region[0] != REGION || others.iter().any(|entry| entry[0] <= DSA) {
        return None;
    }
    region[2] = region[2].checked_add(shift)?;
    for entry in others {
        entry[2] = entry[2].checked_add(shift)?;
    }
    let length = u32::try_from(signature.len()).ok()?;
    entries.insert(1, [DSA, BINARY, 0, length]);
    // The trailer of the region ends the store and counts the entries backwards.
    let count = count.checked_add(1)?;
    let back = count.checked_mul(16)?.wrapping_neg();
    let (kept, _trailer) = store.split_at_checked(store.len().checked_sub(ENTRY)?)?;
    let mut store = signature.to_vec();
    store.resize(usize::try_from(shift).ok()?, 0);
    store.extend_from_slice(kept);
    store.extend(bytes(&[REGION, BINARY, back, 16]));

    let mut whole = [lead, magic].concat();
    whole.extend(bytes(&[count, u32::try_from(store.len()).ok()?]));
    whole.extend(entries.iter().flat_map(|entry| bytes(entry)));
    whole.extend_from_slice(&store);
    whole.resize(whole.len() + padding(store.len()), 0);
    whole.extend_from_slice(main);
    Some(whole)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

fn bytes(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
}

fn padding(size: usize) -> usize {
    size.next_multiple_of(8) - size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_package_is_refused() {
        assert!(signed(b"not an RPM", b"signature").is_err());
        assert!(signed(&[0; 200], b"signature").is_err());
        assert!(signed(&[0xff; 200], b"signature").is_err());
    }
}
