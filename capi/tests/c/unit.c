/*
 * What C programs rely on, seen from C and without a network. Prints TAP, and a line that sums it
 * up for `cargo xtask test`.
 *
 *     unit [CYCLES]      how many sessions are begun, driven at random and freed; 10,000, and with
 *                        fewer their memory is not looked at
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ocirepo.h>

static unsigned ran, failed;

static void check(bool good, const char *what, int line) {
    ran++;
    failed += !good;
    printf("%s %u - %s (line %d)\n", good ? "ok" : "not ok", ran, what, line);
}
#define CHECK(condition) check(condition, #condition, __LINE__)

#define OK OCIREPO_STATUS_OK
#define DIGEST "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
static const char CONTENT[] = "hello world"; /* what DIGEST is of */
static const ocirepo_now NOW = {1000, 1700000000};

static bool same(ocirepo_str text, const char *expected) {
    return text.len == strlen(expected) && strcmp(text.data, expected) == 0;
}

static ocirepo_reference *reference(const char *text) {
    ocirepo_reference *made = NULL;
    ocirepo_reference_parse(ocirepo_text(text), &made, NULL, 0);
    return made;
}

static ocirepo_session *session(void) {
    ocirepo_session *made = NULL;
    ocirepo_session_new(NULL, 42, &made);
    return made;
}

/* Polls for one kind of output, past events; the session says nothing else. */
static bool next(ocirepo_session *session, uint32_t kind, ocirepo_output *output) {
    do {
        output->size = sizeof *output;
        if (ocirepo_session_poll(session, NOW, output) != OK)
            return false;
    } while (output->kind == OCIREPO_OUTPUT_KIND_EVENT && kind != OCIREPO_OUTPUT_KIND_EVENT);
    return output->kind == kind;
}

static uint32_t head(ocirepo_session *session, uint64_t exchange, uint32_t status,
                     const ocirepo_pair *fields, size_t len, ocirepo_sink **sink) {
    ocirepo_head head = {.size = sizeof head, .status = status, .headers = fields, .headers_len = len};
    uint32_t destination = 99;
    ocirepo_session_head(session, NOW, exchange, &head, &destination, sink);
    return destination;
}

static void references(void) {
    ocirepo_reference_parts parts = {.size = sizeof parts};
    ocirepo_reference *at = reference("oci://ghcr.io/me/repo:el9");
    char message[40];
    CHECK(ocirepo_reference_get(at, &parts) == OK);
    CHECK(same(parts.scheme, "https") && same(parts.registry, "ghcr.io"));
    CHECK(same(parts.repository, "me/repo") && same(parts.tag, "el9"));
    CHECK(same(parts.digest, "") && same(parts.location, "oci://ghcr.io/me/repo:el9"));
    ocirepo_reference_free(at);
    at = NULL;
    CHECK(ocirepo_reference_parse(ocirepo_text("oci://ghcr.io/UPPER"), &at, message,
                                  sizeof message) == OCIREPO_STATUS_INVALID);
    CHECK(at == NULL && strlen(message) > 0 && strlen(message) < sizeof message);
    CHECK(ocirepo_reference_parse(ocirepo_text("x"), NULL, NULL, 0) == OCIREPO_STATUS_INVALID);
    ocirepo_reference_free(NULL);
}

static void digests(void) {
    char text[OCIREPO_DIGEST_SIZE];
    ocirepo_bytes content = ocirepo_data(CONTENT, strlen(CONTENT));
    CHECK(ocirepo_digest_of(content, text) == OK && strcmp(text, DIGEST) == 0);
    CHECK(ocirepo_digest_verify(ocirepo_text(DIGEST), content) == OK);
    content.len--;
    CHECK(ocirepo_digest_verify(ocirepo_text(DIGEST), content) == OCIREPO_STATUS_FAILED);
    CHECK(ocirepo_digest_verify(ocirepo_text("sha256:1"), content) == OCIREPO_STATUS_INVALID);
}

