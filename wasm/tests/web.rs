//! The host with a `fetch` of the test's own. It runs in Node, in a page and in a worker:
//! `cargo xtask npm-test`.
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]

use js_sys::{Function, Reflect};
use ocirepo::Digest;
use ocirepo_wasm::{Blob, Call, Client, Partial};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

/// The blob that the registry has, in chunks.
const BLOB: &str = "hello world";

/// A registry at `registry.example`: what it does is said by the name of the repository.
const REGISTRY: &str = r#"
  const [blob] = arguments;
  globalThis.asked = [];
  globalThis.sent = "";
  globalThis.fetch = async (url, init) => {
    globalThis.asked.push({ url, ...init });
    const name = new URL(url).pathname.split("/")[2];
    if (name === "lost") throw new TypeError("Failed to fetch");
    if (name === "hidden") return new Response("", { status: 401 });
    if (name === "private" && init.headers.authorization === undefined) {
      const headers = { "www-authenticate": 'Basic realm="x"' };
      return new Response("", { status: 401, headers });
    }
    if (name === "stalls") {
      return new Response(new ReadableStream({
        start(controller) {
          init.signal.addEventListener("abort", () => {
            globalThis.stopped = true;
            controller.error(init.signal.reason);
          });
        },
      }));
    }
    if (name === "pushed") {
      if (init.method === "POST") {
        return new Response("", { status: 202, headers: { location: "/v2/pushed/blobs/uploads/1" } });
      }
      globalThis.sent += await new Response(init.body).text();
      return new Response("", { status: 201 });
    }
    const text = name === "wrong" ? blob.replace("o", "0") : blob;
    const bytes = new TextEncoder().encode(name === "longer" ? text + "!" : text);
    const range = /bytes=(\d+)-(\d*)/.exec(init.headers.range ?? "");
    if (range) {
      const [start, end] = [Number(range[1]), Number(range[2] || bytes.length - 1) + 1];
      const headers = { "content-range": `bytes ${start}-${end - 1}/${bytes.length}` };
      return new Response(bytes.slice(start, end), { status: 206, headers });
    }
    return new Response(new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    }));
  };
"#;

fn client() -> Client {
    Function::new_no_args(REGISTRY)
        .call1(&JsValue::NULL, &BLOB.into())
        .unwrap();
    Client::new("{}", js_sys::Function::default(), None, None).unwrap()
}

fn call() -> Call {
    js_sys::Object::new().unchecked_into()
}

fn aborted_by(controller: &JsValue) -> Call {
    let options = js_sys::Object::new();
    let signal = Reflect::get(controller, &"signal".into()).unwrap();
    Reflect::set(&options, &"signal".into(), &signal).unwrap();
    options.unchecked_into()
}

fn address(repository: &str) -> String {
    let digest = Digest::of(BLOB.as_bytes());
    format!("registry.example/{repository}@{digest}")
}

fn kind(error: &JsValue) -> String {
    text(error, "kind")
}

fn text(error: &JsValue, field: &str) -> String {
    let value = Reflect::get(error, &field.into()).unwrap();
    value.as_string().unwrap_or_default()
}

/// Everything that comes out of a blob, and how it ends.
async fn pull(
    client: &Client,
    repository: &str,
    size: Option<f64>,
) -> (Vec<u8>, Result<JsValue, JsValue>) {
    let download = client.blob(&address(repository), size, call()).unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = download.next().await {
        bytes.extend(chunk.to_vec());
    }
    (bytes, download.end().await)
}

#[wasm_bindgen_test]
fn international_names_of_hosts_are_taken_in_their_ascii_form() {
    let host = |url: &str| url::Url::parse(url).ok()?.host_str().map(str::to_owned);
    let ascii = "https://XN--mnchen-3ya.example/v2/";
    assert_eq!(host(ascii).as_deref(), Some("xn--mnchen-3ya.example"));
    assert_eq!(
        host("https://Plain.example:5000/").as_deref(),
        Some("plain.example")
    );
    assert_eq!(host("https://münchen.example/"), None);
}

#[wasm_bindgen_test]
async fn a_blob_comes_chunk_by_chunk_and_is_verified_at_its_end() {
    let client = client();
    let (bytes, end) = pull(&client, "good", Some(11.0)).await;
    assert_eq!(bytes, BLOB.as_bytes());
    let end = end.unwrap();
    assert_eq!(
        text(&end, "digest"),
        Digest::of(BLOB.as_bytes()).to_string()
    );
}

