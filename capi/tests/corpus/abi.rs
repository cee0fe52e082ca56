//! The C ABI: whatever is called in whatever order, with ids that never were or are no more,
//! every call ends in a status, and everything that comes out can be read.
//!
//! What C cannot be kept from, pointers to what was freed, is left out: what was given back is
//! forgotten here too.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr;

use ocirepo_capi::*;

const CONTENT: &[u8] = b"what the blob is, and a little more than that";
const DIGEST: &str = "sha256:1c3c3d8bb2bd05b0e1f5a3ffd1b2d2f4c1ab1c5a8a6b0c7c5b9a0d6f2e1c4b3a";

const STATUSES: [u32; 18] = [
    200, 200, 201, 202, 204, 206, 301, 307, 400, 401, 401, 403, 404, 416, 429, 503, 100, 70000,
];

const FIELDS: [(&str, &str); 14] = [
    (
        "WWW-Authenticate",
        "Bearer realm=\"https://auth.registry.example/t\",service=s",
    ),
    ("www-authenticate", "Basic realm=x"),
    ("location", "/v2/me/demo/blobs/uploads/1?state=x"),
    ("location", "https://other.example/x"),
    ("link", "</v2/me/demo/tags/list?last=a>; rel=\"next\""),
    ("content-type", "application/vnd.oci.image.manifest.v1+json"),
    ("content-length", "45"),
    ("content-range", "bytes 5-44/45"),
    ("range", "0-9"),
    ("retry-after", "3"),
    ("docker-content-digest", DIGEST),
    ("bad name", "x"),
    ("x-bad-value", "a\nb"),
    ("warning", "299 - \"old\""),
];

const TEXTS: [&str; 16] = [
    "oci://registry.example/me/demo:el9",
    "oci+http://127.0.0.1:5000/me/demo",
    "registry.example/me/demo@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "ubuntu",
    "",
    "UPPER CASE",
    "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "sha256:short",
    "el9",
    "https",
    "http",
    "registry.example",
    "127.0.0.1:5000",
    "repodata/repomd.xml",
    "../x",
    "{}",
];

const BODIES: [&[u8]; 7] = [
    b"",
    CONTENT,
    b"{\"token\":\"t\"}",
    b"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
      \"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\
      \"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},\
      \"layers\":[{\"mediaType\":\"text/plain\",\"digest\":\
      \"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2,\
      \"annotations\":{\"org.opencontainers.image.title\":\"repodata/repomd.xml\"}}]}",
    b"{\"tags\":[\"a\",\"b\"]}",
    b"{}",
    b"<repomd/>",
];

/// Runs one script.
pub(crate) fn check(script: &[u8]) {
    let mut world = World::new(script);
    while !world.script.is_empty() {
        world.step();
    }
    world.end();
}

struct World<'s> {
    script: &'s [u8],
    sessions: Vec<*mut ocirepo_session>,
    references: Vec<*mut ocirepo_reference>,
    repositories: Vec<*mut ocirepo_repository>,
    sinks: Vec<*mut ocirepo_sink>,
    sources: Vec<*mut ocirepo_source>,
    exchanges: Vec<u64>,
    operations: Vec<u64>,
    now: ocirepo_now,
}

fn text(text: &str) -> ocirepo_str {
    ocirepo_str {
        data: text.as_ptr().cast::<c_char>(),
        len: text.len(),
    }
}

fn bytes(bytes: &[u8]) -> ocirepo_bytes {
    ocirepo_bytes {
        data: bytes.as_ptr(),
        len: bytes.len(),
    }
}

/// Text that came out has its length, and a NUL after it.
fn read(text: ocirepo_str) {
    assert!(!text.data.is_null());
    // SAFETY: so the header promises.
    let slice = unsafe { std::slice::from_raw_parts(text.data.cast::<u8>(), text.len + 1) };
    assert_eq!(slice[text.len], 0);
}

fn read_bytes(bytes: ocirepo_bytes) -> u8 {
    // SAFETY: so the header promises.
    let slice = unsafe { std::slice::from_raw_parts(bytes.data, bytes.len) };
    slice.iter().fold(0, |sum, byte| sum ^ byte)
}

