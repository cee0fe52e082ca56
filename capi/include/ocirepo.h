/*
 * libocirepo: the OCI registry client as a state machine that does no I/O.
 *
 * The session says which request to make and is told what came back; sockets, TLS, the clock,
 * threads and files are the host's. docs/capi.md tells how to embed it, ocirepo(3) in short.
 *
 * In all functions
 *   - a handle that is NULL is OCIREPO_STATUS_INVALID;
 *   - pointers that come out hold until the next call on the same handle, and may be given to it;
 *   - a struct whose first field is `size` needs it set to its sizeof before the call;
 *   - a handle is used by one thread at a time, which one does not matter; sinks and sources
 *     are handles of their own, so they may be used while another thread uses the session.
 *
 * Made from capi/src; change it there.
 */

#ifndef OCIREPO_H
#define OCIREPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 The version of the header.
 */
#define OCIREPO_VERSION 256

/*
 An operation, exchange or size that is none or not known.
 */
#define OCIREPO_NOTHING 18446744073709551615ull

/*
 The host follows redirects by itself and reports the final URL with the head; it drops
 `Authorization` when a redirect leads to another origin.
 */
#define OCIREPO_FOLLOWS_REDIRECTS 1

/*
 Response header fields may be missing that the server sent.
 */
#define OCIREPO_HIDES_HEADERS 2

/*
 Bodies arrive without their `Content-Encoding`.
 */
#define OCIREPO_DECODES_BODIES 4

/*
 How many bytes a buffer for the longest digest needs, its NUL included.
 */
#define OCIREPO_DIGEST_SIZE 136

/*
 Accept a snapshot older than the one that was seen.
 */
#define OCIREPO_ALLOW_ROLLBACK 1

/*
 Ask first whether the registry has the blob. Needs a source whose digest is known.
 */
#define OCIREPO_UPLOAD_CHECK 1

/*
 Send it with one POST, as few registries support. Needs a source whose digest is known.
 */
#define OCIREPO_UPLOAD_SINGLE 2

/*
 How a call ended. Negative ones are mistakes of the caller or failures; the handle then
 holds a message.
 */
enum ocirepo_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     It did what it is for.
     */
    OCIREPO_STATUS_OK = 0,
    /*
     There is nothing: no result yet, no further package, no such file.
     */
    OCIREPO_STATUS_NONE = 1,
    /*
     The exchange ended before, or the operation was taken before; nothing was done. A host
     need not be careful about what it still reports, and may ignore this.
     */
    OCIREPO_STATUS_ENDED = 2,
    /*
     The body is longer than the blob: drop the exchange and report it lost, with the sink.
     */
    OCIREPO_STATUS_STOP = 3,
    /*
     The operation failed; the result tells how.
     */
    OCIREPO_STATUS_FAILED = 4,
    /*
     A pointer is NULL, a struct's size is none it can have, a number names nothing, or
     text is not what it must be. Nothing was done.
     */
    OCIREPO_STATUS_INVALID = -1,
    /*
     No such operation or exchange was ever begun in this session. Nothing was done.
     */
    OCIREPO_STATUS_UNKNOWN = -2,
    /*
     The call does not fit what was done before, such as the body of a response before its
     head. Nothing was done.
     */
    OCIREPO_STATUS_ORDER = -3,
    /*
     A sink or source of another exchange or session. It was freed, nothing else was done.
     */
    OCIREPO_STATUS_FOREIGN = -4,
    /*
     The bytes do not belong to the source as it was described: it changed while it was
     read. Report the exchange lost with `OCIREPO_CAUSE_LOCAL`.
     */
    OCIREPO_STATUS_CHANGED = -5,
    /*
     A bug of the library was caught. The handle can only be freed from now on.
     */
    OCIREPO_STATUS_POISONED = -6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_status ocirepo_status;
#else
typedef int32_t ocirepo_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 How far a blob could be copied without moving its bytes.
 */
enum ocirepo_blob_copy
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     It has to be pulled and pushed.
     */
    OCIREPO_BLOB_COPY_TO_BE_SENT = 0,
    /*
     The destination had it.
     */
    OCIREPO_BLOB_COPY_PRESENT = 1,
    /*
     The registry made it available in the destination.
     */
    OCIREPO_BLOB_COPY_MOUNTED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_blob_copy ocirepo_blob_copy;
#else
typedef uint32_t ocirepo_blob_copy;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 What a request carries.
 */
enum ocirepo_body_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     Nothing; `POST`, `PUT` and `PATCH` need `Content-Length: 0`.
     */
    OCIREPO_BODY_KIND_EMPTY = 0,
    /*
     `body`.
     */
    OCIREPO_BODY_KIND_BYTES = 1,
    /*
     `source_len` bytes of the blob from `source_offset` on, each chunk shown to `source`
     first.
     */
    OCIREPO_BODY_KIND_SOURCE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_body_kind ocirepo_body_kind;
#else
typedef uint32_t ocirepo_body_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 Why an exchange was lost.
 */
enum ocirepo_cause
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     The name did not resolve, or no connection came about.
     */
    OCIREPO_CAUSE_UNREACHABLE = 1,
    /*
     The certificate or the handshake was refused. Never tried again.
     */
    OCIREPO_CAUSE_TLS = 2,
    /*
     Nothing came for too long.
     */
    OCIREPO_CAUSE_TIMEOUT = 3,
    /*
     The connection ended before the response did. When in doubt, this.
     */
    OCIREPO_CAUSE_RESET = 4,
    /*
     The server said that it did not look at the request.
     */
    OCIREPO_CAUSE_UNPROCESSED = 5,
    /*
     The host cannot tell.
     */
    OCIREPO_CAUSE_OPAQUE = 6,
    /*
     Something local failed, such as writing to disk. Never tried again.
     */
    OCIREPO_CAUSE_LOCAL = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_cause ocirepo_cause;
#else
typedef uint32_t ocirepo_cause;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 What a user shows a registry to be let in.
 */
enum ocirepo_credentials_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     A user name and a password or personal access token.
     */
    OCIREPO_CREDENTIALS_KIND_BASIC = 1,
    /*
     An OAuth2 refresh token, which Docker calls identity token.
     */
    OCIREPO_CREDENTIALS_KIND_IDENTITY_TOKEN = 2,
    /*
     An access token that goes to the registry as it is.
     */
    OCIREPO_CREDENTIALS_KIND_BEARER = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_credentials_kind ocirepo_credentials_kind;
#else
typedef uint32_t ocirepo_credentials_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 Where the host puts the body of a response.
 */
enum ocirepo_destination
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     Nowhere: the exchange is over.
     */
    OCIREPO_DESTINATION_DISCARD = 0,
    /*
     To the session, with `ocirepo_session_data`, then `ocirepo_session_end`.
     */
    OCIREPO_DESTINATION_COLLECT = 1,
    /*
     Through the sink to wherever the caller wants it, then `ocirepo_session_end`.
     */
    OCIREPO_DESTINATION_STREAM = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_destination ocirepo_destination;
