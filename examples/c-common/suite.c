/*
 * Speaks the line protocol of tests/hosts/README.md for a C host: reads operations from standard
 * input until `run`, performs them in one session, and writes what came of each.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

enum { MOST_WORDS = 16, MOST_LOGINS = 16, MOST_TRUSTED = 16 };

/* One operation, from its line to its answer. */
typedef struct asked {
    struct asked *next;
    char *id, *what, *file;
    ocirepo_reference *at, *mount;
    uint64_t operation;
    int fd;
} asked;

typedef struct batch {
    ocirepo_session *session;
    oci_host *host;
    ocirepo_config config;
    uint64_t stall_ms;
    char *ca_file;
    char *logins[MOST_LOGINS][3];
    size_t logins_len;
    ocirepo_trusted_realm trusted[MOST_TRUSTED];
    asked *asked;
} batch;

static void die(const char *why, const char *what) {
    fprintf(stderr, "%s: %s\n", why, what);
    exit(1);
}

static char *copy(const char *text) {
    char *made = strdup(text);
    if (!made)
        abort();
    return made;
}

/* ---- answers ---- */

/* Text on one line. */
static void print_line(const char *begin, ocirepo_str text) {
    fputs(begin, stdout);
    for (size_t i = 0; i < text.len; i++)
        putchar(text.data[i] == '\n' || text.data[i] == '\r' ? ' ' : text.data[i]);
    putchar('\n');
}

static void print_names(const char *key, ocirepo_names names) {
    printf(" %s=", key);
    for (size_t i = 0; i < names.len; i++)
        printf("%s%s", i ? "," : "", names.names[i].data);
}

static void write_file(const char *path, ocirepo_bytes bytes) {
    FILE *file = fopen(path, "w");
    if (!file || fwrite(bytes.data, 1, bytes.len, file) != bytes.len || fclose(file) != 0)
        die("cannot write", path);
}

static void print_result(const asked *of, const ocirepo_result *result) {
    printf("%s ok", of->id);
    switch (result->kind) {
    case OCIREPO_RESULT_KIND_DESCRIPTOR:
        printf(" digest=%s size=%llu", result->u.descriptor.digest.data,
               (unsigned long long)result->u.descriptor.size);
        if (strcmp(of->what, "resolve") == 0)
            printf(" type=%s", result->u.descriptor.media_type.data);
        break;
    case OCIREPO_RESULT_KIND_MANIFEST:
        write_file(of->file, result->u.manifest.raw);
        printf(" digest=%s size=%zu type=%s", result->u.manifest.digest.data,
               result->u.manifest.raw.len, result->u.manifest.media_type.data);
        break;
    case OCIREPO_RESULT_KIND_BLOB:
        printf(" digest=%s size=%llu", result->u.blob.digest.data,
               (unsigned long long)result->u.blob.size);
        break;
    case OCIREPO_RESULT_KIND_RANGE:
        write_file(of->file, result->u.range.bytes);
        printf(" size=%zu", result->u.range.bytes.len);
        break;
    case OCIREPO_RESULT_KIND_EXISTS:
        printf(" there=%s", result->u.exists.found ? "yes" : "no");
        break;
    case OCIREPO_RESULT_KIND_PUSHED:
        printf(" digest=%s size=%llu uploaded=%s", result->u.pushed.digest.data,
               (unsigned long long)result->u.pushed.size, result->u.pushed.uploaded ? "yes" : "no");
        break;
    case OCIREPO_RESULT_KIND_NAMES:
        print_names(of->what, result->u.names);
        break;
    case OCIREPO_RESULT_KIND_DESCRIPTORS:
        printf(" digests=");
        for (size_t i = 0; i < result->u.descriptors.len; i++)
            printf("%s%s", i ? "," : "", result->u.descriptors.descriptors[i].digest.data);
        break;
    default:
        break;
    }
    putchar('\n');
}