fn read_pairs(pairs: *const ocirepo_pair, len: usize) {
    for at in 0..len {
        // SAFETY: so the header promises.
        let pair = unsafe { *pairs.add(at) };
        read(pair.name);
        read(pair.value);
    }
}

fn read_descriptors(list: *const ocirepo_descriptor, len: usize) {
    for at in 0..len {
        // SAFETY: so the header promises.
        let descriptor = unsafe { *list.add(at) };
        read(descriptor.media_type);
        read(descriptor.digest);
        read(descriptor.artifact_type);
        read_pairs(descriptor.annotations, descriptor.annotations_len);
    }
}

/// A struct with its size, or now and then with another one.
fn sized<T>(size: u8) -> T {
    let mut made = MaybeUninit::<T>::zeroed();
    let size = match size {
        0 => 0,
        1 => 8,
        2 => size_of::<T>() - 8,
        _ => size_of::<T>(),
    };
    // SAFETY: every such struct begins with its size, and zeros are a value of the rest.
    unsafe {
        made.as_mut_ptr().cast::<usize>().write(size);
        made.assume_init()
    }
}

/// No call may have hit a bug.
fn well(status: ocirepo_status) -> bool {
    assert_ne!(status, ocirepo_status::Poisoned);
    status == ocirepo_status::Ok
}

macro_rules! call {
    ($call:expr) => {
        // SAFETY: handles are NULL or alive and used once, lists are as long as is said,
        // structs have their size or less.
        well(unsafe { $call })
    };
}

impl<'s> World<'s> {
    fn new(script: &'s [u8]) -> Self {
        let mut world = Self {
            script,
            sessions: vec![ptr::null_mut()],
            references: vec![ptr::null_mut()],
            repositories: vec![ptr::null_mut()],
            sinks: vec![],
            sources: vec![],
            exchanges: vec![0, OCIREPO_NOTHING],
            operations: vec![0, OCIREPO_NOTHING],
            now: ocirepo_now {
                monotonic_ms: 0,
                unix_secs: 1_700_000_000,
            },
        };
        world.parse(TEXTS[0]);
        world.session();
        world
    }