#[wasm_bindgen_test]
async fn a_wrong_byte_is_an_error() {
    let client = client();
    for (repository, size) in [
        ("wrong", Some(11.0)),
        ("wrong", None),
        ("longer", Some(11.0)),
    ] {
        let (_, end) = pull(&client, repository, size).await;
        let error = end.unwrap_err();
        assert_eq!(
            kind(&error),
            "corrupt",
            "{repository}: {}",
            text(&error, "message")
        );
    }
}

#[wasm_bindgen_test]
async fn a_range_is_what_was_asked_for() {
    let client = client();
    let range = client
        .range(address("good"), 6.0, 11.0, call())
        .await
        .unwrap();
    assert_eq!(range.to_vec(), b"world");
    let empty = client.range(address("good"), 6.0, 6.0, call()).await;
    assert_eq!(kind(&empty.unwrap_err()), "input");
}

#[wasm_bindgen_test]
async fn a_pull_goes_on_where_a_file_ends() {
    let client = client();
    let mut there = Partial::new(&address("good"), Some(11.0)).unwrap();
    assert!(there.feed(b"hello "));
    let write = Function::new_with_args(
        "chunk, position",
        "globalThis.written ??= []; for (const byte of chunk) written[position++] = byte;",
    );
    let saved = client
        .save(address("good"), Some(11.0), Some(there), write, call())
        .await
        .unwrap();
    assert_eq!(
        text(&saved, "digest"),
        Digest::of(BLOB.as_bytes()).to_string()
    );
    let written = Reflect::get(&js_sys::global(), &"written".into()).unwrap();
    let written = js_sys::Uint8Array::new(&written).to_vec();
    assert_eq!(written, b"\0\0\0\0\0\0world");
    let mut more = Partial::new(&address("good"), Some(11.0)).unwrap();
    assert!(
        !more.feed(b"hello world!"),
        "a blob has no more than it has"
    );
}

#[wasm_bindgen_test]
async fn a_blob_is_hashed_and_sent() {
    let client = client();
    let blob = Function::new_with_args("text", "return new Blob([text])")
        .call1(&JsValue::NULL, &BLOB.into())
        .unwrap();
    let place = "registry.example/pushed".to_owned();
    let pushed = client
        .push(
            place,
            blob.unchecked_into::<Blob>(),
            "{}".to_owned(),
            call(),
        )
        .await
        .unwrap();
    let digest = Digest::of(BLOB.as_bytes()).to_string();
    assert_eq!(text(&pushed, "digest"), digest);
    assert_eq!(text(&js_sys::global(), "sent"), BLOB);
    let asked = Function::new_no_args("return asked.map((init) => init.url).join(' ')");
    let asked = asked.call0(&JsValue::NULL).unwrap().as_string().unwrap();
    let hex = digest.trim_start_matches("sha256:");
    assert!(asked.ends_with(hex), "{asked}");
}

#[wasm_bindgen_test]
async fn an_abort_stops_the_hashing() {
    let client = client();
    let controller = Function::new_no_args("return new AbortController()")
        .call0(&JsValue::NULL)
        .unwrap();
    let blob = Function::new_with_args(
        "controller",
        r#"
          globalThis.pieces = 0;
          const slice = (start, end) => ({
            async arrayBuffer() {
              globalThis.pieces += 1;
              controller.abort();
              await new Promise((resolve) => setTimeout(resolve, 10));
              return new ArrayBuffer(end - start);
            },
          });
          return { size: 4 * 1024 * 1024, slice };
        "#,
    )
    .call1(&JsValue::NULL, &controller)
    .unwrap();
    let place = "registry.example/pushed".to_owned();
    let push = client.push(
        place,
        blob.unchecked_into::<Blob>(),
        "{}".to_owned(),
        aborted_by(&controller),
    );
    assert!(push.await.is_err());
    client.settled().await;
    let wait = Function::new_no_args("return new Promise((resolve) => setTimeout(resolve, 100))");
    let wait = wait.call0(&JsValue::NULL).unwrap();
    wasm_bindgen_futures::JsFuture::from(wait.unchecked_into::<js_sys::Promise>())
        .await
        .unwrap();
    let pieces = Reflect::get(&js_sys::global(), &"pieces".into()).unwrap();
    assert_eq!(pieces.as_f64(), Some(1.0), "the rest was read for nobody");
}

