/*
 * A host over libcurl's multi interface: one thread, one loop, any number of transfers.
 *
 * The session says what to request; each request is an easy handle of the multi handle. What
 * happens to it is reported from curl's callbacks, and what the session wants next is asked for
 * in the loop, where handles may be added and removed.
 */
#define _GNU_SOURCE
#include "../c-common/host.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "../c-common/files.h"

const char *const oci_host_name = "curl-multi";

/* How much of a body that nobody wants is read, to keep the connection. */
#define MOST_DISCARDED (64u << 10)

/* One request and its response. */
typedef struct exchange {
    struct exchange *next;
    oci_host *host;
    CURL *easy;
    struct curl_slist *headers;
    uint64_t id;
    blob_file *file;         /* where the blob goes to or comes from */
    ocirepo_sink *sink;      /* while a blob is received */
    ocirepo_source *source;  /* while a blob is sent */
    uint64_t start, at, len; /* the range of the blob that is sent, and where we are in it */
    uint64_t active_ms;      /* when bytes moved last */
    uint64_t discarded;
    uint32_t destination;
    uint32_t cause; /* why we broke it off ourselves, or 0 */
    bool has_head;
    bool over; /* for the session; the handle is still to be removed */
} exchange;

struct oci_host {
    ocirepo_session *session;
    oci_host_callbacks callbacks;
    CURLM *multi;
    char *ca_file;
    uint64_t stall_ms;
    exchange *exchanges;
    blob_file *files;
};

static ocirepo_now now(void) {
    struct timespec monotonic, real;
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_REALTIME, &real);
    return (ocirepo_now){
        .monotonic_ms = (uint64_t)monotonic.tv_sec * 1000 + (uint64_t)monotonic.tv_nsec / 1000000,
        .unix_secs = (uint64_t)real.tv_sec,
    };
}

/* ---- what happens to an exchange, told to the session ---- */

static void report_sent(exchange *ex) {
    if (ex->source)
        ocirepo_session_sent(ex->host->session, now(), ex->id, ex->source);
    ex->source = NULL;
}

static void report_head(exchange *ex) {
    enum { MOST_FIELDS = 200 };
    ocirepo_pair fields[MOST_FIELDS];
    ocirepo_head head = {.size = sizeof head, .headers = fields};
    long status = 0;
    struct curl_header *field = NULL;
    while (head.headers_len < MOST_FIELDS &&
           (field = curl_easy_nextheader(ex->easy, CURLH_HEADER, -1, field)))
        fields[head.headers_len++] =
            (ocirepo_pair){ocirepo_text(field->name), ocirepo_text(field->value)};
    curl_easy_getinfo(ex->easy, CURLINFO_RESPONSE_CODE, &status);
    head.status = (uint32_t)status;
    report_sent(ex); /* also when the registry answers before it has everything */
    ex->has_head = true;
    ex->destination = OCIREPO_DESTINATION_DISCARD;
    if (ocirepo_session_head(ex->host->session, now(), ex->id, &head, &ex->destination, &ex->sink) !=
        OCIREPO_STATUS_OK)
        ex->cause = OCIREPO_CAUSE_RESET; /* a status that is none */
    else if (ex->destination == OCIREPO_DESTINATION_DISCARD)
        ex->over = true;
}

/* Once: everything the session gave for this exchange goes back to it. */
static void report_end(exchange *ex, uint32_t cause) {
    if (ex->over)
        return;
    ex->over = true;
    if (cause)
        ocirepo_session_lost(ex->host->session, now(), ex->id, cause, ex->sink, ex->source);
    else
        ocirepo_session_end(ex->host->session, now(), ex->id, ex->sink);
    ex->sink = NULL;
    ex->source = NULL;
}

/* ---- curl's callbacks; whatever returns an error ends the transfer ---- */

static size_t on_header(char *line, size_t one, size_t len, void *user) {
    exchange *ex = user;
    long status = 0;
    (void)one;
    ex->active_ms = now().monotonic_ms;
    bool blank = len > 0 && (line[0] == '\r' || line[0] == '\n');
    if (blank && !ex->has_head) {
        curl_easy_getinfo(ex->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200)
            report_head(ex);
    }
    return ex->cause ? 0 : len;
}

static size_t on_body(char *data, size_t one, size_t len, void *user) {
    exchange *ex = user;
    ocirepo_keep keep;
    (void)one;
    ex->active_ms = now().monotonic_ms;
    switch (ex->destination) {
    case OCIREPO_DESTINATION_COLLECT:
        ocirepo_session_data(ex->host->session, now(), ex->id, ocirepo_data(data, len));
        return len;
    case OCIREPO_DESTINATION_STREAM:
        if (ocirepo_sink_chunk(ex->sink, ocirepo_data(data, len), &keep) != OCIREPO_STATUS_OK) {
            ex->cause = OCIREPO_CAUSE_RESET; /* longer than the blob: the sink remembers */
            return 0;
        }
        if (!ex->file || !file_write(ex->file->fd, keep)) {
            ex->cause = OCIREPO_CAUSE_LOCAL;
            return 0;
        }
        if (file_moved(ex->file, keep.len, ex->host->session)) {
            ex->cause = OCIREPO_CAUSE_LOCAL; /* nobody will look at it */
            return 0;
        }
        return len;
    default:
        ex->discarded += len;
        return ex->discarded <= MOST_DISCARDED ? len : 0;
    }
}