    fn byte(&mut self) -> u8 {
        match self.script.split_first() {
            Some((first, rest)) => {
                self.script = rest;
                *first
            }
            None => 0,
        }
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::from(self.byte()) % list.len()]
    }

    fn text(&mut self) -> ocirepo_str {
        text(self.pick(&TEXTS))
    }

    /// A legal digest more often than not.
    fn digest(&mut self) -> ocirepo_str {
        match self.byte() % 4 {
            0 => self.text(),
            _ => text(TEXTS[6]),
        }
    }

    /// The newest one more often than not.
    fn id(&mut self, of: fn(&Self) -> &Vec<u64>) -> u64 {
        let choice = usize::from(self.byte());
        let list = of(self);
        match choice % 4 {
            0 => list[choice / 4 % list.len()],
            _ => list[list.len() - 1],
        }
    }

    fn latest<T>(&mut self, of: fn(&Self) -> &Vec<*mut T>) -> *mut T {
        let choice = usize::from(self.byte());
        let list = of(self);
        match choice % 8 {
            0 => list[choice / 8 % list.len()],
            _ => list[list.len() - 1],
        }
    }

    fn sink(&mut self) -> *mut ocirepo_sink {
        match self.byte() % 4 {
            0 => ptr::null_mut(),
            _ => self.sinks.pop().unwrap_or(ptr::null_mut()),
        }
    }

    fn source(&mut self) -> *mut ocirepo_source {
        match self.byte() % 4 {
            0 => ptr::null_mut(),
            _ => self.sources.pop().unwrap_or(ptr::null_mut()),
        }
    }

    fn parse(&mut self, of: &str) {
        let mut reference = MaybeUninit::uninit();
        let mut message: [c_char; 16] = [1; 16];
        // SAFETY: as in `call!`.
        let status = unsafe {
            ocirepo_reference_parse(text(of), Some(&mut reference), message.as_mut_ptr(), 16)
        };
        // SAFETY: it was written to, whatever the status is, and ends with a NUL.
        assert!(unsafe { CStr::from_ptr(message.as_ptr()) }.count_bytes() < 16);
        if well(status) {
            // SAFETY: it was written.
            self.references.push(unsafe { reference.assume_init() });
        }
    }

    fn session(&mut self) {
        let mut config: ocirepo_config = sized(9);
        call!(ocirepo_config_init(&raw mut config));
        config.concurrency = u32::from(self.byte());
        config.capabilities = u32::from(self.byte() % 9);
        config.retries = u32::from(self.byte() % 4);
        config.manifest_limit = 2000;
        let mut session = MaybeUninit::uninit();
        if call!(ocirepo_session_new(
            &raw const config,
            1,
            Some(&mut session)
        )) {
            // SAFETY: it was written.
            self.sessions.push(unsafe { session.assume_init() });
        }
    }

    fn poll(&mut self) {
        let session = self.latest(|world| &world.sessions);
        for _ in 0..8 {
            let size = self.byte();
            let mut output: ocirepo_output = sized(size);
            if !call!(ocirepo_session_poll(
                session.as_mut(),
                self.now,
                &raw mut output
            )) {
                return;
            }
            // SAFETY: the kind tells which part of the union is present.
            unsafe {
                match output.kind {
                    1 => {
                        let request = output.u.request;
                        read(request.method);
                        read(request.url);
                        read(request.registry.name);
                        read(request.registry.scheme);
                        read_pairs(request.headers, request.headers_len);
                        read_bytes(request.body);
                        self.exchanges.push(request.exchange);
                        if !request.source.is_null() {
                            self.sources.push(request.source);
                        }
                    }
                    3 => {
                        read(output.u.registry.name);
                        read(output.u.registry.scheme);
                    }
                    4 => {
                        read(output.u.event.text);
                        read(output.u.event.registry.name);
                    }
                    5 => self.operations.push(output.u.operation),
                    0 | 2 => {}
                    other => panic!("there is no output of kind {other}"),
                }
            }
            if output.kind == 0 {
                return;
            }
        }
    }

    fn step(&mut self) {
        match self.byte() % 24 {
            0 => {
                let of = self.pick(&TEXTS);
                self.parse(of);
            }
            1 if self.sessions.len() < 4 => self.session(),
            2..=5 => self.poll(),
            6..=8 => self.start(),
            9..=11 => self.head(),
            12 => {
                let (session, id) = (self.latest(|w| &w.sessions), self.id(|w| &w.exchanges));
                let body = bytes(self.pick(&BODIES));
                call!(ocirepo_session_data(session.as_mut(), self.now, id, body));
            }
            13 => {
                let (session, id) = (self.latest(|w| &w.sessions), self.id(|w| &w.exchanges));
                let sink = self.sink();
                // SAFETY: it is NULL or the only pointer to a sink that this library made.
                let sink = unsafe { boxed(sink) };
                call!(ocirepo_session_end(session.as_mut(), self.now, id, sink));
            }
            14 => {
                let (session, id) = (self.latest(|w| &w.sessions), self.id(|w| &w.exchanges));
                let source = self.source();
                // SAFETY: as above.
                let source = unsafe { boxed(source) };
                call!(ocirepo_session_sent(session.as_mut(), self.now, id, source));
            }
            15 => {
                let (session, id) = (self.latest(|w| &w.sessions), self.id(|w| &w.exchanges));
                let (sink, source) = (self.sink(), self.source());
                let cause = u32::from(self.byte() % 9);
                // SAFETY: as above.
                let (sink, source) = unsafe { (boxed(sink), boxed(source)) };
                call!(ocirepo_session_lost(
                    session.as_mut(),
                    self.now,
                    id,
                    cause,
                    sink,
                    source
                ));
            }
            16 => self.credentials(),
            17 => {
                self.now.monotonic_ms += u64::from(self.byte()) * 1000;
                let session = self.latest(|w| &w.sessions);
                call!(ocirepo_session_timeout(session.as_mut(), self.now));
            }
            18 => self.take(),
            19 => {
                let (session, id) = (self.latest(|w| &w.sessions), self.id(|w| &w.operations));
                match self.byte() % 2 {
                    0 => call!(ocirepo_session_cancel(session.as_mut(), id)),
                    _ => call!(ocirepo_session_forget(session.as_mut(), id)),
                };
            }
            20 => self.blob_ends(),
            21 => self.free_one(),
            22 => self.open(),
            _ => self.look(),
        }
    }

    fn start(&mut self) {
        let session = self.latest(|w| &w.sessions);
        let at = self.latest(|w| &w.references);
        let mut operation = MaybeUninit::new(OCIREPO_NOTHING);
        let place = Some(&mut operation);
        let what = self.byte() % 16;
        let selector = self.text();
        let digest = self.digest();
        let body = bytes(self.pick(&BODIES));
        let size = match self.byte() % 3 {
            0 => OCIREPO_NOTHING,
            1 => 2,
            _ => 45,
        };
        // SAFETY: as in `call!`; what is given up is forgotten.
        let status = unsafe {
            let (session, reference) = (session.as_mut(), at.as_ref());
            match what {
                0 => ocirepo_session_ping(session, reference, place),
                1 => ocirepo_session_resolve(session, reference, selector, place),
                2 => ocirepo_session_pull_manifest(session, reference, selector, place),
                3..=5 => {
                    let sink = boxed(self.sink());
                    ocirepo_session_pull_blob(session, reference, digest, size, sink, place)
                }
                6 => ocirepo_session_pull_bytes(session, reference, digest, size, 100, place),
                7 => ocirepo_session_pull_range(session, reference, digest, 3, size, place),
                8 => ocirepo_session_blob_exists(session, reference, digest, place),
                9 => ocirepo_session_manifest_exists(session, reference, selector, place),
                10 | 11 => {
                    let source = boxed(self.source());
                    let mut upload: ocirepo_upload = sized(self.byte());
                    upload.flags = u32::from(self.byte() % 5);
                    upload.chunk = u64::from(self.byte());
                    upload.mount_from = at;
                    let upload = &raw const upload;
                    ocirepo_session_push_blob(session, reference, source, upload, place)
                }
                12 => {
                    let none = text("");
                    ocirepo_session_push_manifest(session, reference, selector, none, body, place)
                }
                13 => ocirepo_session_tags(session, reference, place),
                14 => ocirepo_session_copy_blob(session, reference, reference, digest, place),
                _ => ocirepo_session_referrers(session, reference, digest, selector, place),
            }
        };
        if well(status) {
            // SAFETY: it has a value.
            self.operations.push(unsafe { operation.assume_init() });
        }
    }

    fn head(&mut self) {
        let (session, id) = (self.latest(|w| &w.sessions), self.id(|w| &w.exchanges));
        let mut fields = Vec::new();
        for _ in 0..self.byte() % 4 {
            let (name, value) = self.pick(&FIELDS);
            fields.push(ocirepo_pair {
                name: text(name),
                value: text(value),
            });
        }
        let mut head: ocirepo_head = sized(self.byte());
        head.status = self.pick(&STATUSES);
        head.headers = fields.as_ptr();
        head.headers_len = fields.len();
        let (mut destination, mut sink) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        if call!(ocirepo_session_head(
            session.as_mut(),
            self.now,
            id,
            &raw const head,
            Some(&mut destination),
            Some(&mut sink),
        )) {
            // SAFETY: both were written.
            let (destination, sink) = unsafe { (destination.assume_init(), sink.assume_init()) };
            assert_eq!(destination == 2, !sink.is_null());
            if !sink.is_null() {
                self.sinks.push(sink);
            }
        }
    }

    fn credentials(&mut self) {
        let session = self.latest(|w| &w.sessions);
        let (scheme, registry) = match self.byte() % 3 {
            0 => (self.text(), self.text()),
            _ => (text("https"), text("registry.example")),
        };
        let mut credentials: ocirepo_credentials = sized(self.byte());
        credentials.kind = u32::from(self.byte() % 5);
        credentials.username = text("me");
        credentials.secret = text("hunter2");
        let given = match self.byte() % 2 {
            0 => ptr::null(),
            _ => &raw const credentials,
        };
        call!(ocirepo_session_credentials(
            session.as_mut(),
            self.now,
            scheme,
            registry,
            given
        ));
    }

    fn take(&mut self) {
        let (session, id) = (self.latest(|w| &w.sessions), self.id(|w| &w.operations));
        let mut result: ocirepo_result = sized(self.byte());
        // SAFETY: as in `call!`.
        let status = unsafe { ocirepo_session_take(session.as_mut(), id, &raw mut result) };
        well(status);
        if matches!(status, ocirepo_status::Ok | ocirepo_status::Failed) {
            read_result(&result);
        }
    }

    /// Sinks and sources, by themselves.
    fn blob_ends(&mut self) {
        let digest = self.digest();
        let chunk = bytes(self.pick(&BODIES));
        let (mut sink, mut source) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        match self.byte() % 6 {
            0 => {
                if call!(ocirepo_sink_new(digest, 45, Some(&mut sink))) {
                    // SAFETY: it was written.
                    self.sinks.push(unsafe { sink.assume_init() });
                }
            }
            1 => {
                if call!(ocirepo_source_new(45, text(""), Some(&mut source))) {
                    // SAFETY: it was written.
                    self.sources.push(unsafe { source.assume_init() });
                }
            }
            2 | 3 => {
                let last = self.sinks.last().copied().unwrap_or(ptr::null_mut());
                let mut keep = MaybeUninit::uninit();
                if call!(ocirepo_sink_chunk(last.as_mut(), chunk, Some(&mut keep))) {
                    // SAFETY: it was written.
                    let keep = unsafe { keep.assume_init() };
                    assert!(keep.len <= chunk.len);
                    // SAFETY: it is a part of the chunk.
                    let offset = unsafe { ocirepo_sink_offset(last.as_ref()) };
                    assert_eq!(keep.offset + keep.len as u64, offset);
                }
            }
            4 => {
                let last = self.sources.last().copied().unwrap_or(ptr::null_mut());
                let offset = u64::from(self.byte() % 50);
                call!(ocirepo_source_chunk(last.as_mut(), offset, chunk));
            }
            _ => {
                let last = self.sinks.last().copied().unwrap_or(ptr::null_mut());
                let mut saved = MaybeUninit::uninit();
                if call!(ocirepo_sink_save(last.as_mut(), Some(&mut saved))) {
                    // SAFETY: it was written.
                    let saved = unsafe { saved.assume_init() };
                    read(saved);
                    if call!(ocirepo_sink_restore(digest, 45, saved, Some(&mut sink))) {
                        // SAFETY: it was written.
                        self.sinks.push(unsafe { sink.assume_init() });
                    }
                }
            }
        }
    }

    fn open(&mut self) {
        let at = self.latest(|w| &w.references);
        let mut open: ocirepo_open = sized(9);
        call!(ocirepo_open_init(&raw mut open));
        match self.byte() % 4 {
            0 => open.keys = bytes(self.pick(&BODIES)),
            1 => open.seen_digest = self.digest(),
            _ => {}
        }
        let mut repository = MaybeUninit::uninit();
        if call!(ocirepo_repository_new(
            at.as_ref(),
            &raw const open,
            Some(&mut repository),
            ptr::null_mut(),
            0
        )) {
            // SAFETY: it was written.
            self.repositories.push(unsafe { repository.assume_init() });
        }
    }

    /// What can be asked of a repository.
    fn look(&mut self) {
        let repository = self.latest(|w| &w.repositories);
        let session = self.latest(|w| &w.sessions);
        let path = self.text();
        match self.byte() % 6 {
            0..=2 => {
                let mut operation = MaybeUninit::uninit();
                let mut failure: ocirepo_result = sized(9);
                // SAFETY: as in `call!`.
                let status = unsafe {
                    ocirepo_repository_step(
                        repository.as_mut(),
                        session.as_mut(),
                        Some(&mut operation),
                        &raw mut failure,
                    )
                };
                well(status);
                match status {
                    ocirepo_status::None => {
                        // SAFETY: it was written.
                        self.operations.push(unsafe { operation.assume_init() });
                    }
                    ocirepo_status::Failed => read_result(&failure),
                    _ => {}
                }
            }
            3 => {
                call!(ocirepo_repository_read_packages(repository.as_mut()));
            }
            4 => {
                let mut package: ocirepo_package = sized(self.byte());
                if call!(ocirepo_repository_next_package(
                    repository.as_mut(),
                    &raw mut package
                )) {
                    read(package.nevra);
                    read(package.path);
                }
            }
            _ => {
                let mut location: ocirepo_location = sized(self.byte());
                if call!(ocirepo_repository_locate(
                    repository.as_mut(),
                    path,
                    &raw mut location
                )) {
                    read_bytes(location.held);
                    read(location.place);
                    read(location.digest);
                    read(location.list);
                }
            }
        }
    }

    fn free_one(&mut self) {
        // SAFETY: what is taken out of its list is the only pointer there is.
        unsafe {
            match self.byte() % 5 {
                0 if self.sessions.len() > 1 => {
                    ocirepo_session_free(boxed(self.sessions.pop().unwrap_or(ptr::null_mut())));
                }
                1 if self.references.len() > 2 => {
                    ocirepo_reference_free(boxed(self.references.pop().unwrap_or(ptr::null_mut())));
                }
                2 if self.repositories.len() > 1 => {
                    let gone = self.repositories.pop().unwrap_or(ptr::null_mut());
                    ocirepo_repository_free(boxed(gone));
                }
                3 => ocirepo_sink_free(boxed(self.sink())),
                _ => ocirepo_source_free(boxed(self.source())),
            }
        }
    }

    fn end(self) {
        // SAFETY: every pointer in the lists is NULL or the only one.
        unsafe {
            for gone in self.sessions {
                ocirepo_session_free(boxed(gone));
            }
            for gone in self.references {
                ocirepo_reference_free(boxed(gone));
            }
            for gone in self.repositories {
                ocirepo_repository_free(boxed(gone));
            }
            for gone in self.sinks {
                ocirepo_sink_free(boxed(gone));
            }
            for gone in self.sources {
                ocirepo_source_free(boxed(gone));
            }
        }
    }
}

