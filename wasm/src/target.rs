//! Where the bytes of a pull go.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::Uint8Array;

use crate::failure::Failure;
#[cfg(feature = "transfer")]
use crate::js;
use crate::wait::Bell;

/// How many bytes of a stream may wait for their reader before no more are taken from the
/// network.
const AHEAD: usize = 4 << 20;

/// Takes the kept parts of chunks in order, at their offsets.
#[derive(Clone)]
pub(crate) enum Target {
    /// Memory, in which a pull that starts over writes again from the start.
    Memory(Rc<RefCell<Vec<u8>>>),
    /// What the caller does with bytes and the offset they belong at.
    #[cfg(feature = "transfer")]
    Place(js_sys::Function),
    /// The caller's end of a stream, from which nothing can be taken back.
    Stream(Rc<Stream>),
}

impl Target {
    /// Puts a chunk, whose bytes from `skip` on are new, at `offset`. `copied` is what those
    /// are.
    pub(crate) async fn write(
        &self,
        offset: u64,
        copied: &[u8],
        chunk: &Uint8Array,
    ) -> Result<(), Failure> {
        match self {
            Self::Memory(memory) => {
                let mut memory = memory.borrow_mut();
                memory.truncate(usize::try_from(offset).unwrap_or(usize::MAX));
                memory.extend_from_slice(copied);
                Ok(())
            }
            #[cfg(feature = "transfer")]
            Self::Place(_) if copied.is_empty() => Ok(()),
            #[cfg(feature = "transfer")]
            Self::Place(write) => {
                let (bytes, offset) = (kept(chunk, copied.len()), offset as f64);
                let written = js::call(write, &bytes, &offset.into()).await;
                written.map(|_| ()).map_err(|error| Failure::thrown(&error))
            }
            Self::Stream(stream) => stream.write(offset, copied.len(), chunk).await,
        }
    }
}

/// The last `len` bytes of a chunk.
fn kept(chunk: &Uint8Array, len: usize) -> Uint8Array {
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    match chunk.length().saturating_sub(len) {
        0 => chunk.clone(),
        skip => chunk.subarray(skip, chunk.length()),
    }
}

/// Chunks on their way to a reader.
#[derive(Default)]
pub(crate) struct Stream {
    state: RefCell<State>,
    bell: Bell,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Uint8Array>,
    /// Bytes that wait.
    waiting: usize,
    /// Bytes that were handed on or wait.
    position: u64,
    closed: bool,
}

impl Stream {
    async fn write(&self, offset: u64, len: usize, chunk: &Uint8Array) -> Result<(), Failure> {
        if offset != self.state.borrow().position {
            return Err(Failure::corrupt(
                "what came after the connection broke does not fit what came before, and a part \
                 was handed on already; start over",
            ));
        }
        if len == 0 {
            return Ok(());
        }
        let room = || (self.state.borrow().waiting < AHEAD).then_some(());
        self.bell.until(room).await;
        let mut state = self.state.borrow_mut();
        state.chunks.push_back(kept(chunk, len));
        state.waiting += len;
        state.position += len as u64;
        drop(state);
        self.bell.ring();
        Ok(())
    }

    /// The next chunk; `None` when there will be no more.
    pub(crate) async fn next(&self) -> Option<Uint8Array> {
        let next = self
            .bell
            .until(|| {
                let mut state = self.state.borrow_mut();
                match state.chunks.pop_front() {
                    Some(chunk) => {
                        state.waiting -= chunk.length() as usize;
                        Some(Some(chunk))
                    }
                    None => state.closed.then_some(None),
                }
            })
            .await;
        self.bell.ring();
        next
    }

    /// Says that nothing more comes.
    pub(crate) fn close(&self) {
        self.state.borrow_mut().closed = true;
        self.bell.ring();
    }
}