#else
typedef uint32_t ocirepo_destination;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 What went wrong, for a program to look at. Those from 100 on are of RPM repositories.
 */
enum ocirepo_error_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     One of a newer core that this library has no name for.
     */
    OCIREPO_ERROR_KIND_OTHER = 0,
    /*
     The registry does not have it.
     */
    OCIREPO_ERROR_KIND_NOT_FOUND = 1,
    /*
     Credentials are missing, wrong or expired.
     */
    OCIREPO_ERROR_KIND_UNAUTHORIZED = 2,
    /*
     The credentials do not allow it.
     */
    OCIREPO_ERROR_KIND_DENIED = 3,
    /*
     The registry sends credentials to a token server that nobody trusted.
     */
    OCIREPO_ERROR_KIND_UNTRUSTED_REALM = 4,
    /*
     Too many requests, even after waiting.
     */
    OCIREPO_ERROR_KIND_RATE_LIMITED = 5,
    /*
     The registry failed, even after retries.
     */
    OCIREPO_ERROR_KIND_UNAVAILABLE = 6,
    /*
     No connection, or the connection broke, even after retries.
     */
    OCIREPO_ERROR_KIND_NETWORK = 7,
    /*
     The certificate of the registry was not accepted, or TLS failed otherwise.
     */
    OCIREPO_ERROR_KIND_TLS = 8,
    /*
     Content does not hash to its digest or has another size than declared.
     */
    OCIREPO_ERROR_KIND_CORRUPT = 9,
    /*
     A document or body is larger than its cap.
     */
    OCIREPO_ERROR_KIND_TOO_LARGE = 10,
    /*
     The response breaks the specification.
     */
    OCIREPO_ERROR_KIND_INVALID_RESPONSE = 11,
    /*
     The host cannot see or do what the response needs.
     */
    OCIREPO_ERROR_KIND_CAPABILITY = 12,
    /*
     A redirect leads back from https to http, or there are too many.
     */
    OCIREPO_ERROR_KIND_REDIRECT = 13,
    /*
     What was to be replaced is not what the caller expected.
     */
    OCIREPO_ERROR_KIND_CONFLICT = 14,
    /*
     The registry refuses the request as it stands.
     */
    OCIREPO_ERROR_KIND_REFUSED = 15,
    /*
     The registry does not offer this.
     */
    OCIREPO_ERROR_KIND_UNSUPPORTED = 16,
    /*
     The source of an upload is not what it was when it was first read.
     */
    OCIREPO_ERROR_KIND_SOURCE_CHANGED = 17,
    /*
     A local failure the host reported.
     */
    OCIREPO_ERROR_KIND_LOCAL = 18,
    /*
     The caller cancelled the operation.
     */
    OCIREPO_ERROR_KIND_CANCELLED = 19,
    /*
     There is something that is no RPM repository.
     */
    OCIREPO_ERROR_KIND_NOT_A_REPOSITORY = 100,
    /*
     What makes the repository contradicts itself or cannot be read.
     */
    OCIREPO_ERROR_KIND_MALFORMED = 101,
    /*
     A manifest names content that the registry does not have.
     */
    OCIREPO_ERROR_KIND_INCOMPLETE = 102,
    /*
     Keys were given and the repository is not signed.
     */
    OCIREPO_ERROR_KIND_UNSIGNED = 103,
    /*
     Keys were given and no signature is good.
     */
    OCIREPO_ERROR_KIND_BAD_SIGNATURE = 104,
    /*
     It is older than what the reader has seen.
     */
    OCIREPO_ERROR_KIND_ROLLBACK = 105,
    /*
     It is older than the reader wants, or does not say how old it is.
     */
    OCIREPO_ERROR_KIND_STALE = 106,
    /*
     It changed again and again while it was read.
     */
    OCIREPO_ERROR_KIND_MOVING = 107,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_error_kind ocirepo_error_kind;
#else
typedef uint32_t ocirepo_error_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 What is worth telling.
 */
enum ocirepo_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     One of a newer core that this library has no words for.
     */
    OCIREPO_EVENT_KIND_OTHER = 0,
    /*
     The registry sent a warning: `registry` and `text`.
     */
    OCIREPO_EVENT_KIND_WARNING = 1,
    /*
     An operation waits `wait_ms` before it tries again, because of `text`.
     */
    OCIREPO_EVENT_KIND_RETRY = 2,
    /*
     A response led to another place, whose origin is `text`.
     */
    OCIREPO_EVENT_KIND_REDIRECT = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_event_kind ocirepo_event_kind;
#else
typedef uint32_t ocirepo_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 Where the file of a path is.
 */
enum ocirepo_location_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     There is no such file.
     */
    OCIREPO_LOCATION_KIND_MISSING = 0,
    /*
     Here it is, verified: `held`.
     */
    OCIREPO_LOCATION_KIND_HELD = 1,
    /*
     It is a blob: `place` with `digest` and `blob_size`.
     */
    OCIREPO_LOCATION_KIND_BLOB = 2,
    /*
     It is made from the catalogue of a `native` repository; only its packages are read here.
     */
    OCIREPO_LOCATION_KIND_MADE = 3,
    /*
     A manifest tells: pull `list` and give it to `ocirepo_repository_listed`. If there is no
     such manifest, there is no such file.
     */
    OCIREPO_LOCATION_KIND_LISTED = 4,
    /*
     It may be a package: read the list of packages and ask again.
     */
    OCIREPO_LOCATION_KIND_PACKAGES = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_location_kind ocirepo_location_kind;
#else
typedef uint32_t ocirepo_location_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 What the host is to do next.
 */
enum ocirepo_output_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     Nothing until input comes, or until a moment: `u.wait`.
     */
    OCIREPO_OUTPUT_KIND_WAIT = 0,
    /*
     Perform a request: `u.request`.
     */
    OCIREPO_OUTPUT_KIND_REQUEST = 1,
    /*
     Drop an exchange; nothing more is expected of it: `u.exchange`.
     */
    OCIREPO_OUTPUT_KIND_ABORT = 2,
    /*
     Answer with `ocirepo_session_credentials`, now or later: `u.registry`.
     */
    OCIREPO_OUTPUT_KIND_CREDENTIALS = 3,
    /*
     Something for people and logs: `u.event`.
     */
    OCIREPO_OUTPUT_KIND_EVENT = 4,
    /*
     An operation ended, take its result: `u.operation`.
     */
    OCIREPO_OUTPUT_KIND_DONE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_output_kind ocirepo_output_kind;
#else
typedef uint32_t ocirepo_output_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 What a result holds.
 */