/// What C passes: a pointer that is given up.
///
/// # Safety
/// It is NULL or came from the library, and there is no other.
unsafe fn boxed<T>(pointer: *mut T) -> Option<Box<T>> {
    // SAFETY: the library made it from a box.
    (!pointer.is_null()).then(|| unsafe { Box::from_raw(pointer) })
}

fn read_result(result: &ocirepo_result) {
    // SAFETY: the kind tells which part of the union is present.
    unsafe {
        match result.kind {
            1 => {
                read(result.u.error.message);
                read(result.u.error.url);
                read_pairs(
                    result.u.error.registry_errors,
                    result.u.error.registry_errors_len,
                );
                assert!(result.u.error.kind < 200);
            }
            2 => read_descriptors(&raw const result.u.descriptor, 1),
            3 => {
                let manifest = result.u.manifest;
                read_bytes(manifest.raw);
                read(manifest.digest);
                read_descriptors(manifest.layers, manifest.layers_len);
                read_descriptors(manifest.children, manifest.children_len);
                read_descriptors(manifest.config, usize::from(!manifest.config.is_null()));
                read_pairs(manifest.annotations, manifest.annotations_len);
            }
            4 => read(result.u.blob.digest),
            5 => {
                read_bytes(result.u.bytes);
            }
            6 => {
                read_bytes(result.u.range.bytes);
            }
            7 => read(result.u.exists.digest),
            8 => read(result.u.pushed.digest),
            9 => {
                for at in 0..result.u.names.len {
                    read(*result.u.names.names.add(at));
                }
            }
            10 => read_descriptors(result.u.descriptors.descriptors, result.u.descriptors.len),
            0 | 11 => {}
            other => panic!("there is no result of kind {other}"),
        }
    }
}