static size_t on_read(char *into, size_t one, size_t room, void *user) {
    exchange *ex = user;
    uint64_t left = ex->start + ex->len - ex->at;
    ssize_t got;
    (void)one;
    ex->active_ms = now().monotonic_ms;
    if (left == 0)
        return 0;
    if (!ex->source || !ex->file)
        return CURL_READFUNC_ABORT; /* it was answered already */
    do
        got = pread(ex->file->fd, into, left < room ? left : room, (off_t)ex->at);
    while (got < 0 && errno == EINTR);
    if (got <= 0 || ocirepo_source_chunk(ex->source, ex->at, ocirepo_data(into, (size_t)got)) !=
                        OCIREPO_STATUS_OK) {
        ex->cause = OCIREPO_CAUSE_LOCAL; /* it cannot be read, or is not what it was */
        return CURL_READFUNC_ABORT;
    }
    ex->at += (uint64_t)got;
    if (file_moved(ex->file, (size_t)got, ex->host->session)) {
        ex->cause = OCIREPO_CAUSE_LOCAL;
        return CURL_READFUNC_ABORT;
    }
    if (ex->at == ex->start + ex->len)
        report_sent(ex);
    return (size_t)got;
}

/* curl sends again on another connection when the one it reused turned out to be closed. */
static int on_seek(void *user, curl_off_t offset, int origin) {
    exchange *ex = user;
    if (origin != SEEK_SET || !ex->source)
        return CURL_SEEKFUNC_FAIL;
    ex->at = ex->start + (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- what the session wants ---- */

static void request(oci_host *host, const ocirepo_request *want) {
    exchange *ex = calloc(1, sizeof *ex);
    CURL *easy = curl_easy_init();
    bool has_type = false, sends = strcmp(want->method.data, "POST") == 0 ||
                                   strcmp(want->method.data, "PUT") == 0 ||
                                   strcmp(want->method.data, "PATCH") == 0;
    if (!ex || !easy)
        abort();
    ex->host = host;
    ex->easy = easy;
    ex->id = want->exchange;
    ex->file = file_find(host->files, want->operation);
    ex->active_ms = now().monotonic_ms;
    ex->next = host->exchanges;
    host->exchanges = ex;

    /* Everything here is copied, because it is gone with the next call on the session. */
    for (size_t i = 0; i < want->headers_len; i++) {
        const ocirepo_pair *field = &want->headers[i];
        char *line = NULL;
        if (asprintf(&line, "%s: %s", field->name.data, field->value.data) < 0)
            abort();
        ex->headers = curl_slist_append(ex->headers, line);
        free(line);
        has_type |= strcasecmp(field->name.data, "content-type") == 0;
    }
    ex->headers = curl_slist_append(ex->headers, "Expect:");
    if (!has_type)
        ex->headers = curl_slist_append(ex->headers, "Content-Type:");
    curl_easy_setopt(easy, CURLOPT_URL, want->url.data);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, want->method.data);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, ex->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "oci-curl/0.1");
    curl_easy_setopt(easy, CURLOPT_NOBODY, strcmp(want->method.data, "HEAD") == 0 ? 1L : 0L);
    /* On a kept connection that turns out closed, libcurl sends the request again by itself. What
     * changes something must not be sent twice unknown to the session. */
    bool reads = strcmp(want->method.data, "HEAD") == 0 || strcmp(want->method.data, "GET") == 0;
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, reads ? 0L : 1L);
    if (want->body_kind == OCIREPO_BODY_KIND_SOURCE) {
        ex->source = want->source;
        ex->start = ex->at = want->source_offset;
        ex->len = want->source_len;
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)want->source_len);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, ex);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, ex);
        if (ex->len == 0)
            report_sent(ex);
    } else if (sends) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)want->body.len);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, (const char *)want->body.data);
    }
    curl_easy_setopt(easy, CURLOPT_PRIVATE, ex);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, ex);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, ex);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* the session follows */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (host->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, host->ca_file);
    curl_multi_add_handle(host->multi, easy);
}

static void forget(exchange *ex) {
    exchange **at = &ex->host->exchanges;
    while (*at != ex)
        at = &(*at)->next;
    *at = ex->next;
    curl_multi_remove_handle(ex->host->multi, ex->easy);
    curl_easy_cleanup(ex->easy);
    curl_slist_free_all(ex->headers);
    ocirepo_sink_free(ex->sink);
    ocirepo_source_free(ex->source);
    free(ex);
}

static void credentials(oci_host *host, ocirepo_registry who) {
    ocirepo_credentials login = {.size = sizeof login, .kind = OCIREPO_CREDENTIALS_KIND_BASIC};
    const char *name = NULL, *password = NULL;
    bool known = host->callbacks.login &&
                 host->callbacks.login(host->callbacks.user, who.name.data, &name, &password);
    if (!name)
        login.kind = OCIREPO_CREDENTIALS_KIND_IDENTITY_TOKEN;
    login.username = ocirepo_text(name);
    login.secret = ocirepo_text(password);
    ocirepo_session_credentials(host->session, now(), who.scheme, who.name, known ? &login : NULL);
}