/* A blob through a sink, with a challenge, a password and a broken connection on the way. */
static void blob(void) {
    ocirepo_session *host = session();
    ocirepo_reference *at = reference("oci://registry.example/me/demo");
    ocirepo_output output;
    ocirepo_result result = {.size = sizeof result};
    ocirepo_credentials login = {.size = sizeof login,
                                 .kind = OCIREPO_CREDENTIALS_KIND_BASIC,
                                 .username = ocirepo_text("me"),
                                 .secret = ocirepo_text("word")};
    const ocirepo_pair challenge = {ocirepo_text("WWW-Authenticate"), ocirepo_text("Basic realm=x")};
    const ocirepo_pair range = {ocirepo_text("Content-Range"), ocirepo_text("bytes 5-10/11")};
    ocirepo_sink *sink = NULL;
    ocirepo_keep keep;
    uint64_t pull = 0, exchange;
    bool authorized = false, ranged = false;

    CHECK(ocirepo_session_pull_blob(host, at, ocirepo_text(DIGEST), strlen(CONTENT), NULL, &pull) ==
          OK);
    CHECK(ocirepo_session_take(host, pull, &result) == OCIREPO_STATUS_NONE);
    CHECK(next(host, OCIREPO_OUTPUT_KIND_REQUEST, &output));
    CHECK(same(output.u.request.method, "GET") &&
          same(output.u.request.url, "https://registry.example/v2/me/demo/blobs/" DIGEST));
    CHECK(output.u.request.operation == pull && output.u.request.source == NULL);
    exchange = output.u.request.exchange;
    CHECK(ocirepo_session_data(host, NOW, exchange, ocirepo_data("x", 1)) == OCIREPO_STATUS_ORDER);
    CHECK(ocirepo_session_end(host, NOW, exchange, NULL) == OCIREPO_STATUS_ORDER);
    CHECK(ocirepo_session_data(host, NOW, exchange + 1, ocirepo_data("x", 1)) ==
          OCIREPO_STATUS_UNKNOWN);
    CHECK(head(host, exchange, 401, &challenge, 1, &sink) == OCIREPO_DESTINATION_COLLECT);
    CHECK(ocirepo_session_end(host, NOW, exchange, NULL) == OK);
    CHECK(ocirepo_session_end(host, NOW, exchange, NULL) == OCIREPO_STATUS_ENDED);
    CHECK(next(host, OCIREPO_OUTPUT_KIND_CREDENTIALS, &output));
    CHECK(same(output.u.registry.name, "registry.example"));
    CHECK(ocirepo_session_credentials(host, NOW, output.u.registry.scheme, output.u.registry.name,
                                      &login) == OK);
    CHECK(next(host, OCIREPO_OUTPUT_KIND_REQUEST, &output));
    for (size_t i = 0; i < output.u.request.headers_len; i++)
        authorized |= same(output.u.request.headers[i].name, "authorization") &&
                      same(output.u.request.headers[i].value, "Basic bWU6d29yZA==");
    CHECK(authorized);
    exchange = output.u.request.exchange;
    CHECK(head(host, exchange, 200, NULL, 0, &sink) == OCIREPO_DESTINATION_STREAM && sink);
    CHECK(ocirepo_sink_chunk(sink, ocirepo_data(CONTENT, 5), &keep) == OK);
    CHECK(keep.len == 5 && keep.offset == 0 && memcmp(keep.data, "hello", 5) == 0);
    CHECK(ocirepo_session_lost(host, NOW, exchange, OCIREPO_CAUSE_RESET, sink, NULL) == OK);
    CHECK(next(host, OCIREPO_OUTPUT_KIND_WAIT, &output) && output.u.wait != OCIREPO_NOTHING);
    const ocirepo_now later = {output.u.wait, NOW.unix_secs};
    CHECK(ocirepo_session_timeout(host, later) == OK);
    CHECK(next(host, OCIREPO_OUTPUT_KIND_REQUEST, &output));
    for (size_t i = 0; i < output.u.request.headers_len; i++)
        ranged |= same(output.u.request.headers[i].name, "range") &&
                  same(output.u.request.headers[i].value, "bytes=5-");
    CHECK(ranged);
    exchange = output.u.request.exchange;
    CHECK(head(host, exchange, 206, &range, 1, &sink) == OCIREPO_DESTINATION_STREAM);
    CHECK(ocirepo_sink_chunk(sink, ocirepo_data(CONTENT + 5, 6), &keep) == OK && keep.offset == 5);
    CHECK(ocirepo_sink_chunk(sink, ocirepo_data("!", 1), &keep) == OCIREPO_STATUS_STOP);
    CHECK(ocirepo_sink_is_verified(sink));
    CHECK(ocirepo_session_end(host, NOW, exchange, NULL) == OCIREPO_STATUS_INVALID);
    CHECK(strlen(ocirepo_session_message(host).data) > 0);
    ocirepo_sink_free(sink);
    ocirepo_session_lost(host, NOW, exchange, OCIREPO_CAUSE_LOCAL, NULL, NULL);
    CHECK(next(host, OCIREPO_OUTPUT_KIND_DONE, &output) && output.u.operation == pull);
    CHECK(ocirepo_session_take(host, pull, &result) == OCIREPO_STATUS_FAILED);
    CHECK(result.kind == OCIREPO_RESULT_KIND_ERROR &&
          result.u.error.kind == OCIREPO_ERROR_KIND_LOCAL && result.u.error.message.len > 0);
    CHECK(ocirepo_session_take(host, pull, &result) == OCIREPO_STATUS_ENDED);
    CHECK(ocirepo_session_take(host, pull + 1, &result) == OCIREPO_STATUS_UNKNOWN);
    CHECK(ocirepo_session_is_idle(host) && ocirepo_session_operations(host) == 0);
    ocirepo_reference_free(at);
    ocirepo_session_free(host);
}