enum ocirepo_result_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     Nothing: a ping, a deletion.
     */
    OCIREPO_RESULT_KIND_NOTHING = 0,
    /*
     Why it failed: `u.error`.
     */
    OCIREPO_RESULT_KIND_ERROR = 1,
    /*
     `u.descriptor`.
     */
    OCIREPO_RESULT_KIND_DESCRIPTOR = 2,
    /*
     `u.manifest`.
     */
    OCIREPO_RESULT_KIND_MANIFEST = 3,
    /*
     The bytes are written and are the right ones: `u.blob`.
     */
    OCIREPO_RESULT_KIND_BLOB = 4,
    /*
     Verified bytes: `u.bytes`.
     */
    OCIREPO_RESULT_KIND_BYTES = 5,
    /*
     Bytes of a range, which no digest covers: `u.range`.
     */
    OCIREPO_RESULT_KIND_RANGE = 6,
    /*
     Whether it is there: `u.exists`.
     */
    OCIREPO_RESULT_KIND_EXISTS = 7,
    /*
     `u.pushed`.
     */
    OCIREPO_RESULT_KIND_PUSHED = 8,
    /*
     Tags, or names of repositories: `u.names`.
     */
    OCIREPO_RESULT_KIND_NAMES = 9,
    /*
     `u.descriptors`.
     */
    OCIREPO_RESULT_KIND_DESCRIPTORS = 10,
    /*
     An `ocirepo_blob_copy`: `u.copy`.
     */
    OCIREPO_RESULT_KIND_COPY = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ocirepo_result_kind ocirepo_result_kind;
#else
typedef uint32_t ocirepo_result_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 A reference that was parsed. It never changes, so that any number of sessions and threads
 may use it at once.
 */
typedef struct ocirepo_reference ocirepo_reference;

/*
 An RPM repository that is opened, or was. It asks its session for what it needs.
 */
typedef struct ocirepo_repository ocirepo_repository;

/*
 A set of operations that share tokens, queues and one host. One call at a time; which thread
 makes it does not matter.
 */
typedef struct ocirepo_session ocirepo_session;

/*
 Takes the bytes of one blob in order and tells which of them to write where. It shares
 nothing with its session: it may be used on another thread while that goes on.
 */
typedef struct ocirepo_sink ocirepo_sink;

/*
 Hashes an upload while it is sent, whatever is sent twice. Like a sink it may be used on
 another thread than its session.
 */
typedef struct ocirepo_source ocirepo_source;

/*
 Text in UTF-8. Where it comes out of the library, a NUL byte follows that `len` does not
 count; where it goes in, none is needed, and NULL with a `len` of 0 is no text.
 */
typedef struct ocirepo_str {
    /*
     The first byte.
     */
    const char *data;
    /*
     The number of bytes.
     */
    size_t len;
} ocirepo_str;

/*
 A token server that may have the user's password for a registry of another site.
 */
typedef struct ocirepo_trusted_realm {
    /*
     The registry, `host[:port]`.
     */
    struct ocirepo_str registry;
    /*
     A URL with the scheme, host and port of the token server.
     */
    struct ocirepo_str realm;
} ocirepo_trusted_realm;

/*
 The settings of a session. `ocirepo_config_init` fills it with what suits a native host.
 */
typedef struct ocirepo_config {
    /*
     `sizeof(ocirepo_config)`.
     */
    size_t size;
    /*
     `OCIREPO_FOLLOWS_REDIRECTS` and its like, or'ed: what the host does otherwise than one
     that shows everything. 0 for libcurl without `CURLOPT_FOLLOWLOCATION` and for libsoup
     with `SOUP_MESSAGE_NO_REDIRECT`.
     */
    uint32_t capabilities;
    /*
     The most requests under way at one registry.
     */
    uint32_t concurrency;
    /*
     The most bytes of a source the host can send with one request.
     */
    uint64_t largest_upload;
    /*
     How long the head of a response may take from the moment the request was sent, in
     milliseconds.
     */
    uint64_t head_timeout_ms;
    /*
     How often an exchange is tried again without any progress in between.
     */
    uint32_t retries;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     The wait before the first retry, in milliseconds; it doubles with each further one.
     */
    uint64_t first_wait_ms;
    /*
     The longest wait the session chooses by itself, in milliseconds.
     */
    uint64_t longest_wait_ms;
    /*
     The longest wait a registry may ask for with `Retry-After`, in milliseconds.
     */
    uint64_t longest_retry_after_ms;
    /*
     The largest manifest, in bytes.
     */
    uint64_t manifest_limit;
    /*
     The largest token response, in bytes.
     */
    uint64_t token_limit;
    /*
     How much of the body of an error is looked at, in bytes.
     */
    uint64_t error_limit;
    /*
     The largest page of a list, in bytes.
     */
    uint64_t page_limit;
    /*
     The most entries of a list.
     */
    uint64_t entries_limit;
    /*
     Token servers on other sites than their registry that may have the user's password.
     */
    const struct ocirepo_trusted_realm *trusted_realms;
    /*
     How many they are.
     */
    size_t trusted_realms_len;
} ocirepo_config;

/*
 Bytes of any kind.
 */
typedef struct ocirepo_bytes {
    /*
     The first byte.
     */
    const uint8_t *data;
    /*
     The number of bytes.
     */
    size_t len;
} ocirepo_bytes;

/*
 Where the file of a path is, and how to get it.
 */
typedef struct ocirepo_location {
    /*
     `sizeof(ocirepo_location)`.
     */
    size_t size;
    /*
     An `ocirepo_location_kind`.
     */
    uint32_t kind;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     The file itself.
     */
    struct ocirepo_bytes held;
    /*
     The place of the blob, `oci://HOST/NAME@DIGEST`.
     */
    struct ocirepo_str place;
    /*
     Its digest.
     */
    struct ocirepo_str digest;
    /*
     Its size in bytes.
     */
    uint64_t blob_size;
    /*
     The kind of the checksum that the content must have besides, as the metadata names it;
     empty where the digest is that checksum.
     */
    struct ocirepo_str checksum_type;
    /*
     That checksum in hex.
     */
    struct ocirepo_str checksum;
    /*
     A manifest, `oci://HOST/NAME:TAG` or `@DIGEST`. For a blob: if that is not there, pull
     the manifest and then the blob once more; some caches serve only what they have seen a
     manifest of.
     */
    struct ocirepo_str list;
} ocirepo_location;

/*
 What is known of a repository that is open.
 */
typedef struct ocirepo_repository_info {
    /*
     `sizeof(ocirepo_repository_info)`.
     */
    size_t size;
    /*
     `tree`, `files`, `index` or `native`.
     */
    struct ocirepo_str layout;
    /*
     What tells this snapshot from others; remember it with the next two.
     */
    struct ocirepo_str digest;
    /*
     Its number in the line of snapshots; `OCIREPO_NOTHING` if the publisher does not count.
     */
    uint64_t sequence;
    /*
     The revision in `repomd.xml`; `OCIREPO_NOTHING` if that is no number.
     */
    uint64_t revision;
    /*
     The bytes of `repomd.xml`.
     */
    struct ocirepo_bytes repomd;
} ocirepo_repository_info;