static void done(void *user, uint64_t operation) {
    batch *batch = user;
    ocirepo_result result = {.size = sizeof result};
    asked **at = &batch->asked, *of;
    while ((*at)->operation != operation)
        at = &(*at)->next;
    of = *at;
    *at = of->next;
    if (ocirepo_session_take(batch->session, operation, &result) == OCIREPO_STATUS_OK) {
        print_result(of, &result);
    } else {
        printf("%s error %s", of->id, ocirepo_error_kind_name(result.u.error.kind));
        print_line(" ", result.u.error.message);
    }
    fflush(stdout);
    if (of->fd >= 0)
        close(of->fd);
    ocirepo_reference_free(of->at);
    ocirepo_reference_free(of->mount);
    free(of->id);
    free(of->what);
    free(of->file);
    free(of);
}

static void event(void *user, const ocirepo_event *event) {
    (void)user;
    if (event->kind == OCIREPO_EVENT_KIND_WARNING)
        print_line("event warning ", event->text);
    else if (event->kind == OCIREPO_EVENT_KIND_REDIRECT)
        print_line("event redirect ", event->text);
}

static bool login(void *user, const char *registry, const char **name, const char **password) {
    const batch *batch = user;
    for (size_t i = 0; i < batch->logins_len; i++)
        if (strcmp(batch->logins[i][0], registry) == 0) {
            *name = batch->logins[i][1];
            *password = batch->logins[i][2];
            return true;
        }
    return false;
}

/* ---- operations ---- */

static ocirepo_reference *reference(const char *text) {
    ocirepo_reference *parsed;
    char message[200];
    if (ocirepo_reference_parse(ocirepo_text(text), &parsed, message, sizeof message) !=
        OCIREPO_STATUS_OK)
        die(message, text);
    return parsed;
}

static uint64_t number(const char *text) {
    return strcmp(text, "-") == 0 ? OCIREPO_NOTHING : strtoull(text, NULL, 10);
}

/* The value of an optional word `key=value`, or NULL. */
static const char *option(char **words, size_t len, const char *key) {
    for (size_t i = 0; i < len; i++)
        if (strncmp(words[i], key, strlen(key)) == 0 && words[i][strlen(key)] == '=')
            return words[i] + strlen(key) + 1;
    return NULL;
}

