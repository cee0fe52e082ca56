/*
 * What the C hosts have in common: a host performs the requests of one session until all its
 * operations have ended. curl-multi/host.c does it with libcurl, glib-soup/host.c with libsoup.
 */
#ifndef HOST_H
#define HOST_H

#include <ocirepo.h>

typedef struct oci_host oci_host;

/* What the host's user wants to know and gives. */
typedef struct oci_host_callbacks {
    void *user;
    /* An operation ended; its result is to be taken here. */
    void (*done)(void *user, uint64_t operation);
    /* Something for people; may be NULL. */
    void (*event)(void *user, const ocirepo_event *event);
    /* Fills in the name and password for a registry, or no name and an identity token, or
     * returns false to go on without. */
    bool (*login)(void *user, const char *registry, const char **name, const char **password);
} oci_host_callbacks;

/* The name of the HTTP library. */
extern const char *const oci_host_name;

/*
 * A host for a session, which stays the caller's. `ca_file` has certificates in PEM that vouch
 * for servers; with NULL they are the machine's. A body that stalls for `stall_ms` is lost.
 */
oci_host *oci_host_new(ocirepo_session *session, const oci_host_callbacks *callbacks,
                       const char *ca_file, uint64_t stall_ms);

/*
 * The file that the blob of an operation goes to or comes from, as an open descriptor, which
 * stays the caller's. The operation is cancelled when `cancel_at` bytes of it were moved, unless
 * that is OCIREPO_NOTHING.
 */
void oci_host_file(oci_host *host, uint64_t operation, int fd, uint64_t cancel_at);

/* Performs until every operation has ended. */
void oci_host_run(oci_host *host);

void oci_host_free(oci_host *host);

#endif