/*
 A package of a repository.
 */
typedef struct ocirepo_package {
    /*
     `sizeof(ocirepo_package)`.
     */
    size_t size;
    /*
     Its name.
     */
    struct ocirepo_str name;
    /*
     Its version.
     */
    struct ocirepo_str version;
    /*
     Its release.
     */
    struct ocirepo_str release;
    /*
     Its architecture.
     */
    struct ocirepo_str arch;
    /*
     All of these and the epoch, unless that is 0, as people write it.
     */
    struct ocirepo_str nevra;
    /*
     The path of its file in the repository, for `ocirepo_repository_locate`.
     */
    struct ocirepo_str path;
    /*
     The kind of its checksum: `sha256`.
     */
    struct ocirepo_str checksum_type;
    /*
     The checksum of its file in hex.
     */
    struct ocirepo_str checksum;
    /*
     One line that says what it is.
     */
    struct ocirepo_str summary;
    /*
     Its epoch.
     */
    uint32_t epoch;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     The size of its file in bytes.
     */
    uint64_t package_size;
    /*
     The size of its files once installed, in bytes.
     */
    uint64_t installed_size;
    /*
     When it was built, in seconds since 1970.
     */
    uint64_t build_time;
} ocirepo_package;

/*
 What a reference says. Texts live as long as the reference; what is not written is empty.
 */
typedef struct ocirepo_reference_parts {
    /*
     `sizeof(ocirepo_reference_parts)`.
     */
    size_t size;
    /*
     `https` or `http`.
     */
    struct ocirepo_str scheme;
    /*
     `host[:port]`, as credentials are kept by.
     */
    struct ocirepo_str registry;
    /*
     The name of the repository in the registry.
     */
    struct ocirepo_str repository;
    /*
     The tag.
     */
    struct ocirepo_str tag;
    /*
     The digest.
     */
    struct ocirepo_str digest;
    /*
     The whole as `oci://…`, with the scheme where it is not the usual one.
     */
    struct ocirepo_str location;
} ocirepo_reference_parts;

/*
 How a repository is to be opened. `ocirepo_open_init` fills it with: as it is there.
 */
typedef struct ocirepo_open {
    /*
     `sizeof(ocirepo_open)`.
     */
    size_t size;
    /*
     `OCIREPO_ALLOW_ROLLBACK` or 0.
     */
    uint32_t flags;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     The time, in seconds since 1970, at which keys and signatures must be valid.
     */
    uint64_t now;
    /*
     The most seconds a snapshot may be old; `OCIREPO_NOTHING` for any age.
     */
    uint64_t max_age;
    /*
     The OpenPGP keys of the publisher. Where there are any, a repository without a good
     signature of `repomd.xml` is refused.
     */
    struct ocirepo_bytes keys;
    /*
     A public key in PEM for signatures of the root, as cosign makes them; as above.
     */
    struct ocirepo_bytes cosign_key;
    /*
     The digest of the newest snapshot that was seen before, or empty.
     */
    struct ocirepo_str seen_digest;
    /*
     Its number, or `OCIREPO_NOTHING`.
     */
    uint64_t seen_sequence;
    /*
     Its revision, or `OCIREPO_NOTHING`.
     */
    uint64_t seen_revision;
} ocirepo_open;

/*
 A header field or an annotation.
 */
typedef struct ocirepo_pair {
    /*
     The name or key.
     */
    struct ocirepo_str name;
    /*
     The value.
     */
    struct ocirepo_str value;
} ocirepo_pair;

/*
 Why something failed.
 */
typedef struct ocirepo_error {
    /*
     An `ocirepo_error_kind`.
     */
    uint32_t kind;
    /*
     The status of the last response; 0 if none came.
     */
    uint32_t http_status;
    /*
     One line for people: what was being done, what came back, what to do next.
     */
    struct ocirepo_str message;
    /*
     Where the last request went, without query and user; empty if none was made.
     */
    struct ocirepo_str url;
    /*
     The errors the registry listed: a code, such as `MANIFEST_UNKNOWN`, and its own words.
     */
    const struct ocirepo_pair *registry_errors;
    /*
     How many they are.
     */
    size_t registry_errors_len;
} ocirepo_error;

/*
 What is where, how big it is and what it hashes to.
 */
typedef struct ocirepo_descriptor {
    /*
     Media type of the content.
     */
    struct ocirepo_str media_type;
    /*
     Digest of the content.
     */
    struct ocirepo_str digest;
    /*
     Size of the content in bytes.
     */
    uint64_t size;
    /*
     Type of the artifact, for descriptors of manifests; else empty.
     */
    struct ocirepo_str artifact_type;
    /*
     Annotations, by key.
     */
    const struct ocirepo_pair *annotations;
    /*
     How many they are.
     */
    size_t annotations_len;
} ocirepo_descriptor;

/*
 A manifest, as it is and as it reads.
 */
typedef struct ocirepo_manifest {
    /*
     Its bytes, as they came.
     */
    struct ocirepo_bytes raw;
    /*
     Its media type.
     */
    struct ocirepo_str media_type;
    /*
     Its digest.
     */
    struct ocirepo_str digest;
    /*
     The type of its artifact, or empty.
     */
    struct ocirepo_str artifact_type;
    /*
     Its config; NULL where it has none.
     */
    const struct ocirepo_descriptor *config;
    /*
     The manifest it refers to; NULL where it has none.
     */
    const struct ocirepo_descriptor *subject;
    /*
     The layers of an image or artifact.
     */
    const struct ocirepo_descriptor *layers;
    /*
     How many they are.
     */
    size_t layers_len;
    /*
     The manifests of an index.
     */
    const struct ocirepo_descriptor *children;
    /*
     How many they are.
     */
    size_t children_len;
    /*
     Its annotations.
     */
    const struct ocirepo_pair *annotations;
    /*
     How many they are.
     */
    size_t annotations_len;
} ocirepo_manifest;

/*
 A verified blob.
 */
typedef struct ocirepo_blob {
    /*
     What its bytes hash to.
     */
    struct ocirepo_str digest;
    /*
     How many they are.
     */
    uint64_t size;
} ocirepo_blob;

/*
 A part of a blob, unverified.
 */
typedef struct ocirepo_range {
    /*
     The bytes.
     */
    struct ocirepo_bytes bytes;
    /*
     Where they stand in the blob.
     */
    uint64_t offset;
} ocirepo_range;

/*
 Whether something is there.
 */
typedef struct ocirepo_exists {
    /*
     1 if it is, 0 if not.
     */
    uint32_t found;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     Its digest.
     */
    struct ocirepo_str digest;
    /*
     The size the registry says it has; `OCIREPO_NOTHING` if it does not say.
     */
    uint64_t size;
} ocirepo_exists;

/*
 A blob that the registry has now.
 */