#[wasm_bindgen_test]
async fn redirects_are_shown_where_there_is_no_page() {
    let client = client();
    pull(&client, "good", None).await.1.unwrap();
    let redirect = Function::new_no_args("return asked[0].redirect");
    let redirect = redirect.call0(&JsValue::NULL).unwrap().as_string();
    let is_page = Reflect::has(&js_sys::global(), &"location".into()).unwrap();
    let expected = if is_page { "follow" } else { "manual" };
    assert_eq!(redirect.as_deref(), Some(expected));
}

#[wasm_bindgen_test]
async fn a_hidden_challenge_says_which_header_is_missing() {
    let client = client();
    let (_, end) = pull(&client, "hidden", None).await;
    let error = end.unwrap_err();
    let is_page = Reflect::has(&js_sys::global(), &"location".into()).unwrap();
    if is_page {
        assert_eq!(kind(&error), "hidden-header");
        assert_eq!(text(&error, "header"), "WWW-Authenticate");
        assert!(text(&error, "hint").contains("Access-Control-Expose-Headers"));
    } else {
        assert_eq!(kind(&error), "unauthorized", "Node hides nothing");
    }
}

#[wasm_bindgen_test]
async fn credentials_go_where_they_belong() {
    let client = client();
    let (_, end) = pull(&client, "private", None).await;
    assert_eq!(kind(&end.unwrap_err()), "unauthorized");
    let credentials = r#"{"username": "me", "password": "secret"}"#;
    client
        .give("registry.example", Some(credentials.to_owned()))
        .unwrap();
    let (bytes, end) = pull(&client, "private", None).await;
    end.unwrap();
    assert_eq!(bytes, BLOB.as_bytes());
    let cookies = Function::new_no_args("return asked.map((init) => init.credentials).join()");
    let cookies = cookies.call0(&JsValue::NULL).unwrap().as_string().unwrap();
    assert!(cookies.split(',').all(|word| word == "omit"), "{cookies}");
}

#[wasm_bindgen_test]
async fn an_abort_stops_the_request() {
    let client = client();
    let controller = Function::new_no_args("return new AbortController()")
        .call0(&JsValue::NULL)
        .unwrap();
    let download = client
        .blob(&address("stalls"), None, aborted_by(&controller))
        .unwrap();
    let abort = Function::new_with_args("c", "setTimeout(() => c.abort(), 50)");
    abort.call1(&JsValue::NULL, &controller).unwrap();
    assert!(download.next().await.is_none());
    assert!(download.end().await.is_err());
    let stopped = Reflect::get(&js_sys::global(), &"stopped".into()).unwrap();
    assert_eq!(stopped.as_bool(), Some(true), "the request went on");
}

#[wasm_bindgen_test]
async fn a_request_that_the_browser_refuses_is_explained() {
    let client = client();
    // Nothing was asked before it, so there was nothing to refuse.
    let (_, end) = pull(&client, "lost", None).await;
    assert_eq!(kind(&end.unwrap_err()), "network");
    let part = client.range(address("lost"), 0.0, 10.0, call()).await;
    let error = part.unwrap_err();
    let is_page = Reflect::has(&js_sys::global(), &"location".into()).unwrap();
    // `/v2/` of this registry can be read, so it must have been the preflight.
    let expected = if is_page { "cors" } else { "network" };
    assert_eq!(kind(&error), expected, "{}", text(&error, "message"));
    if is_page {
        let fix = Reflect::get(&error, &"fix".into()).unwrap();
        assert!(text(&fix, "nginx").contains("Access-Control-Allow-Headers"));
    }
}

#[wasm_bindgen_test]
async fn what_is_no_reference_is_the_callers_fault() {
    let client = client();
    for text in ["", "registry.example/UPPER", "oci://x"] {
        let error = client.manifest(text.to_owned(), call()).await.unwrap_err();
        assert_eq!(kind(&error), "input", "{text}");
    }
    assert_eq!(
        kind(&client.blob("a.example/b:c", None, call()).err().unwrap()),
        "input"
    );
}
