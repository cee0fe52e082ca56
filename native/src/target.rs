//! Where the bytes of a pull go.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::Error;

/// Takes the kept parts of chunks in order, at their offsets.
#[derive(Debug)]
pub(crate) enum Target {
    /// A file, in which a pull that starts over writes again from the start.
    File {
        file: Arc<File>,
        path: PathBuf,
        position: u64,
        /// Writes the last chunk, while the next one is received and hashed.
        writing: Option<JoinHandle<io::Result<()>>>,
    },
    /// Memory, for what is small, in which a pull that starts over writes again, too.
    Memory(Arc<Mutex<Vec<u8>>>),
    /// The caller's, from whom nothing can be taken back.
    Stream {
        chunks: Chunks,
        /// How many bytes were handed on, by earlier pulls of the stream too.
        position: Arc<AtomicU64>,
    },
}

/// Where a caller takes chunks.
pub(crate) enum Chunks {
    /// At the other end of a channel.
    Channel(mpsc::Sender<Bytes>),
    /// Here and now; a call that waits makes the transfer wait.
    Call(Arc<Mutex<OnChunk>>),
}

/// Takes the next chunk of a blob that nobody has verified yet.
pub(crate) type OnChunk = dyn FnMut(Bytes) -> io::Result<()> + Send;

impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Channel(_) => "Channel",
            Self::Call(_) => "Call",
        })
    }
}

impl Chunks {
    async fn send(&self, bytes: Bytes) -> io::Result<()> {
        match self {
            Self::Channel(chunks) => {
                let sent = chunks.send(bytes).await;
                sent.map_err(|_| io::Error::other("nobody reads it any more"))
            }
            Self::Call(call) => {
                let mut call = call.lock().unwrap_or_else(PoisonError::into_inner);
                call(bytes)
            }
        }
    }
}

impl Target {
    /// A file that is written from `position` on.
    pub(crate) fn file(file: File, path: PathBuf, position: u64) -> Self {
        Self::File {
            file: Arc::new(file),
            path,
            position,
            writing: None,
        }
    }

    /// A stream of which so many bytes were handed on already.
    pub(crate) fn stream(chunks: Chunks, position: Arc<AtomicU64>) -> Self {
        Self::Stream { chunks, position }
    }

    pub(crate) async fn write(&mut self, offset: u64, bytes: Bytes) -> Result<(), Error> {
        match self {
            Self::File {
                file,
                path,
                position,
                writing,
            } => {
                written(writing, path).await?;
                let begin = (offset != *position).then_some(offset);
                *position = offset.saturating_add(bytes.len() as u64);
                let file = Arc::clone(file);
                *writing = Some(spawn_blocking(move || {
                    let mut file = &*file;
                    if let Some(begin) = begin {
                        file.set_len(begin)?;
                        file.seek(SeekFrom::Start(begin))?;
                    }
                    file.write_all(&bytes)
                }));
                Ok(())
            }
            Self::Memory(buffer) => {
                let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
                buffer.truncate(usize::try_from(offset).unwrap_or(usize::MAX));
                buffer.extend_from_slice(&bytes);
                Ok(())
            }
            Self::Stream { chunks, position } => {
                let failed = |source| Error::Stream {
                    doing: "stream a blob",
                    source,
                };
                if offset != position.load(Ordering::Relaxed) {
                    return Err(failed(io::Error::other(
                        "it has to start over, but a part was handed on already; try again",
                    )));
                }
                let end = offset.saturating_add(bytes.len() as u64);
                position.store(end, Ordering::Relaxed);
                if !bytes.is_empty() {
                    chunks.send(bytes).await.map_err(failed)?;
                }
                Ok(())
            }
        }
    }

    /// Makes sure that everything written so far reached the system.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::File { path, writing, .. } => written(writing, path).await,
            Self::Memory(_) | Self::Stream { .. } => Ok(()),
        }
    }
}

/// Waits for the write that is going on, if one is.
async fn written(
    writing: &mut Option<JoinHandle<io::Result<()>>>,
    path: &Path,
) -> Result<(), Error> {
    let Some(writing) = writing.take() else {
        return Ok(());
    };
    let written = writing.await.unwrap_or_else(|error| Err(error.into()));
    written.map_err(|error| Error::io("write", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_written_again_from_where_a_pull_starts_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let file = File::create(&path).unwrap();
        let mut target = Target::file(file, path.clone(), 0);
        target
            .write(0, Bytes::from_static(b"wrong bytes"))
            .await
            .unwrap();
        target.write(0, Bytes::from_static(b"right")).await.unwrap();
        target.write(5, Bytes::from_static(b" one")).await.unwrap();
        target.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"right one");
    }

    #[tokio::test]
    async fn a_stream_cannot_start_over() {
        let (sender, mut receiver) = mpsc::channel(4);
        let mut target = Target::stream(Chunks::Channel(sender), Arc::default());
        target.write(0, Bytes::from_static(b"abc")).await.unwrap();
        let error = target.write(0, Bytes::from_static(b"a")).await.unwrap_err();
        assert!(error.to_string().contains("start over"), "{error}");
        assert_eq!(receiver.recv().await.unwrap(), "abc");
        drop(receiver);
        assert!(target.write(3, Bytes::from_static(b"d")).await.is_err());
    }
}
