/*
 * Downloads blobs from oci:// registries, many at once in one thread, shaped as librepo's
 * downloads are: a list of targets, each with a place and a file, and one call for all of them.
 *
 *     oci-download [-j N] [-c CA.pem] oci://HOST/NAME@sha256:... FILE [oci://... FILE]...
 *
 * or with a list on standard input, a place, its size and a file in each line:
 *
 *     oci-download -j 32 - < LIST
 *
 * What is in a file already is kept where it is right. Name and password are taken from
 * OCI_USERNAME and OCI_PASSWORD.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

typedef struct target {
    struct target *next;
    ocirepo_reference *place;
    char *path, *partial;
    uint64_t size, operation;
    int fd;
} target;

/* Only what is under way has a file open, so that a list may be longer than a process may have
 * files. */
typedef struct downloader {
    ocirepo_session *session;
    oci_host *host;
    target *waiting, **last;
    target *running;
    uint32_t places; /* how many more may run */
    unsigned verified, failed;
} downloader;

static void add(downloader *all, const char *place, uint64_t size, const char *path) {
    char message[200];
    target *target = calloc(1, sizeof *target);
    if (!target || asprintf(&target->partial, "%s.part", path) < 0)
        abort();
    target->path = strdup(path);
    target->size = size;
    if (ocirepo_reference_parse(ocirepo_text(place), &target->place, message, sizeof message) !=
        OCIREPO_STATUS_OK) {
        fprintf(stderr, "%s: %s\n", place, message);
        exit(2);
    }
    *all->last = target;
    all->last = &target->next;
}

/* A sink that was fed what an earlier run left, so that only the rest is fetched. */
static ocirepo_sink *left_by_earlier_run(const target *target, ocirepo_str digest) {
    static uint8_t chunk[64 << 10];
    ocirepo_sink *sink = NULL;
    ocirepo_keep keep;
    ssize_t got;
    ocirepo_sink_new(digest, target->size, &sink);
    while (sink && (got = read(target->fd, chunk, sizeof chunk)) > 0)
        if (ocirepo_sink_chunk(sink, ocirepo_data(chunk, (size_t)got), &keep) !=
            OCIREPO_STATUS_OK) {
            ocirepo_sink_free(sink);
            return NULL; /* more than the blob has */
        }
    return sink;
}

static void start(downloader *all, target *target) {
    ocirepo_reference_parts parts = {.size = sizeof parts};
    ocirepo_reference_get(target->place, &parts);
    target->fd = open(target->partial, O_RDWR | O_CREAT, 0644);
    if (target->fd < 0) {
        perror(target->partial);
        exit(2);
    }
    if (ocirepo_session_pull_blob(all->session, target->place, parts.digest, target->size,
                                  left_by_earlier_run(target, parts.digest),
                                  &target->operation) != OCIREPO_STATUS_OK) {
        fprintf(stderr, "%s: %s\n", parts.location.data,
                ocirepo_session_message(all->session).data);
        exit(2);
    }
    oci_host_file(all->host, target->operation, target->fd, OCIREPO_NOTHING);
}

static void start_waiting(downloader *all) {
    for (; all->places > 0 && all->waiting; all->places--) {
        target *target = all->waiting;
        all->waiting = target->next;
        target->next = all->running;
        all->running = target;
        start(all, target);
    }
}

/* Only now the bytes in the file count, so that only now it gets its name. */
static bool finish(downloader *all, const target *target) {
    ocirepo_result result = {.size = sizeof result};
    if (ocirepo_session_take(all->session, target->operation, &result) != OCIREPO_STATUS_OK) {
        fprintf(stderr, "error: %s\n", result.u.error.message.data);
        return false;
    }
    if (ftruncate(target->fd, (off_t)result.u.blob.size) != 0 ||
        rename(target->partial, target->path) != 0) {
        perror(target->path);
        return false;
    }
    return true;
}

static void done(void *user, uint64_t operation) {
    downloader *all = user;
    target **at = &all->running;
    while ((*at)->operation != operation)
        at = &(*at)->next;
    target *target = *at;
    *at = target->next;
    if (finish(all, target))
        all->verified++;
    else
        all->failed++;
    close(target->fd);
    ocirepo_reference_free(target->place);
    free(target->path);
    free(target->partial);
    free(target);
    all->places++;
    start_waiting(all);
}

static void event(void *user, const ocirepo_event *event) {
    (void)user;
    if (event->kind == OCIREPO_EVENT_KIND_WARNING)
        fprintf(stderr, "warning of %s: %s\n", event->registry.name.data, event->text.data);
    else if (event->kind == OCIREPO_EVENT_KIND_RETRY)
        fprintf(stderr, "trying again: %s\n", event->text.data);
}

static bool login(void *user, const char *registry, const char **name, const char **password) {
    (void)user;
    (void)registry;
    *name = getenv("OCI_USERNAME");
    *password = getenv("OCI_PASSWORD");
    return *name && *password;
}

int main(int argc, char **argv) {
    downloader all = {.last = &all.waiting};
    ocirepo_config config = {.size = sizeof config};
    const oci_host_callbacks callbacks = {&all, done, event, login};
    const char *ca_file = NULL;
    int option;
    ocirepo_config_init(&config);
    while ((option = getopt(argc, argv, "j:c:")) != -1) {
        if (option == 'j')
            config.concurrency = (uint32_t)atoi(optarg);
        else if (option == 'c')
            ca_file = optarg;
        else
            return 2;
    }
    if (optind + 1 == argc && strcmp(argv[optind], "-") == 0) {
        char place[4096], path[4096];
        unsigned long long size;
        while (scanf("%4095s %llu %4095s", place, &size, path) == 3)
            add(&all, place, size, path);
    } else {
        for (int i = optind; i + 1 < argc; i += 2)
            add(&all, argv[i], OCIREPO_NOTHING, argv[i + 1]);
    }
    if (ocirepo_session_new(&config, (uint64_t)getpid(), &all.session) != OCIREPO_STATUS_OK)
        return 2;
    all.host = oci_host_new(all.session, &callbacks, ca_file, 30000);
    all.places = config.concurrency > 0 ? config.concurrency : 1;
    start_waiting(&all);
    oci_host_run(all.host);
    oci_host_free(all.host);
    ocirepo_session_free(all.session);
    fprintf(stderr, "%u verified, %u failed\n", all.verified, all.failed);
    return all.failed ? 1 : 0;
}
