/*
 * A host over libsoup 3 in a GMainLoop: everything is asynchronous, and every exchange can be
 * cancelled through its GCancellable.
 *
 * What the session wants is asked for in an idle source, never inside of a callback, so that a
 * callback may report as much as it likes.
 */
#include "../c-common/host.h"

#include <string.h>

#include <gio/gio.h>
#include <libsoup/soup.h>

#include "../c-common/files.h"

const char *const oci_host_name = "glib-soup";

enum { CHUNK = 256 << 10 };

/* How much of a body that nobody wants is read, to keep the connection. */
enum { MOST_DISCARDED = 64 << 10 };

typedef struct _Part Part;

/* One request and its response. */
typedef struct exchange {
    oci_host *host;
    uint64_t id;
    SoupMessage *message;
    GCancellable *cancellable;
    GInputStream *body;
    Part *part; /* the request's body */
    blob_file *file;        /* where the blob goes to or comes from */
    ocirepo_sink *sink;     /* while a blob is received */
    ocirepo_source *source; /* while a blob is sent */
    gint64 active_us;       /* when bytes moved last */
    gsize discarded;
    uint32_t destination;
    uint32_t cause; /* why we broke it off ourselves, or 0 */
    bool has_head;
    bool over; /* for the session */
} exchange;

struct oci_host {
    ocirepo_session *session;
    oci_host_callbacks callbacks;
    SoupSession *soup;
    GMainContext *context;
    GMainLoop *loop;
    GHashTable *exchanges; /* by id, those the session knows and those being torn down */
    blob_file *files;
    GSource *idle, *timer;
    uint64_t stall_ms;
};

static void wake(oci_host *host);

static ocirepo_now now(void) {
    return (ocirepo_now){
        .monotonic_ms = (uint64_t)g_get_monotonic_time() / 1000,
        .unix_secs = (uint64_t)g_get_real_time() / G_USEC_PER_SEC,
    };
}

static void part_forget(Part *part);

static void unref_exchange(exchange *ex) {
    if (ex->part)
        part_forget(ex->part);
    g_signal_handlers_disconnect_by_data(ex->message, ex);
    g_clear_object(&ex->body);
    g_clear_object(&ex->message);
    g_clear_object(&ex->cancellable);
    ocirepo_sink_free(ex->sink);
    ocirepo_source_free(ex->source);
    g_free(ex);
}

static void report_sent(exchange *ex) {
    if (ex->source)
        ocirepo_session_sent(ex->host->session, now(), ex->id, ex->source);
    ex->source = NULL;
    wake(ex->host);
}

/* The last callback of an exchange: whatever is left goes back to the session. */
static void finish(exchange *ex, uint32_t cause) {
    oci_host *host = ex->host;
    if (!ex->over && cause)
        ocirepo_session_lost(host->session, now(), ex->id, cause, ex->sink, ex->source);
    else if (!ex->over)
        ocirepo_session_end(host->session, now(), ex->id, ex->sink);
    if (!ex->over)
        ex->sink = NULL, ex->source = NULL;
    g_hash_table_remove(host->exchanges, &ex->id);
    wake(host);
}

/* Why GIO lost it; whether another try makes sense is for the session to know. */
static uint32_t cause(const exchange *ex, const GError *error) {
    if (ex->cause)
        return ex->cause;
    if (error->domain == G_TLS_ERROR)
        return g_error_matches(error, G_TLS_ERROR, G_TLS_ERROR_EOF) ? OCIREPO_CAUSE_RESET
                                                                    : OCIREPO_CAUSE_TLS;
    if (error->domain == G_RESOLVER_ERROR)
        return OCIREPO_CAUSE_UNREACHABLE;
    if (error->domain != G_IO_ERROR)
        return OCIREPO_CAUSE_RESET;
    switch (error->code) {
    case G_IO_ERROR_CONNECTION_REFUSED:
    case G_IO_ERROR_HOST_NOT_FOUND:
    case G_IO_ERROR_HOST_UNREACHABLE:
    case G_IO_ERROR_NETWORK_UNREACHABLE:
    case G_IO_ERROR_PROXY_FAILED:
        return OCIREPO_CAUSE_UNREACHABLE;
    case G_IO_ERROR_TIMED_OUT:
        return OCIREPO_CAUSE_TIMEOUT;
    default:
        return OCIREPO_CAUSE_RESET;
    }
}