typedef struct ocirepo_pushed {
    /*
     Its digest.
     */
    struct ocirepo_str digest;
    /*
     Its size in bytes.
     */
    uint64_t size;
    /*
     1 if bytes were sent; 0 if it was there or was mounted.
     */
    uint32_t uploaded;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
} ocirepo_pushed;

/*
 A list of names.
 */
typedef struct ocirepo_names {
    /*
     The names, in the registry's order.
     */
    const struct ocirepo_str *names;
    /*
     How many they are.
     */
    size_t len;
} ocirepo_names;

/*
 A list of descriptors.
 */
typedef struct ocirepo_descriptors {
    /*
     The descriptors, in the registry's order.
     */
    const struct ocirepo_descriptor *descriptors;
    /*
     How many they are.
     */
    size_t len;
} ocirepo_descriptors;

/*
 The present one of these.
 */
typedef union ocirepo_result_data {
    /*
     Why it failed.
     */
    struct ocirepo_error error;
    /*
     A descriptor.
     */
    struct ocirepo_descriptor descriptor;
    /*
     A manifest.
     */
    struct ocirepo_manifest manifest;
    /*
     A verified blob.
     */
    struct ocirepo_blob blob;
    /*
     Verified bytes.
     */
    struct ocirepo_bytes bytes;
    /*
     Unverified bytes.
     */
    struct ocirepo_range range;
    /*
     Whether it is there.
     */
    struct ocirepo_exists exists;
    /*
     A blob that was pushed.
     */
    struct ocirepo_pushed pushed;
    /*
     Tags or names of repositories.
     */
    struct ocirepo_names names;
    /*
     Descriptors.
     */
    struct ocirepo_descriptors descriptors;
    /*
     An `ocirepo_blob_copy`.
     */
    uint32_t copy;
} ocirepo_result_data;

/*
 What came of an operation.
 */
typedef struct ocirepo_result {
    /*
     `sizeof(ocirepo_result)`.
     */
    size_t size;
    /*
     An `ocirepo_result_kind`.
     */
    uint32_t kind;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     What belongs to the kind.
     */
    union ocirepo_result_data u;
} ocirepo_result;

/*
 The time, on both of the host's clocks.
 */
typedef struct ocirepo_now {
    /*
     Milliseconds since any fixed moment, on a clock that never goes back.
     */
    uint64_t monotonic_ms;
    /*
     Seconds since 1970.
     */
    uint64_t unix_secs;
} ocirepo_now;

/*
 A registry.
 */
typedef struct ocirepo_registry {
    /*
     `https` or `http`.
     */
    struct ocirepo_str scheme;
    /*
     `host[:port]`.
     */
    struct ocirepo_str name;
} ocirepo_registry;

/*
 A request for the host to perform: as it is, without following redirects.
 */
typedef struct ocirepo_request {
    /*
     Names the exchange in everything the host reports of it.
     */
    uint64_t exchange;
    /*
     The operation it serves; `OCIREPO_NOTHING` for what serves several, such as a token.
     */
    uint64_t operation;
    /*
     The registry it is made for, wherever it goes.
     */
    struct ocirepo_registry registry;
    /*
     The method.
     */
    struct ocirepo_str method;
    /*
     Where to send it.
     */
    struct ocirepo_str url;
    /*
     All header fields but those of the connection: `Host`, `Content-Length`, `User-Agent`.
     */
    const struct ocirepo_pair *headers;
    /*
     How many they are.
     */
    size_t headers_len;
    /*
     An `ocirepo_body_kind`.
     */
    uint32_t body_kind;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     For `OCIREPO_BODY_KIND_BYTES`.
     */
    struct ocirepo_bytes body;
    /*
     For `OCIREPO_BODY_KIND_SOURCE`: the offset of the first byte in the blob.
     */
    uint64_t source_offset;
    /*
     And how many to send.
     */
    uint64_t source_len;
    /*
     The host's from now on, until it is given back with `ocirepo_session_sent` or
     `ocirepo_session_lost`, or freed after an abort.
     */
    struct ocirepo_source *source;
} ocirepo_request;

/*
 Something for people and logs.
 */
typedef struct ocirepo_event {
    /*
     An `ocirepo_event_kind`.
     */
    uint32_t kind;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     Which operation it is about, or `OCIREPO_NOTHING`.
     */
    uint64_t operation;
    /*
     Who warns.
     */
    struct ocirepo_registry registry;
    /*
     What there is to say; URLs in it have no secrets.
     */
    struct ocirepo_str text;
    /*
     How long the operation waits, in milliseconds.
     */
    uint64_t wait_ms;
} ocirepo_event;

/*
 The present one of these.
 */
typedef union ocirepo_output_data {
    /*
     When to call `ocirepo_session_timeout`, on the monotonic clock in milliseconds;
     `OCIREPO_NOTHING` for never.
     */
    uint64_t wait;
    /*
     The request.
     */
    struct ocirepo_request request;
    /*
     The exchange to drop.
     */
    uint64_t exchange;
    /*
     Who wants credentials.
     */
    struct ocirepo_registry registry;
    /*
     The event.
     */
    struct ocirepo_event event;
    /*
     The operation that ended.
     */
    uint64_t operation;
} ocirepo_output_data;

/*
 What the host is to do next. Pointers in it hold until the next call on the session.
 */
typedef struct ocirepo_output {
    /*
     `sizeof(ocirepo_output)`.
     */
    size_t size;
    /*
     An `ocirepo_output_kind`.
     */
    uint32_t kind;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     What belongs to the kind.
     */
    union ocirepo_output_data u;
} ocirepo_output;

/*
 The status line and header fields of a response.
 */
typedef struct ocirepo_head {
    /*
     `sizeof(ocirepo_head)`.
     */
    size_t size;
    /*
     The status, 100 to 999.
     */
    uint32_t status;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     The header fields.
     */
    const struct ocirepo_pair *headers;
    /*
     How many they are.
     */
    size_t headers_len;
    /*
     Where the response came from, when the host followed redirects itself; else empty.
     */
    struct ocirepo_str url;
} ocirepo_head;

/*
 Credentials for a registry.
 */
typedef struct ocirepo_credentials {
    /*
     `sizeof(ocirepo_credentials)`.
     */
    size_t size;
    /*
     An `ocirepo_credentials_kind`.
     */
    uint32_t kind;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     The user name; for tokens it may be left out.
     */
    struct ocirepo_str username;
    /*
     The password or token.
     */
    struct ocirepo_str secret;
} ocirepo_credentials;

/*
 The part of a chunk that is new, and where it belongs in the blob.
 */
typedef struct ocirepo_keep {
    /*
     The bytes to write, a part of the chunk.
     */
    const uint8_t *data;
    /*
     How many they are; 0 when all of the chunk was seen before.
     */
    size_t len;
    /*
     Their offset from the start of the blob.
     */
    uint64_t offset;
} ocirepo_keep;