/* Takes everything the session has to say; returns when it wants to look at the clock again. */
static uint64_t drain(oci_host *host) {
    ocirepo_output output = {.size = sizeof output};
    while (ocirepo_session_poll(host->session, now(), &output) == OCIREPO_STATUS_OK) {
        switch (output.kind) {
        case OCIREPO_OUTPUT_KIND_REQUEST:
            request(host, &output.u.request);
            break;
        case OCIREPO_OUTPUT_KIND_ABORT:
            for (exchange *ex = host->exchanges; ex; ex = ex->next)
                if (ex->id == output.u.exchange) {
                    forget(ex);
                    break;
                }
            break;
        case OCIREPO_OUTPUT_KIND_CREDENTIALS:
            credentials(host, output.u.registry);
            break;
        case OCIREPO_OUTPUT_KIND_EVENT:
            if (host->callbacks.event)
                host->callbacks.event(host->callbacks.user, &output.u.event);
            break;
        case OCIREPO_OUTPUT_KIND_DONE: {
            uint64_t operation = output.u.operation;
            for (exchange *ex = host->exchanges; ex; ex = ex->next)
                if (ex->file && ex->file->operation == operation)
                    ex->file = NULL; /* the rest of a body that nobody wants */
            host->callbacks.done(host->callbacks.user, operation);
            file_remove(&host->files, operation);
            break;
        }
        default:
            return output.u.wait;
        }
    }
    fprintf(stderr, "libocirepo: %s\n", ocirepo_session_message(host->session).data);
    abort();
}

/* ---- the loop ---- */

/* Why curl lost it; whether another try makes sense is for the session to know. */
static uint32_t cause(const exchange *ex, CURLcode code) {
    long os_error = 0;
    if (ex->cause)
        return ex->cause;
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return OCIREPO_CAUSE_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return ex->has_head ? OCIREPO_CAUSE_TIMEOUT : OCIREPO_CAUSE_UNREACHABLE;
    case CURLE_SSL_CONNECT_ERROR: /* also for a connection that was reset meanwhile */
        curl_easy_getinfo(ex->easy, CURLINFO_OS_ERRNO, &os_error);
        return os_error ? OCIREPO_CAUSE_RESET : OCIREPO_CAUSE_TLS;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return OCIREPO_CAUSE_TLS;
    case CURLE_READ_ERROR:
    case CURLE_OUT_OF_MEMORY:
        return OCIREPO_CAUSE_LOCAL;
    default:
        return OCIREPO_CAUSE_RESET;
    }
}

static void finished(oci_host *host) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(host->multi, &left))) {
        exchange *ex = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&ex);
        report_end(ex, cause(ex, message->data.result));
        forget(ex);
    }
}

/* Gives up bodies that stall; returns when the next may. The session watches over heads. */
static uint64_t stalled(oci_host *host) {
    uint64_t next = OCIREPO_NOTHING, at = now().monotonic_ms;
    for (exchange *ex = host->exchanges, *after; ex; ex = after) {
        after = ex->next;
        if (!ex->has_head && !ex->source)
            continue;
        uint64_t until = ex->active_ms + host->stall_ms;
        if (until <= at) {
            report_end(ex, OCIREPO_CAUSE_TIMEOUT);
            forget(ex);
        } else if (until < next) {
            next = until;
        }
    }
    return next;
}

void oci_host_run(oci_host *host) {
    for (;;) {
        int running;
        uint64_t until = drain(host);
        if (ocirepo_session_is_idle(host->session) && !host->exchanges)
            return;
        uint64_t stall = stalled(host), at = now().monotonic_ms;
        uint64_t next = stall < until ? stall : until;
        uint64_t wait = next <= at ? 0 : next - at < 1000 ? next - at : 1000;
        curl_multi_poll(host->multi, NULL, 0, (int)wait, NULL);
        curl_multi_perform(host->multi, &running);
        finished(host);
        if (until <= now().monotonic_ms)
            ocirepo_session_timeout(host->session, now());
    }
}

oci_host *oci_host_new(ocirepo_session *session, const oci_host_callbacks *callbacks,
                       const char *ca_file, uint64_t stall_ms) {
    oci_host *host = calloc(1, sizeof *host);
    if (!host || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    host->session = session;
    host->callbacks = *callbacks;
    host->multi = curl_multi_init();
    host->ca_file = ca_file ? strdup(ca_file) : NULL;
    host->stall_ms = stall_ms;
    return host;
}

void oci_host_file(oci_host *host, uint64_t operation, int fd, uint64_t cancel_at) {
    file_add(&host->files, operation, fd, cancel_at);
}

void oci_host_free(oci_host *host) {
    while (host->exchanges)
        forget(host->exchanges);
    while (host->files)
        file_remove(&host->files, host->files->operation);
    curl_multi_cleanup(host->multi);
    curl_global_cleanup();
    free(host->ca_file);
    free(host);
}