static void manifest(void) {
    static const char RAW[] =
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
        "\"artifactType\":\"a/b\",\"config\":{\"mediaType\":\"c/d\",\"digest\":\"" DIGEST
        "\",\"size\":11},\"layers\":[{\"mediaType\":\"text/plain\",\"digest\":\"" DIGEST
        "\",\"size\":11,\"annotations\":{\"org.opencontainers.image.title\":\"hello\"}}]}";
    ocirepo_session *host = session();
    ocirepo_reference *at = reference("oci://registry.example/me/demo:el9");
    ocirepo_output output;
    ocirepo_result result = {.size = sizeof result};
    ocirepo_sink *sink;
    uint64_t pull = 0;
    CHECK(ocirepo_session_pull_manifest(host, at, ocirepo_text(NULL), &pull) == OK);
    CHECK(next(host, OCIREPO_OUTPUT_KIND_REQUEST, &output));
    CHECK(head(host, output.u.request.exchange, 200, NULL, 0, &sink) == OCIREPO_DESTINATION_COLLECT);
    for (size_t i = 0; i < strlen(RAW); i++) /* byte by byte */
        ocirepo_session_data(host, NOW, 0, ocirepo_data(RAW + i, 1));
    CHECK(ocirepo_session_end(host, NOW, 0, NULL) == OK);
    CHECK(next(host, OCIREPO_OUTPUT_KIND_DONE, &output));
    CHECK(ocirepo_session_take(host, pull, &result) == OK);
    CHECK(result.kind == OCIREPO_RESULT_KIND_MANIFEST && result.u.manifest.raw.len == strlen(RAW) &&
          memcmp(result.u.manifest.raw.data, RAW, strlen(RAW)) == 0);
    CHECK(same(result.u.manifest.artifact_type, "a/b") && result.u.manifest.layers_len == 1 &&
          result.u.manifest.children_len == 0 && result.u.manifest.subject == NULL);
    CHECK(result.u.manifest.layers[0].size == 11 &&
          same(result.u.manifest.layers[0].annotations[0].value, "hello"));
    ocirepo_reference_free(at);
    ocirepo_session_free(host);
}

/* A sink is good only for the exchange and session it came from. */
static void foreign(void) {
    ocirepo_session *one = session(), *other = session();
    ocirepo_reference *at = reference("oci://registry.example/me/demo");
    ocirepo_output output;
    ocirepo_sink *sink = NULL, *others = NULL;
    ocirepo_source *source = NULL;
    uint64_t pull;
    ocirepo_session_pull_blob(one, at, ocirepo_text(DIGEST), 11, NULL, &pull);
    ocirepo_session_pull_blob(other, at, ocirepo_text(DIGEST), 11, NULL, &pull);
    CHECK(next(one, OCIREPO_OUTPUT_KIND_REQUEST, &output));
    CHECK(next(other, OCIREPO_OUTPUT_KIND_REQUEST, &output));
    head(one, 0, 200, NULL, 0, &sink);
    head(other, 0, 200, NULL, 0, &others);
    CHECK(ocirepo_session_end(one, NOW, 0, others) == OCIREPO_STATUS_FOREIGN);
    CHECK(ocirepo_source_new(3, ocirepo_text(NULL), &source) == OK);
    CHECK(ocirepo_session_sent(one, NOW, 0, source) == OCIREPO_STATUS_FOREIGN);
    CHECK(ocirepo_session_lost(one, NOW, 0, 77, NULL, NULL) == OCIREPO_STATUS_INVALID);
    /* A sink outlives its session, and stays usable. */
    ocirepo_session_free(one);
    ocirepo_session_free(other);
    CHECK(ocirepo_sink_offset(sink) == 0);
    ocirepo_sink_free(sink);
    ocirepo_reference_free(at);
}