/*
 How to push a blob. All zero but the size is the usual way.
 */
typedef struct ocirepo_upload {
    /*
     `sizeof(ocirepo_upload)`.
     */
    size_t size;
    /*
     `OCIREPO_UPLOAD_CHECK` and its like, or'ed.
     */
    uint32_t flags;
    /*
     Nothing yet; 0.
     */
    uint32_t reserved;
    /*
     Send it in chunks of so many bytes; 0 for all at once where the registry lets us.
     */
    uint64_t chunk;
    /*
     A repository of the same registry that has the blob, to take it from there, or NULL.
     Needs a source whose digest is known.
     */
    const struct ocirepo_reference *mount_from;
} ocirepo_upload;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 The version of the library the program runs with: `0x00MMmmpp`.
 */
uint32_t ocirepo_version(void);

/*
 Fills a config with the defaults. Its `size` must be set.
 */
ocirepo_status ocirepo_config_init(struct ocirepo_config *config);

/*
 Writes the SHA-256 digest of bytes at hand, `sha256:` and 64 hex digits, to `text`, which
 has room for `OCIREPO_DIGEST_SIZE` bytes.
 */
ocirepo_status ocirepo_digest_of(struct ocirepo_bytes bytes,
                                 char *text);

/*
 Whether bytes at hand hash to a digest: `OCIREPO_STATUS_OK`, else `OCIREPO_STATUS_FAILED`, or
 `OCIREPO_STATUS_INVALID` if that is no digest.
 */
ocirepo_status ocirepo_digest_verify(struct ocirepo_str expected,
                                     struct ocirepo_bytes bytes);

/*
 Tells where the file of a path is: of metadata at once, of packages when their list was read.
 A path that cannot be one is `OCIREPO_STATUS_INVALID`; with `OCIREPO_STATUS_FAILED` the
 repository is at fault, and the message tells why.
 */
ocirepo_status ocirepo_repository_locate(struct ocirepo_repository *repository,
                                         struct ocirepo_str path,
                                         struct ocirepo_location *location);

/*
 Tells where the file of a path is by the manifest that `list` of its location named.
 */
ocirepo_status ocirepo_repository_listed(struct ocirepo_repository *repository,
                                         struct ocirepo_str path,
                                         struct ocirepo_str media_type,
                                         struct ocirepo_bytes manifest,
                                         struct ocirepo_location *location);

/*
 Tells what is known of a repository that is open.
 */
ocirepo_status ocirepo_repository_get(struct ocirepo_repository *repository,
                                      struct ocirepo_repository_info *info);

/*
 Asks for the list of packages: step until that is `OCIREPO_STATUS_OK`, then read them with
 `ocirepo_repository_next_package`. Once they were read, it begins at the first again.
 */
ocirepo_status ocirepo_repository_read_packages(struct ocirepo_repository *repository);

/*
 Reads the next package. `OCIREPO_STATUS_NONE` says that there is none left and that the whole
 list is the one `repomd.xml` vouches for: what came before counts only then. With
 `OCIREPO_STATUS_FAILED` the message tells why.
 */
ocirepo_status ocirepo_repository_next_package(struct ocirepo_repository *repository,
                                               struct ocirepo_package *package);

/*
 Reads a reference: a location (`oci://ghcr.io/me/repo:el9`, `oci+http://…`) or what Docker
 reads (`ghcr.io/me/repo:el9`, `ubuntu`). It is to be freed with `ocirepo_reference_free`.

 What is wrong with the text is written to `message`, cut to `message_size` bytes with its
 NUL; it may be NULL.
 */
ocirepo_status ocirepo_reference_parse(struct ocirepo_str text,
                                       struct ocirepo_reference **reference,
                                       char *message,
                                       size_t message_size);

/*
 Tells what a reference says.
 */
ocirepo_status ocirepo_reference_get(const struct ocirepo_reference *reference,
                                     struct ocirepo_reference_parts *parts);

/*
 Frees a reference. Operations that were started with it go on.
 */
void ocirepo_reference_free(struct ocirepo_reference *reference);

/*
 Fills the options with the defaults. Their `size` must be set.
 */
ocirepo_status ocirepo_open_init(struct ocirepo_open *open);

/*
 Begins to open the repository that a reference means. Nothing is asked before the first
 `ocirepo_repository_step`. With NULL for `open`, the defaults. It is to be freed with
 `ocirepo_repository_free`. What is wrong with the options is written to `message`.
 */
ocirepo_status ocirepo_repository_new(const struct ocirepo_reference *reference,
                                      const struct ocirepo_open *open,
                                      struct ocirepo_repository **repository,
                                      char *message,
                                      size_t message_size);

/*
 Frees a repository. An operation it waits for goes on, and is the caller's to forget.
 */
void ocirepo_repository_free(struct ocirepo_repository *repository);

/*
 What the last call on the repository had to say, for people; empty after it went well.
 */
struct ocirepo_str ocirepo_repository_message(const struct ocirepo_repository *repository);

/*
 Goes on with what is wanted of a repository: opening it, and after
 `ocirepo_repository_read_packages` its list of packages.

 `OCIREPO_STATUS_NONE` says that it waits for `operation`, which it began in the session: call
 again when that is done; nobody else may take its result. `OCIREPO_STATUS_OK` says that
 everything wanted is there. After `OCIREPO_STATUS_FAILED`, `failure` has the error.
 */
ocirepo_status ocirepo_repository_step(struct ocirepo_repository *repository,
                                       struct ocirepo_session *session,
                                       uint64_t *operation,
                                       struct ocirepo_result *failure);

/*
 The name of an `ocirepo_error_kind`, such as `not-found`; `other` if it has none. It ends with
 a NUL and lives for ever.
 */
const char *ocirepo_error_kind_name(uint32_t kind);

/*
 Begins a session. The seed decides the jitter of waits; give each process another one. With
 NULL for the config, the defaults. It is to be freed with `ocirepo_session_free`.
 */
ocirepo_status ocirepo_session_new(const struct ocirepo_config *config,
                                   uint64_t seed,
                                   struct ocirepo_session **session);

/*
 Frees a session and everything it knows. Sinks and sources that the host still has remain
 the host's to free.
 */
void ocirepo_session_free(struct ocirepo_session *session);

/*
 What the last call on the session had to say, for people; empty after it went well.
 */
struct ocirepo_str ocirepo_session_message(const struct ocirepo_session *session);

/*
 What the host is to do next. Drain it until `OCIREPO_OUTPUT_KIND_WAIT` after every input and
 every new operation.
 */
ocirepo_status ocirepo_session_poll(struct ocirepo_session *session,
                                    struct ocirepo_now now,
                                    struct ocirepo_output *output);

/*
 Takes the head of a response, and says where the body goes: an `ocirepo_destination`, with
 the sink for `OCIREPO_DESTINATION_STREAM`, which is the host's until it is given back.
 Interim (1xx) responses are not reported.
 */