/* ---- a stream of a part of a file, each chunk shown to the source before it is sent ---- */

#define PART_TYPE (part_get_type())
G_DECLARE_FINAL_TYPE(Part, part, OCI, PART, GInputStream)

struct _Part {
    GInputStream parent;
    exchange *ex; /* NULL when that is over, which libsoup may not know yet */
    uint64_t start, at, end;
};

static gssize part_read(GInputStream *stream, void *into, gsize room, GCancellable *cancellable,
                        GError **error) {
    Part *part = OCI_PART(stream);
    exchange *ex = part->ex;
    uint64_t left = part->end - part->at;
    ssize_t got = 0;
    if (g_cancellable_set_error_if_cancelled(cancellable, error))
        return -1;
    if (left == 0)
        return 0;
    if (!ex || !ex->source || !ex->file) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CLOSED, "it was answered already");
        return -1;
    }
    do
        got = pread(ex->file->fd, into, MIN(left, room), (off_t)part->at);
    while (got < 0 && errno == EINTR);
    if (got <= 0 || ocirepo_source_chunk(ex->source, part->at, ocirepo_data(into, (gsize)got)) !=
                        OCIREPO_STATUS_OK) {
        ex->cause = OCIREPO_CAUSE_LOCAL; /* it cannot be read, or is not what it was */
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the file changed");
        return -1;
    }
    part->at += (uint64_t)got;
    ex->active_us = g_get_monotonic_time();
    if (file_moved(ex->file, (size_t)got, ex->host->session))
        wake(ex->host);
    return got;
}

static goffset part_tell(GSeekable *seekable) {
    Part *part = OCI_PART(seekable);
    return (goffset)(part->at - part->start);
}

static gboolean part_can_seek(GSeekable *seekable) {
    (void)seekable;
    return TRUE;
}

/* libsoup sends again on another connection when the one it reused turned out to be closed. */
static gboolean part_seek(GSeekable *seekable, goffset offset, GSeekType type,
                          GCancellable *cancellable, GError **error) {
    Part *part = OCI_PART(seekable);
    (void)cancellable;
    if (type != G_SEEK_SET || offset < 0 || (uint64_t)offset > part->end - part->start) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "only from the start");
        return FALSE;
    }
    part->at = part->start + (uint64_t)offset;
    return TRUE;
}

static gboolean part_can_truncate(GSeekable *seekable) {
    (void)seekable;
    return FALSE;
}

static void part_seekable(GSeekableIface *interface) {
    interface->tell = part_tell;
    interface->can_seek = part_can_seek;
    interface->seek = part_seek;
    interface->can_truncate = part_can_truncate;
}

G_DEFINE_TYPE_WITH_CODE(Part, part, G_TYPE_INPUT_STREAM,
                        G_IMPLEMENT_INTERFACE(G_TYPE_SEEKABLE, part_seekable))

static void part_class_init(PartClass *class) {
    G_INPUT_STREAM_CLASS(class)->read_fn = part_read;
}

static void part_init(Part *part) {
    (void)part;
}

static void part_forget(Part *part) {
    part->ex = NULL;
    g_object_unref(part);
}

/* ---- the response ---- */