static void illegal(void) {
    ocirepo_session *host = session();
    ocirepo_output output = {.size = sizeof output - 8};
    ocirepo_config config = {.size = 8};
    ocirepo_session *none = host;
    CHECK(ocirepo_session_poll(NULL, NOW, &output) == OCIREPO_STATUS_INVALID);
    CHECK(ocirepo_session_poll(host, NOW, NULL) == OCIREPO_STATUS_INVALID);
    CHECK(ocirepo_session_poll(host, NOW, &output) == OCIREPO_STATUS_INVALID);
    CHECK(ocirepo_session_new(&config, 1, &none) == OCIREPO_STATUS_INVALID && none == NULL);
    CHECK(ocirepo_session_cancel(host, 5) == OCIREPO_STATUS_UNKNOWN);
    CHECK(ocirepo_session_forget(host, OCIREPO_NOTHING) == OCIREPO_STATUS_UNKNOWN);
    CHECK(ocirepo_sink_chunk(NULL, ocirepo_data("x", 1), NULL) == OCIREPO_STATUS_INVALID);
    CHECK(ocirepo_sink_offset(NULL) == OCIREPO_NOTHING && ocirepo_session_is_idle(NULL));
    ocirepo_session_free(host);
    ocirepo_session_free(NULL);
}

static long resident_kib(void) {
    long pages = 0, all;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%ld %ld", &all, &pages) != 2)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A session begun, driven a little at random, cancelled here and there, and freed in any order. */
static void cycle(unsigned *state, ocirepo_reference *at) {
    ocirepo_session *host = session();
    ocirepo_sink *sinks[8] = {NULL};
    uint64_t operations[8];
    size_t begun = 1 + rand_r(state) % 8, kept = 0;
    ocirepo_output output = {.size = sizeof output};
    ocirepo_result result = {.size = sizeof result};
    for (size_t i = 0; i < begun; i++)
        if (rand_r(state) % 2)
            ocirepo_session_pull_blob(host, at, ocirepo_text(DIGEST), 11, NULL, &operations[i]);
        else
            ocirepo_session_tags(host, at, &operations[i]);
    for (int step = 0; step < 20; step++) {
        uint64_t operation = operations[(size_t)rand_r(state) % begun];
        switch (rand_r(state) % 5) {
        case 0:
            ocirepo_session_cancel(host, operation);
            break;
        case 1:
            ocirepo_session_forget(host, operation);
            break;
        case 2:
            ocirepo_session_take(host, operation, &result);
            break;
        default:
            ocirepo_session_poll(host, NOW, &output);
            if (output.kind == OCIREPO_OUTPUT_KIND_REQUEST && kept < 8) {
                uint32_t status = rand_r(state) % 4 ? 200 : 503;
                head(host, output.u.request.exchange, status, NULL, 0, &sinks[kept]);
                kept += sinks[kept] != NULL;
            }
        }
    }
    if (rand_r(state) % 2)
        ocirepo_session_free(host), host = NULL;
    while (kept > 0)
        ocirepo_sink_free(sinks[--kept]);
    ocirepo_session_free(host);
}

static void cycles(long count) {
    unsigned state = 7;
    long before = 0;
    ocirepo_reference *at = reference("oci://registry.example/me/demo");
    for (long i = 0; i < count; i++) {
        if (i == count / 10)
            before = resident_kib();
        cycle(&state, at);
    }
    long grown = resident_kib() - before;
    printf("# %ld cycles, the last nine tenths grew by %ld KiB\n", count, grown);
    if (count >= 10000) /* with fewer, somebody watches who keeps what was freed */
        CHECK(grown < 512);
    ocirepo_reference_free(at);
}

int main(int argc, char **argv) {
    CHECK(ocirepo_version() == OCIREPO_VERSION);
    references();
    digests();
    blob();
    manifest();
    foreign();
    illegal();
    cycles(argc > 1 ? atol(argv[1]) : 10000);
    printf("1..%u\n", ran);
    printf("test result: %s. %u passed; %u failed; 0 ignored\n", failed ? "FAILED" : "ok",
           ran - failed, failed);
    return failed ? 1 : 0;
}
