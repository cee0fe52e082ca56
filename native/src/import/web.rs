//! One file of a web server, or of the file system, piece by piece.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::StatusCode;
use tokio::io::AsyncReadExt as _;
use url::Url;

use super::error::ImportErrorKind;
use crate::client::Client;
use crate::error::Error;
use crate::http::Failure as Lost;
use crate::throttle::Throttle;

/// The size of the pieces of a local file, in bytes.
const PIECE: usize = 256 << 10;

/// How files are fetched.
#[derive(Clone, Debug)]
pub(super) struct Web {
    pub(super) client: reqwest::Client,
    pub(super) throttle: Throttle,
    /// How long a server may be silent.
    pub(super) stall: Duration,
}

/// Why one place did not give a file.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) why: Why,
    pub(super) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It is not there.
    Absent,
    /// It is something else than what is wanted.
    Wrong,
    /// The server refuses.
    Refused,
    /// It may work a moment later.
    Passing,
    /// This machine failed, so that no other place helps.
    Here,
}

impl Why {
    pub(super) fn kind(self) -> ImportErrorKind {
        match self {
            Self::Absent => ImportErrorKind::NotFound,
            Self::Wrong => ImportErrorKind::Corrupt,
            Self::Refused | Self::Here => ImportErrorKind::Refused,
            Self::Passing => ImportErrorKind::Unavailable,
        }
    }
}

impl Failed {
    pub(super) fn new(why: Why, message: impl Into<String>) -> Self {
        Self {
            why,
            message: message.into(),
        }
    }
}

/// What a server sends.
pub(super) enum Body {
    Http(Box<reqwest::Response>),
    File(tokio::fs::File),
}

impl Web {
    /// The proxies, certificates and limits of a client, without its credentials.
    pub(super) fn of(client: &Client) -> Result<Self, Error> {
        let (client, throttle, stall) = client.web()?;
        Ok(Self {
            client,
            throttle,
            stall,
        })
    }

    /// Begins to fetch a URL.
    pub(super) async fn get(&self, url: &Url) -> Result<Body, Failed> {
        if url.scheme() == "file" {
            let path = url
                .to_file_path()
                .map_err(|()| Failed::new(Why::Refused, "it is no path of this machine"))?;
            return match tokio::fs::File::open(&path).await {
                Ok(file) => Ok(Body::File(file)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    Err(Failed::new(Why::Absent, error.to_string()))
                }
                Err(error) => Err(Failed::new(Why::Here, error.to_string())),
            };
        }
        let sent = self.client.get(url.clone()).send();
        let response = tokio::time::timeout(self.stall, sent)
            .await
            .map_err(|_| silent(self.stall))?
            .map_err(lost)?;
        let status = response.status();
        match status {
            StatusCode::OK => Ok(Body::Http(Box::new(response))),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                Err(Failed::new(Why::Absent, status.to_string()))
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Err(Failed::new(Why::Passing, status.to_string()))
            }
            _ if status.is_server_error() => Err(Failed::new(Why::Passing, status.to_string())),
            _ => Err(Failed::new(Why::Refused, status.to_string())),
        }
    }

    /// The next piece of a body; `None` at its end.
    pub(super) async fn piece(&self, body: &mut Body) -> Result<Option<Bytes>, Failed> {
        let piece = match body {
            Body::Http(response) => tokio::time::timeout(self.stall, response.chunk())
                .await
                .map_err(|_| silent(self.stall))?
                .map_err(lost)?,
            Body::File(file) => {
                let mut piece = BytesMut::with_capacity(PIECE);
                let read = file.read_buf(&mut piece).await;
                let read = read.map_err(|error| Failed::new(Why::Here, error.to_string()))?;
                (read > 0).then(|| piece.freeze())
            }
        };
        if let Some(piece) = &piece {
            self.throttle.take(piece.len() as u64).await;
        }
        Ok(piece)
    }

    /// A whole file that has at most so many bytes.
    pub(super) async fn bytes(&self, url: &Url, limit: u64) -> Result<Vec<u8>, Failed> {
        let mut body = self.get(url).await?;
        let mut content = Vec::new();
        while let Some(piece) = self.piece(&mut body).await? {
            content.extend_from_slice(&piece);
            if content.len() as u64 > limit {
                let message = format!("it has more than {limit} bytes");
                return Err(Failed::new(Why::Wrong, message));
            }
        }
        Ok(content)
    }
}

fn silent(stall: Duration) -> Failed {
    let message = format!("nothing came for {} s", stall.as_secs());
    Failed::new(Why::Passing, message)
}

fn lost(error: reqwest::Error) -> Failed {
    // What redirects to a place it must not is as wrong the second time.
    let why = match error.is_redirect() {
        true => Why::Refused,
        false => Why::Passing,
    };
    Failed::new(why, Lost::from(error).detail)
}

/// A URL as it may be shown: without password and without query, which may be a key.
pub(super) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    // Neither fails for a URL that has them.
    let _ = shown.set_password(None);
    let _ = shown.set_username("");
    shown.set_query(None);
    shown.to_string()
}