static void on_bytes(GObject *stream, GAsyncResult *result, void *user) {
    exchange *ex = user;
    GError *error = NULL;
    GBytes *bytes = g_input_stream_read_bytes_finish(G_INPUT_STREAM(stream), result, &error);
    ocirepo_keep keep;
    gsize len = 0;
    if (!bytes) {
        finish(ex, cause(ex, error));
        g_error_free(error);
        return;
    }
    const void *data = g_bytes_get_data(bytes, &len);
    ex->active_us = g_get_monotonic_time();
    if (ex->over && len > 0 && (ex->discarded += len) < MOST_DISCARDED) {
        g_input_stream_read_bytes_async(ex->body, CHUNK, 0, ex->cancellable, on_bytes, ex);
    } else if (len == 0 || ex->over) {
        finish(ex, 0);
    } else if (ex->destination == OCIREPO_DESTINATION_COLLECT) {
        ocirepo_session_data(ex->host->session, now(), ex->id, ocirepo_data(data, len));
        wake(ex->host);
        g_input_stream_read_bytes_async(ex->body, CHUNK, 0, ex->cancellable, on_bytes, ex);
    } else if (ocirepo_sink_chunk(ex->sink, ocirepo_data(data, len), &keep) != OCIREPO_STATUS_OK) {
        finish(ex, OCIREPO_CAUSE_RESET); /* longer than the blob: the sink remembers */
    } else if (!ex->file || !file_write(ex->file->fd, keep)) {
        finish(ex, OCIREPO_CAUSE_LOCAL);
    } else if (file_moved(ex->file, keep.len, ex->host->session)) {
        finish(ex, OCIREPO_CAUSE_LOCAL); /* cancelled: nobody will look at it */
    } else {
        g_input_stream_read_bytes_async(ex->body, CHUNK, 0, ex->cancellable, on_bytes, ex);
    }
    g_bytes_unref(bytes);
}

static void add_field(const char *name, const char *value, void *user) {
    const ocirepo_pair pair = {ocirepo_text(name), ocirepo_text(value)};
    g_array_append_val((GArray *)user, pair);
}

static void on_head(GObject *soup, GAsyncResult *result, void *user) {
    exchange *ex = user;
    GError *error = NULL;
    ex->body = soup_session_send_finish(SOUP_SESSION(soup), result, &error);
    if (!ex->body) {
        finish(ex, cause(ex, error));
        g_error_free(error);
        return;
    }
    GArray *fields = g_array_new(FALSE, FALSE, sizeof(ocirepo_pair));
    soup_message_headers_foreach(soup_message_get_response_headers(ex->message), add_field, fields);
    const ocirepo_head head = {
        .size = sizeof head,
        .status = soup_message_get_status(ex->message),
        .headers = (const ocirepo_pair *)(void *)fields->data,
        .headers_len = fields->len,
    };
    report_sent(ex); /* also when the registry answers before it has everything */
    ex->has_head = true;
    ex->active_us = g_get_monotonic_time();
    ocirepo_status status = ocirepo_session_head(ex->host->session, now(), ex->id, &head,
                                                 &ex->destination, &ex->sink);
    g_array_unref(fields);
    if (status != OCIREPO_STATUS_OK) {
        ex->over = status == OCIREPO_STATUS_ENDED;
        finish(ex, OCIREPO_CAUSE_RESET);
        return;
    }
    ex->over = ex->destination == OCIREPO_DESTINATION_DISCARD;
    wake(ex->host);
    g_input_stream_read_bytes_async(ex->body, CHUNK, 0, ex->cancellable, on_bytes, ex);
}

static void on_wrote_body(SoupMessage *message, void *user) {
    (void)message;
    report_sent(user);
}

/* ---- what the session wants ---- */