ocirepo_status ocirepo_session_head(struct ocirepo_session *session,
                                    struct ocirepo_now now,
                                    uint64_t exchange,
                                    const struct ocirepo_head *head,
                                    uint32_t *destination,
                                    struct ocirepo_sink **sink);

/*
 Takes a part of a body that is to be collected.
 */
ocirepo_status ocirepo_session_data(struct ocirepo_session *session,
                                    struct ocirepo_now now,
                                    uint64_t exchange,
                                    struct ocirepo_bytes bytes);

/*
 The body ended as the protocol says it should. The sink, if the body went to one, is given
 back; it is gone whatever the status is.
 */
ocirepo_status ocirepo_session_end(struct ocirepo_session *session,
                                   struct ocirepo_now now,
                                   uint64_t exchange,
                                   struct ocirepo_sink *sink);

/*
 The request body was sent, or the host stopped sending because the head of the response
 came. The source is given back; it is gone whatever the status is.
 */
ocirepo_status ocirepo_session_sent(struct ocirepo_session *session,
                                    struct ocirepo_now now,
                                    uint64_t exchange,
                                    struct ocirepo_source *source);

/*
 The exchange ended early, because of an `ocirepo_cause`. Sink and source are given back if
 there are any and they survived; they are gone whatever the status is. Everything the sink
 took counts as written.
 */
ocirepo_status ocirepo_session_lost(struct ocirepo_session *session,
                                    struct ocirepo_now now,
                                    uint64_t exchange,
                                    uint32_t cause,
                                    struct ocirepo_sink *sink,
                                    struct ocirepo_source *source);

/*
 Gives credentials for a registry, or NULL to go on without. May come unasked, and again when
 the first ones were refused. The scheme may be left out for the usual one.
 */
ocirepo_status ocirepo_session_credentials(struct ocirepo_session *session,
                                           struct ocirepo_now now,
                                           struct ocirepo_str scheme,
                                           struct ocirepo_str registry,
                                           const struct ocirepo_credentials *credentials);

/*
 The moment of `OCIREPO_OUTPUT_KIND_WAIT` has come.
 */
ocirepo_status ocirepo_session_timeout(struct ocirepo_session *session,
                                       struct ocirepo_now now);

/*
 Takes the result of an operation, once. `OCIREPO_STATUS_NONE` while it is under way,
 `OCIREPO_STATUS_FAILED` when it failed. Pointers in it hold until the next call on the
 session.
 */
ocirepo_status ocirepo_session_take(struct ocirepo_session *session,
                                    uint64_t operation,
                                    struct ocirepo_result *result);

/*
 Stops an operation. It ends like any other, with `OCIREPO_ERROR_KIND_CANCELLED`.
 */
ocirepo_status ocirepo_session_cancel(struct ocirepo_session *session,
                                      uint64_t operation);

/*
 Frees a result that nobody will take, now or when the operation ends.
 */
ocirepo_status ocirepo_session_forget(struct ocirepo_session *session,
                                      uint64_t operation);

/*
 Whether no operation is under way; true for NULL.
 */
bool ocirepo_session_is_idle(const struct ocirepo_session *session);

/*
 How many operations have results that were not taken, or are under way; 0 for NULL.
 */
uint64_t ocirepo_session_operations(const struct ocirepo_session *session);

/*
 A sink for a pull that goes on with what is on disk: feed it that first, with
 `ocirepo_sink_chunk`, then start the pull with it. `size` is `OCIREPO_NOTHING` when it is not
 known.
 */
ocirepo_status ocirepo_sink_new(struct ocirepo_str digest,
                                uint64_t size,
                                struct ocirepo_sink **sink);

/*
 A sink from what `ocirepo_sink_save` wrote for the same blob; `OCIREPO_STATUS_NONE` when it is
 for another blob or no such text. The caller vouches for the text and for the bytes on disk.
 */
ocirepo_status ocirepo_sink_restore(struct ocirepo_str digest,
                                    uint64_t size,
                                    struct ocirepo_str saved,
                                    struct ocirepo_sink **sink);

/*
 Takes the next chunk of the body and says what of it to write where. `keep` points into
 `chunk`.

 `OCIREPO_STATUS_STOP` says that the body is longer than the blob, and that nothing of the chunk was
 taken: drop the exchange and report it lost, with the sink.
 */
ocirepo_status ocirepo_sink_chunk(struct ocirepo_sink *sink,
                                  struct ocirepo_bytes chunk,
                                  struct ocirepo_keep *keep);

/*
 The number of bytes taken so far, from the start of the blob; `OCIREPO_NOTHING` for NULL.
 */
uint64_t ocirepo_sink_offset(const struct ocirepo_sink *sink);

/*
 Whether the bytes taken so far are the whole blob, and the right one.
 */
bool ocirepo_sink_is_verified(const struct ocirepo_sink *sink);

/*
 Writes the sink as text, for a process that goes on later without reading what it has on
 disk. Save only after all bytes up to the offset are durably written.
 */
ocirepo_status ocirepo_sink_save(struct ocirepo_sink *sink,
                                 struct ocirepo_str *saved);

/*
 Frees a sink that was not given back.
 */
void ocirepo_sink_free(struct ocirepo_sink *sink);

/*
 A source of `size` bytes, to push a blob from. Without a digest, its SHA-256 digest is found
 out while it is sent.
 */
ocirepo_status ocirepo_source_new(uint64_t size,
                                  struct ocirepo_str digest,
                                  struct ocirepo_source **source);

/*
 Takes a chunk that was read at `offset`, before it is sent. `OCIREPO_STATUS_CHANGED` says that it
 does not belong there.
 */
ocirepo_status ocirepo_source_chunk(struct ocirepo_source *source,
                                    uint64_t offset,
                                    struct ocirepo_bytes chunk);

/*
 The number of bytes of the whole source; `OCIREPO_NOTHING` for NULL.
 */
uint64_t ocirepo_source_size(const struct ocirepo_source *source);

/*
 Frees a source that was not given back.
 */
void ocirepo_source_free(struct ocirepo_source *source);

/*
 Asks the registry of a reference whether it speaks the protocol, with the credentials there
 are. Yields `OCIREPO_RESULT_KIND_NOTHING`.
 */
ocirepo_status ocirepo_session_ping(struct ocirepo_session *session,
                                    const struct ocirepo_reference *reference,
                                    uint64_t *operation);

/*
 Finds out media type, digest and size of a manifest. Yields `OCIREPO_RESULT_KIND_DESCRIPTOR`.
 */
ocirepo_status ocirepo_session_resolve(struct ocirepo_session *session,
                                       const struct ocirepo_reference *reference,
                                       struct ocirepo_str selector,
                                       uint64_t *operation);

/*
 Pulls a manifest. Yields `OCIREPO_RESULT_KIND_MANIFEST`.
 */
