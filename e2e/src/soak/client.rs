//! One client, who does what clients do and knows what has to come of it.

use std::io::{self, Read as _};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::load::Load;
use super::world::{File, World};
use crate::http::{Connection, Head};
use crate::random::Random;

/// How long a client waits for the next byte: less than the bridge waits for a request, so that no
/// misunderstanding between the two passes for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The longest pause between two requests, in milliseconds.
const PAUSE: usize = 100;

/// How a slow client reads: so many bytes at a time, with this pause after each.
const SIP: usize = 64 << 10;
const REST: Duration = Duration::from_millis(20);

/// What an answer came to.
enum Trouble {
    /// It said or brought what is not so.
    Wrong(String),
    /// It did not come, or not to its end.
    Failed(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Failed(error.to_string())
    }
}

type Answered = Result<(), Trouble>;

pub(super) struct Client<'a> {
    name: String,
    world: &'a World,
    load: &'a Load,
    random: Random,
    connection: Option<Connection>,
    /// The last request, for people.
    asked: String,
}

/// Reads until the time is over.
pub(super) fn run(number: u64, world: &World, load: &Load) {
    let mut client = Client::new(&number.to_string(), world, load, Random::new(number + 1));
    while !load.is_over() {
        client.once();
        sleep(Duration::from_millis(client.random.below(PAUSE) as u64));
    }
}