static void request(oci_host *host, const ocirepo_request *want) {
    exchange *ex = g_new0(exchange, 1);
    GUri *uri = g_uri_parse(want->url.data, SOUP_HTTP_URI_FLAGS, NULL);
    ex->host = host;
    ex->id = want->exchange;
    ex->cancellable = g_cancellable_new();
    ex->file = file_find(host->files, want->operation);
    ex->active_us = g_get_monotonic_time();
    ex->message = soup_message_new_from_uri(want->method.data, uri);
    g_uri_unref(uri);
    g_hash_table_insert(host->exchanges, &ex->id, ex);

    /* Everything here is copied, because it is gone with the next call on the session. */
    SoupMessageHeaders *fields = soup_message_get_request_headers(ex->message);
    for (size_t i = 0; i < want->headers_len; i++)
        soup_message_headers_append(fields, want->headers[i].name.data,
                                    want->headers[i].value.data);
    const char *type = soup_message_headers_get_one(fields, "Content-Type");
    char *content_type = g_strdup(type);
    soup_message_add_flags(ex->message, SOUP_MESSAGE_NO_REDIRECT); /* the session follows */
    soup_message_disable_feature(ex->message, SOUP_TYPE_AUTH_MANAGER);
    /* On a kept connection that turns out closed, libsoup sends the request again by itself. What
     * changes something must not be sent twice unknown to the session. */
    if (strcmp(want->method.data, "GET") != 0 && strcmp(want->method.data, "HEAD") != 0)
        soup_message_add_flags(ex->message, SOUP_MESSAGE_NEW_CONNECTION);
    if (want->body_kind == OCIREPO_BODY_KIND_SOURCE) {
        Part *part = ex->part = g_object_new(PART_TYPE, NULL);
        part->ex = ex;
        part->start = part->at = want->source_offset;
        part->end = want->source_offset + want->source_len;
        ex->source = want->source;
        soup_message_set_request_body(ex->message, content_type, G_INPUT_STREAM(part),
                                      (gssize)want->source_len);
        g_signal_connect(ex->message, "wrote-body", G_CALLBACK(on_wrote_body), ex);
    } else if (want->body_kind == OCIREPO_BODY_KIND_BYTES) {
        GBytes *bytes = g_bytes_new(want->body.data, want->body.len);
        soup_message_set_request_body_from_bytes(ex->message, content_type, bytes);
        g_bytes_unref(bytes);
    } else if (strcmp(want->method.data, "GET") != 0 && strcmp(want->method.data, "HEAD") != 0) {
        soup_message_headers_set_content_length(fields, 0);
    }
    g_free(content_type);
    soup_session_send_async(host->soup, ex->message, G_PRIORITY_DEFAULT, ex->cancellable, on_head,
                            ex);
}

static void abort_exchange(oci_host *host, uint64_t id) {
    exchange *ex = g_hash_table_lookup(host->exchanges, &id);
    if (ex) {
        ex->over = true;
        g_cancellable_cancel(ex->cancellable); /* its callback comes, and frees it */
    }
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

static void done(oci_host *host, uint64_t operation) {
    GHashTableIter iter;
    void *value;
    g_hash_table_iter_init(&iter, host->exchanges);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        exchange *ex = value;
        if (ex->file && ex->file->operation == operation)
            ex->file = NULL; /* the rest of a body that nobody wants */
    }
    host->callbacks.done(host->callbacks.user, operation);
    file_remove(&host->files, operation);
}

/* Gives up bodies that stall; returns when the next may. The session watches over heads. */
static uint64_t stalled(oci_host *host) {
    uint64_t next = OCIREPO_NOTHING, at = now().monotonic_ms;
    GHashTableIter iter;
    void *value;
    g_hash_table_iter_init(&iter, host->exchanges);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        exchange *ex = value;
        uint64_t until = (uint64_t)ex->active_us / 1000 + host->stall_ms;
        if (ex->over || ex->cause || (!ex->has_head && !ex->source))
            continue;
        if (until <= at) {
            ex->cause = OCIREPO_CAUSE_TIMEOUT;
            g_cancellable_cancel(ex->cancellable);
        } else if (until < next) {
            next = until;
        }
    }
    return next;
}

static gboolean drain(void *user);

static gboolean on_timer(void *user) {
    oci_host *host = user;
    g_clear_pointer(&host->timer, g_source_unref);
    ocirepo_session_timeout(host->session, now());
    wake(host);
    return G_SOURCE_REMOVE;
}