ocirepo_status ocirepo_session_pull_manifest(struct ocirepo_session *session,
                                             const struct ocirepo_reference *reference,
                                             struct ocirepo_str selector,
                                             uint64_t *operation);

/*
 Pulls a blob of any size through a sink, which comes with the head of the response. `size`
 is `OCIREPO_NOTHING` when it is not known. Yields `OCIREPO_RESULT_KIND_BLOB`: only then the
 bytes that were written count.

 With `resume`, the pull goes on where that sink stands; it is given up whatever the status
 is. It must be for the same digest.
 */
ocirepo_status ocirepo_session_pull_blob(struct ocirepo_session *session,
                                         const struct ocirepo_reference *reference,
                                         struct ocirepo_str digest,
                                         uint64_t size,
                                         struct ocirepo_sink *resume,
                                         uint64_t *operation);

/*
 Pulls a blob of at most `limit` bytes into memory. Yields `OCIREPO_RESULT_KIND_BYTES`.
 */
ocirepo_status ocirepo_session_pull_bytes(struct ocirepo_session *session,
                                          const struct ocirepo_reference *reference,
                                          struct ocirepo_str digest,
                                          uint64_t size,
                                          uint64_t limit,
                                          uint64_t *operation);

/*
 Pulls `len` bytes of a blob from `offset` on into memory; no digest covers them. Yields
 `OCIREPO_RESULT_KIND_RANGE`.
 */
ocirepo_status ocirepo_session_pull_range(struct ocirepo_session *session,
                                          const struct ocirepo_reference *reference,
                                          struct ocirepo_str digest,
                                          uint64_t offset,
                                          uint64_t len,
                                          uint64_t *operation);

/*
 Asks whether a repository has a blob. Yields `OCIREPO_RESULT_KIND_EXISTS`.
 */
ocirepo_status ocirepo_session_blob_exists(struct ocirepo_session *session,
                                           const struct ocirepo_reference *reference,
                                           struct ocirepo_str digest,
                                           uint64_t *operation);

/*
 Asks whether a repository has a manifest. Yields `OCIREPO_RESULT_KIND_EXISTS`.
 */
ocirepo_status ocirepo_session_manifest_exists(struct ocirepo_session *session,
                                               const struct ocirepo_reference *reference,
                                               struct ocirepo_str selector,
                                               uint64_t *operation);

/*
 Pushes a blob from a source that the host reads. The source is given up whatever the status
 is; with NULL for `upload`, the usual way is taken. Yields `OCIREPO_RESULT_KIND_PUSHED`.
 */
ocirepo_status ocirepo_session_push_blob(struct ocirepo_session *session,
                                         const struct ocirepo_reference *reference,
                                         struct ocirepo_source *source,
                                         const struct ocirepo_upload *upload,
                                         uint64_t *operation);

/*
 Pushes a manifest, byte for byte. The media type may be left out where the document has it.
 Yields `OCIREPO_RESULT_KIND_DESCRIPTOR`.
 */
ocirepo_status ocirepo_session_push_manifest(struct ocirepo_session *session,
                                             const struct ocirepo_reference *reference,
                                             struct ocirepo_str selector,
                                             struct ocirepo_str media_type,
                                             struct ocirepo_bytes raw,
                                             uint64_t *operation);

/*
 Pushes a manifest where the one at the tag has the digest `expected` now, or where there is
 none when that is empty. Most registries do not look at it.
 */
ocirepo_status ocirepo_session_push_manifest_if(struct ocirepo_session *session,
                                                const struct ocirepo_reference *reference,
                                                struct ocirepo_str selector,
                                                struct ocirepo_str media_type,
                                                struct ocirepo_bytes raw,
                                                struct ocirepo_str expected,
                                                uint64_t *operation);

/*
 Lists the tags of a repository. Yields `OCIREPO_RESULT_KIND_NAMES`.
 */
ocirepo_status ocirepo_session_tags(struct ocirepo_session *session,
                                    const struct ocirepo_reference *reference,
                                    uint64_t *operation);

/*
 Lists the repositories of a registry (`host[:port]`), where it offers that. The scheme may be
 left out for the usual one. Yields `OCIREPO_RESULT_KIND_NAMES`.
 */
ocirepo_status ocirepo_session_repositories(struct ocirepo_session *session,
                                            struct ocirepo_str scheme,
                                            struct ocirepo_str registry,
                                            uint64_t *operation);

/*
 Lists the manifests whose subject is the digest, all or those of one artifact type. Yields
 `OCIREPO_RESULT_KIND_DESCRIPTORS`.
 */
ocirepo_status ocirepo_session_referrers(struct ocirepo_session *session,
                                         const struct ocirepo_reference *reference,
                                         struct ocirepo_str subject,
                                         struct ocirepo_str artifact_type,
                                         uint64_t *operation);

/*
 Deletes a tag, or a manifest with all its tags when it is named by digest. Yields
 `OCIREPO_RESULT_KIND_NOTHING`.
 */
ocirepo_status ocirepo_session_delete_manifest(struct ocirepo_session *session,
                                               const struct ocirepo_reference *reference,
                                               struct ocirepo_str selector,
                                               uint64_t *operation);

/*
 Deletes a blob. Yields `OCIREPO_RESULT_KIND_NOTHING`.
 */
ocirepo_status ocirepo_session_delete_blob(struct ocirepo_session *session,
                                           const struct ocirepo_reference *reference,
                                           struct ocirepo_str digest,
                                           uint64_t *operation);

/*
 Copies a manifest, byte for byte, to the repository of `to` under the same tag or digest.
 What it refers to must be there already. Yields `OCIREPO_RESULT_KIND_DESCRIPTOR`.
 */
ocirepo_status ocirepo_session_copy_manifest(struct ocirepo_session *session,
                                             const struct ocirepo_reference *from,
                                             const struct ocirepo_reference *to,
                                             struct ocirepo_str selector,
                                             uint64_t *operation);

/*
 Copies a blob to the repository of `to` as far as that goes without moving its bytes. Yields
 `OCIREPO_RESULT_KIND_COPY`.
 */
ocirepo_status ocirepo_session_copy_blob(struct ocirepo_session *session,
                                         const struct ocirepo_reference *from,
                                         const struct ocirepo_reference *to,
                                         struct ocirepo_str digest,
                                         uint64_t *operation);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OCIREPO_H */

#ifndef OCIREPO_H_INLINE
#define OCIREPO_H_INLINE

/* Text that ends with a NUL, as the library wants it. */
static inline ocirepo_str ocirepo_text(const char *text) {
    ocirepo_str made;
    made.data = text;
    made.len = text ? strlen(text) : 0;
    return made;
}

/* Bytes, as the library wants them. */
static inline ocirepo_bytes ocirepo_data(const void *data, size_t len) {
    ocirepo_bytes made;
    made.data = (const uint8_t *)data;
    made.len = len;
    return made;
}

#endif /* OCIREPO_H_INLINE */