impl<'a> Client<'a> {
    pub(super) fn new(name: &str, world: &'a World, load: &'a Load, random: Random) -> Client<'a> {
        Client {
            name: format!("soak/{name}"),
            world,
            load,
            random,
            connection: None,
            asked: String::new(),
        }
    }

    /// What is always in the cache comes whatever happens.
    pub(super) fn probe(&mut self) {
        let file = self.world.smallest();
        if let Err(Trouble::Wrong(what) | Trouble::Failed(what)) = self.whole(file) {
            self.connection = None;
            let asked = &self.asked;
            (self.load).wrong(format!("{asked}: what is always in the cache: {what}"));
        }
        self.load.count("probes");
    }

    fn once(&mut self) {
        let (began, world) = (Instant::now(), self.world);
        let file = self.random.pick(&world.files);
        let (what, answered) = match self.random.below(100) {
            0..40 => ("whole files", self.whole(file)),
            40..54 => ("ranges", self.range(file)),
            54..62 => ("heads", self.head(file)),
            62..72 => ("conditions", self.condition(file)),
            72..77 => ("slow readers", self.slowly(file)),
            77..86 => ("readers that leave", self.leave(file)),
            86..92 => ("files that are not there", self.missing()),
            _ => ("reads of the tag that moves", self.follow()),
        };
        self.load.count(what);
        let asked = &self.asked;
        match answered {
            Ok(()) => return,
            Err(Trouble::Wrong(how)) => self.load.wrong(format!("{what}: {asked}: {how}")),
            Err(Trouble::Failed(how)) => self.load.failed(began, format!("{what}: {asked}: {how}")),
        }
        self.connection = None;
    }

    /// Sends a request, over the connection there is most of the time.
    fn ask(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> io::Result<(Head, &mut Connection)> {
        self.asked = format!("{method} {path} {fields:?}");
        if self.random.chance(0.1) {
            self.connection = None;
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.load.bridge, PATIENCE)?,
        };
        let connection = self.connection.insert(connection);
        let fields = [&[("User-Agent", &*self.name)][..], fields].concat();
        let head = connection.ask(method, path, &fields)?;
        Ok((head, connection))
    }

    /// Asks, reads the body, and compares it where the status is the one that was expected.
    fn expect(
        &mut self,
        file: &File,
        fields: &[(&str, &str)],
        status: u16,
        content: &[u8],
    ) -> Answered {
        let (head, connection) = self.ask("GET", &file.path, fields)?;
        // It has no body, whatever it says of a length.
        let body = match head.status {
            304 => Vec::new(),
            _ => connection.body(&head)?,
        };
        self.load.came(body.len() as u64);
        is(&head, status, &body)?;
        is_of(&head, file)?;
        same(&body, content)
    }

    fn whole(&mut self, file: &File) -> Answered {
        self.expect(file, &[], 200, &file.content)
    }

    fn range(&mut self, file: &File) -> Answered {
        let size = file.content.len();
        if size == 0 {
            return Ok(());
        }
        let from = self.random.below(size);
        let to = from + self.random.below(size - from);
        let (range, from) = match self.random.below(4) {
            0 => (format!("bytes={from}-"), from..size),
            1 => (format!("bytes=-{}", size - from), from..size),
            _ => (format!("bytes={from}-{to}"), from..to + 1),
        };
        self.expect(file, &[("Range", &range)], 206, &file.content[from])
    }

    fn head(&mut self, file: &File) -> Answered {
        let (head, _) = self.ask("HEAD", &file.path, &[])?;
        is(&head, 200, b"")?;
        is_of(&head, file)?;
        match head.length() == Some(file.content.len() as u64) {
            true => Ok(()),
            false => Err(Trouble::Wrong(format!("a length of {:?}", head.length()))),
        }
    }

    fn condition(&mut self, file: &File) -> Answered {
        let (own, other) = (format!("\"{}\"", file.digest), "\"sha256:0\"");
        match self.random.below(4) {
            0 => self.expect(file, &[("If-None-Match", &own)], 304, b""),
            1 => self.expect(file, &[("If-None-Match", other)], 200, &file.content),
            2 => self.expect(file, &[("If-Match", other)], 412, b""),
            // A range of something else is the whole.
            _ => {
                let fields = [("If-Range", other), ("Range", "bytes=0-1")];
                self.expect(file, &fields, 200, &file.content)
            }
        }
    }

    fn missing(&mut self) -> Answered {
        let base = self.random.pick(&self.world.bases);
        let path = format!("{base}Packages/none-{}.rpm", self.random.below(1000));
        let (head, connection) = self.ask("GET", &path, &[])?;
        let body = connection.body(&head)?;
        is(&head, 404, &body)
    }

    fn slowly(&mut self, file: &File) -> Answered {
        let (head, connection) = self.ask("GET", &file.path, &[])?;
        if head.status != 200 {
            let body = connection.body(&head)?;
            return is(&head, 200, &body);
        }
        let length = head.length().unwrap_or(0);
        let mut body = Vec::new();
        while (body.len() as u64) < length {
            let left = (length - body.len() as u64).min(SIP as u64);
            let read = connection.by_ref().take(left).read_to_end(&mut body)?;
            if (read as u64) < left {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            sleep(REST);
        }
        self.load.came(length);
        is_of(&head, file)?;
        same(&body, &file.content)
    }

    /// What came until then has to be right, too.
    fn leave(&mut self, file: &File) -> Answered {
        let wanted = self.random.below(file.content.len().max(1));
        let (head, connection) = self.ask("GET", &file.path, &[])?;
        let mut body = Vec::new();
        connection
            .by_ref()
            .take(wanted as u64)
            .read_to_end(&mut body)?;
        self.connection = None;
        self.load.came(body.len() as u64);
        is(&head, 200, &body)?;
        same(&body, file.content.get(..body.len()).unwrap_or_default())
    }

    /// Reads as dnf does: `repomd.xml`, its signature, and what belongs to it.
    fn follow(&mut self) -> Answered {
        let world = self.world;
        let named = |state: usize, name: &str| {
            let mut files = world.states[state].1.iter();
            files.find(|file| file.name == name)
        };
        let Some(any) = named(0, "repodata/repomd.xml") else {
            return Err(Trouble::Wrong("no repomd.xml was published".to_owned()));
        };
        let (head, connection) = self.ask("GET", &any.path, &[])?;
        let body = connection.body(&head)?;
        self.load.came(body.len() as u64);
        is(&head, 200, &body)?;
        let state = (0..world.states.len())
            .find(|state| named(*state, &any.name).is_some_and(|file| file.content == body));
        let Some(state) = state else {
            return Err(Trouble::Wrong("a repomd.xml nobody published".to_owned()));
        };
        if let Some(signature) = named(state, "repodata/repomd.xml.asc") {
            self.whole(signature)?;
        }
        for _ in 0..2 {
            let file = self.random.pick(&world.states[state].1);
            // Asked for again, it may be of another state by now.
            if file.name != any.name {
                self.whole(file)?;
            }
        }
        Ok(())
    }
}

fn is(head: &Head, status: u16, body: &[u8]) -> Answered {
    if head.status == status {
        return Ok(());
    }
    let text = String::from_utf8_lossy(body.get(..body.len().min(300)).unwrap_or_default());
    let what = format!("{} and not {status}: {text}", head.status);
    Err(match head.status {
        500.. => Trouble::Failed(what),
        _ => Trouble::Wrong(what),
    })
}

/// Its tag is its digest.
fn is_of(head: &Head, file: &File) -> Answered {
    let expected = format!("\"{}\"", file.digest);
    match head.field("etag") {
        Some(tag) if tag == expected => Ok(()),
        other => Err(Trouble::Wrong(format!("it is tagged {other:?}"))),
    }
}

fn same(body: &[u8], content: &[u8]) -> Answered {
    if body == content {
        return Ok(());
    }
    let at = body
        .iter()
        .zip(content)
        .position(|(came, must)| came != must);
    Err(Trouble::Wrong(format!(
        "other bytes: {} and not {}, the first other one at {at:?}",
        body.len(),
        content.len()
    )))
}