static void set_timer(oci_host *host, uint64_t until) {
    if (host->timer) {
        g_source_destroy(host->timer);
        g_clear_pointer(&host->timer, g_source_unref);
    }
    if (until == OCIREPO_NOTHING)
        return;
    uint64_t at = now().monotonic_ms;
    uint64_t wait = until > at ? until - at : 0;
    host->timer = g_timeout_source_new((guint)MIN(wait, 60000));
    g_source_set_callback(host->timer, on_timer, host, NULL);
    g_source_attach(host->timer, host->context);
}

static void wake(oci_host *host) {
    if (host->idle)
        return;
    host->idle = g_idle_source_new();
    g_source_set_priority(host->idle, G_PRIORITY_DEFAULT);
    g_source_set_callback(host->idle, drain, host, NULL);
    g_source_attach(host->idle, host->context);
}

/* Takes everything the session has to say, as is due after every input. */
static gboolean drain(void *user) {
    oci_host *host = user;
    ocirepo_output output = {.size = sizeof output};
    g_clear_pointer(&host->idle, g_source_unref);
    while (ocirepo_session_poll(host->session, now(), &output) == OCIREPO_STATUS_OK) {
        switch (output.kind) {
        case OCIREPO_OUTPUT_KIND_REQUEST:
            request(host, &output.u.request);
            break;
        case OCIREPO_OUTPUT_KIND_ABORT:
            abort_exchange(host, output.u.exchange);
            break;
        case OCIREPO_OUTPUT_KIND_CREDENTIALS:
            credentials(host, output.u.registry);
            break;
        case OCIREPO_OUTPUT_KIND_EVENT:
            if (host->callbacks.event)
                host->callbacks.event(host->callbacks.user, &output.u.event);
            break;
        case OCIREPO_OUTPUT_KIND_DONE:
            done(host, output.u.operation);
            break;
        default: {
            uint64_t stall = stalled(host);
            set_timer(host, MIN(stall, output.u.wait));
            if (ocirepo_session_is_idle(host->session) && g_hash_table_size(host->exchanges) == 0)
                g_main_loop_quit(host->loop);
            return G_SOURCE_REMOVE;
        }
        }
    }
    g_error("libocirepo: %s", ocirepo_session_message(host->session).data);
}

void oci_host_run(oci_host *host) {
    wake(host);
    g_main_loop_run(host->loop);
}

oci_host *oci_host_new(ocirepo_session *session, const oci_host_callbacks *callbacks,
                       const char *ca_file, uint64_t stall_ms) {
    oci_host *host = g_new0(oci_host, 1);
    GError *error = NULL;
    host->session = session;
    host->callbacks = *callbacks;
    host->stall_ms = stall_ms;
    host->context = g_main_context_ref(g_main_context_default());
    host->loop = g_main_loop_new(host->context, FALSE);
    host->exchanges =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)unref_exchange);
    /* How many requests there are at a time is the session's to say. */
    host->soup = soup_session_new_with_options("max-conns", 1000, "max-conns-per-host", 1000,
                                               "user-agent", "oci-soup/0.1", "timeout", 0u, NULL);
    soup_session_remove_feature_by_type(host->soup, SOUP_TYPE_CONTENT_DECODER);
    if (ca_file) {
        GTlsDatabase *database = g_tls_file_database_new(ca_file, &error);
        if (!database)
            g_error("%s: %s", ca_file, error->message);
        soup_session_set_tls_database(host->soup, database);
        g_object_unref(database);
    }
    return host;
}

void oci_host_file(oci_host *host, uint64_t operation, int fd, uint64_t cancel_at) {
    file_add(&host->files, operation, fd, cancel_at);
}

void oci_host_free(oci_host *host) {
    soup_session_abort(host->soup);
    g_object_unref(host->soup);
    set_timer(host, OCIREPO_NOTHING);
    if (host->idle) {
        g_source_destroy(host->idle);
        g_source_unref(host->idle);
    }
    while (host->files)
        file_remove(&host->files, host->files->operation);
    g_hash_table_unref(host->exchanges);
    g_main_loop_unref(host->loop);
    g_main_context_unref(host->context);
    g_free(host);
}