static bool flag(char **words, size_t len, const char *word) {
    for (size_t i = 0; i < len; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

/* What is in the file already goes through a sink, so that only the rest is fetched. */
static ocirepo_sink *resume(int fd, ocirepo_str digest, uint64_t size) {
    static uint8_t chunk[64 << 10];
    ocirepo_sink *sink;
    ocirepo_keep keep;
    ssize_t got;
    if (ocirepo_sink_new(digest, size, &sink) != OCIREPO_STATUS_OK)
        die("no sink for", digest.data);
    while ((got = read(fd, chunk, sizeof chunk)) > 0)
        if (ocirepo_sink_chunk(sink, ocirepo_data(chunk, (size_t)got), &keep) != OCIREPO_STATUS_OK) {
            /* More than the blob has: it is none of it, and nothing of it may stay. */
            ocirepo_sink_free(sink);
            if (ftruncate(fd, 0) != 0)
                die("cannot empty the file of", digest.data);
            return NULL;
        }
    return sink;
}

static ocirepo_status pull_blob(batch *batch, asked *of, ocirepo_str digest, char **words) {
    uint64_t size = number(words[0]);
    of->fd = open(words[1], O_RDWR | O_CREAT, 0644);
    if (of->fd < 0)
        die("cannot open", words[1]);
    return ocirepo_session_pull_blob(batch->session, of->at, digest, size,
                                     resume(of->fd, digest, size), &of->operation);
}

static ocirepo_status push_blob(batch *batch, asked *of, char **words, size_t len) {
    ocirepo_upload upload = {.size = sizeof upload};
    ocirepo_source *source;
    ocirepo_reference_parts parts = {.size = sizeof parts};
    const char *digest = option(words, len, "digest"), *chunk = option(words, len, "chunk"),
               *mount = option(words, len, "mount");
    struct stat stat;
    of->fd = open(words[0], O_RDONLY);
    if (of->fd < 0 || fstat(of->fd, &stat) != 0)
        die("cannot open", words[0]);
    if (ocirepo_source_new((uint64_t)stat.st_size, ocirepo_text(digest), &source) !=
        OCIREPO_STATUS_OK)
        die("no source for", words[0]);
    if (flag(words, len, "check"))
        upload.flags |= OCIREPO_UPLOAD_CHECK;
    if (flag(words, len, "single"))
        upload.flags |= OCIREPO_UPLOAD_SINGLE;
    if (chunk)
        upload.chunk = number(chunk);
    if (mount) {
        char *text;
        ocirepo_reference_get(of->at, &parts);
        if (asprintf(&text, "oci+%s://%s/%s", parts.scheme.data, parts.registry.data, mount) < 0)
            abort();
        of->mount = reference(text);
        upload.mount_from = of->mount;
        free(text);
    }
    return ocirepo_session_push_blob(batch->session, of->at, source, &upload, &of->operation);
}

static ocirepo_status push_manifest(batch *batch, asked *of, const char *path) {
    static uint8_t raw[8 << 20];
    FILE *file = fopen(path, "r");
    if (!file)
        die("cannot open", path);
    size_t len = fread(raw, 1, sizeof raw, file);
    fclose(file);
    return ocirepo_session_push_manifest(batch->session, of->at, ocirepo_text(NULL),
                                         ocirepo_text(NULL), ocirepo_data(raw, len),
                                         &of->operation);
}

static void begin(batch *batch, char **words, size_t len) {
    asked *of = calloc(1, sizeof *of);
    ocirepo_session *session = batch->session;
    ocirepo_reference_parts parts = {.size = sizeof parts};
    ocirepo_str none = ocirepo_text(NULL);
    ocirepo_status status;
    if (!of || len < 3)
        die("too few words in the line of", len ? words[0] : "");
    of->id = copy(words[0]);
    of->what = copy(words[1]);
    of->fd = -1;
    of->at = reference(words[2]);
    of->next = batch->asked;
    batch->asked = of;
    ocirepo_reference_get(of->at, &parts);
    const char *what = of->what, *cancel = option(words, len, "cancel"),
               *type = option(words, len, "type");
    words += 3;
    len -= 3;
    if (strcmp(what, "ping") == 0) {
        status = ocirepo_session_ping(session, of->at, &of->operation);
    } else if (strcmp(what, "resolve") == 0) {
        status = ocirepo_session_resolve(session, of->at, none, &of->operation);
    } else if (strcmp(what, "pull-manifest") == 0 && len >= 1) {
        of->file = copy(words[0]);
        status = ocirepo_session_pull_manifest(session, of->at, none, &of->operation);
    } else if (strcmp(what, "pull-blob") == 0 && len >= 2) {
        status = pull_blob(batch, of, parts.digest, words);
    } else if (strcmp(what, "pull-range") == 0 && len >= 3) {
        uint64_t first = number(words[0]), end = number(words[1]);
        of->file = copy(words[2]);
        status = ocirepo_session_pull_range(session, of->at, parts.digest, first,
                                            end > first ? end - first : 0, &of->operation);
    } else if (strcmp(what, "exists") == 0) {
        status = ocirepo_session_blob_exists(session, of->at, parts.digest, &of->operation);
    } else if (strcmp(what, "push-blob") == 0 && len >= 1) {
        status = push_blob(batch, of, words, len);
    } else if (strcmp(what, "push-manifest") == 0 && len >= 1) {
        status = push_manifest(batch, of, words[0]);
    } else if (strcmp(what, "tags") == 0) {
        status = ocirepo_session_tags(session, of->at, &of->operation);
    } else if (strcmp(what, "repositories") == 0) {
        status = ocirepo_session_repositories(session, parts.scheme, parts.registry,
                                              &of->operation);
    } else if (strcmp(what, "referrers") == 0) {
        status = ocirepo_session_referrers(session, of->at, parts.digest, ocirepo_text(type),
                                           &of->operation);
    } else if (strcmp(what, "delete-manifest") == 0) {
        status = ocirepo_session_delete_manifest(session, of->at, none, &of->operation);
    } else if (strcmp(what, "delete-blob") == 0) {
        status = ocirepo_session_delete_blob(session, of->at, parts.digest, &of->operation);
    } else {
        die("no such operation", what);
        return;
    }
    if (status != OCIREPO_STATUS_OK)
        die(what, ocirepo_session_message(session).data);
    if (of->fd >= 0)
        oci_host_file(batch->host, of->operation, of->fd,
                      cancel ? number(cancel) : OCIREPO_NOTHING);
}

/* ---- settings ---- */

static void set(batch *batch, const char *name, const char *value) {
    ocirepo_config *config = &batch->config;
    uint64_t n = strtoull(value, NULL, 10);
    if (strcmp(name, "concurrency") == 0)
        config->concurrency = (uint32_t)n;
    else if (strcmp(name, "retries") == 0)
        config->retries = (uint32_t)n;
    else if (strcmp(name, "first-wait-ms") == 0)
        config->first_wait_ms = n;
    else if (strcmp(name, "longest-wait-ms") == 0)
        config->longest_wait_ms = n;
    else if (strcmp(name, "longest-retry-after-ms") == 0)
        config->longest_retry_after_ms = n;
    else if (strcmp(name, "head-timeout-ms") == 0)
        config->head_timeout_ms = n;
    else if (strcmp(name, "manifest-limit") == 0)
        config->manifest_limit = n;
    else if (strcmp(name, "stall-ms") == 0)
        batch->stall_ms = n;
    else if (strcmp(name, "ca") == 0) {
        free(batch->ca_file);
        batch->ca_file = copy(value);
    } else
        die("no such setting", name);
}

static void clear(batch *batch) {
    if (batch->host)
        oci_host_free(batch->host);
    ocirepo_session_free(batch->session);
    for (size_t i = 0; i < batch->logins_len; i++)
        for (size_t j = 0; j < 3; j++)
            free(batch->logins[i][j]);
    for (size_t i = 0; i < batch->config.trusted_realms_len; i++) {
        free((char *)batch->trusted[i].registry.data);
        free((char *)batch->trusted[i].realm.data);
    }
    free(batch->ca_file);
    memset(batch, 0, sizeof *batch);
    batch->config.size = sizeof batch->config;
    ocirepo_config_init(&batch->config);
    batch->config.trusted_realms = batch->trusted;
    batch->stall_ms = 30000;
}

/* With the first operation the settings are complete. */
static void open_session(batch *batch) {
    const oci_host_callbacks callbacks = {batch, done, event, login};
    if (batch->session)
        return;
    if (ocirepo_session_new(&batch->config, (uint64_t)getpid(), &batch->session) !=
        OCIREPO_STATUS_OK)
        die("no session", "the settings are refused");
    batch->host = oci_host_new(batch->session, &callbacks, batch->ca_file, batch->stall_ms);
}

int main(void) {
    batch batch = {0};
    char *line = NULL, *words[MOST_WORDS];
    size_t room = 0;
    clear(&batch);
    printf("host %s\n", oci_host_name);
    fflush(stdout);
    while (getline(&line, &room, stdin) > 0) {
        size_t len = 0;
        char *rest = line, *word;
        while (len < MOST_WORDS && (word = strsep(&rest, " \n")))
            if (*word)
                words[len++] = word;
        if (len == 0) {
            continue;
        } else if (strcmp(words[0], "set") == 0 && len == 3) {
            set(&batch, words[1], words[2]);
        } else if (strcmp(words[0], "login") == 0 && len == 4 && batch.logins_len < MOST_LOGINS) {
            for (size_t i = 0; i < 3; i++)
                batch.logins[batch.logins_len][i] = copy(words[i + 1]);
            batch.logins_len++;
        } else if (strcmp(words[0], "identity") == 0 && len == 3 &&
                   batch.logins_len < MOST_LOGINS) {
            batch.logins[batch.logins_len][0] = copy(words[1]);
            batch.logins[batch.logins_len][1] = NULL;
            batch.logins[batch.logins_len][2] = copy(words[2]);
            batch.logins_len++;
        } else if (strcmp(words[0], "trust") == 0 && len == 3 &&
                   batch.config.trusted_realms_len < MOST_TRUSTED) {
            batch.trusted[batch.config.trusted_realms_len++] = (ocirepo_trusted_realm){
                ocirepo_text(copy(words[1])), ocirepo_text(copy(words[2]))};
        } else if (strcmp(words[0], "run") == 0) {
            open_session(&batch);
            oci_host_run(batch.host);
            printf("end\n");
            fflush(stdout);
            clear(&batch);
        } else {
            open_session(&batch);
            begin(&batch, words, len);
        }
    }
    clear(&batch);
    free(line);
    return 0;
}
