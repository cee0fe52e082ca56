/*
 * Lists the packages of an RPM repository in a registry:
 *
 *     oci-packages [-c CA.pem] oci://HOST/NAME:TAG
 *
 * or, with -l, where they are, as oci-download reads it:
 *
 *     oci-packages -l oci://HOST/NAME:TAG | oci-download -j 32 -
 *
 * Name and password are taken from OCI_USERNAME and OCI_PASSWORD.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

typedef struct package {
    struct package *next;
    char *nevra, *path;
} package;

/* Results are the repository's to take. */
static void done(void *user, uint64_t operation) {
    (void)user;
    (void)operation;
}

static bool login(void *user, const char *registry, const char **name, const char **password) {
    (void)user;
    (void)registry;
    *name = getenv("OCI_USERNAME");
    *password = getenv("OCI_PASSWORD");
    return *name && *password;
}

/* Performs whatever the repository waits for. */
static bool perform(ocirepo_repository *repository, ocirepo_session *session, oci_host *host) {
    ocirepo_result failure = {.size = sizeof failure};
    uint64_t operation;
    ocirepo_status status;
    while ((status = ocirepo_repository_step(repository, session, &operation, &failure)) ==
           OCIREPO_STATUS_NONE)
        oci_host_run(host);
    if (status != OCIREPO_STATUS_OK)
        fprintf(stderr, "error: %s\n",
                status == OCIREPO_STATUS_FAILED ? failure.u.error.message.data
                                                : ocirepo_repository_message(repository).data);
    return status == OCIREPO_STATUS_OK;
}

/* The packages in the order of the repository. Before the last was read, none of them counts. */
static bool read_all(ocirepo_repository *repository, package **packages) {
    ocirepo_package found = {.size = sizeof found};
    ocirepo_status status;
    while ((status = ocirepo_repository_next_package(repository, &found)) == OCIREPO_STATUS_OK) {
        package *package = calloc(1, sizeof *package);
        if (!package)
            abort();
        package->nevra = strdup(found.nevra.data);
        package->path = strdup(found.path.data);
        *packages = package;
        packages = &package->next;
    }
    if (status != OCIREPO_STATUS_NONE)
        fprintf(stderr, "error: %s\n", ocirepo_repository_message(repository).data);
    return status == OCIREPO_STATUS_NONE;
}

/* A line for oci-download: the blob, its size, and the name of the file. */
static bool print_place(ocirepo_repository *repository, const package *package) {
    ocirepo_location at = {.size = sizeof at};
    const char *slash = strrchr(package->path, '/');
    ocirepo_status status =
        ocirepo_repository_locate(repository, ocirepo_text(package->path), &at);
    if (status != OCIREPO_STATUS_OK || at.kind != OCIREPO_LOCATION_KIND_BLOB) {
        fprintf(stderr, "error: no blob is known of %s: %s\n", package->path,
                ocirepo_repository_message(repository).data);
        return false;
    }
    printf("%s %llu %s\n", at.place.data, (unsigned long long)at.blob_size,
           slash ? slash + 1 : package->path);
    return true;
}

int main(int argc, char **argv) {
    const oci_host_callbacks callbacks = {NULL, done, NULL, login};
    ocirepo_config config = {.size = sizeof config};
    ocirepo_reference *reference;
    ocirepo_repository *repository = NULL;
    ocirepo_session *session = NULL;
    package *packages = NULL;
    const char *ca_file = NULL;
    bool places = false, ok;
    char message[200];
    int option;
    while ((option = getopt(argc, argv, "lc:")) != -1) {
        if (option == 'l')
            places = true;
        else if (option == 'c')
            ca_file = optarg;
        else
            return 2;
    }
    if (optind + 1 != argc)
        return 2;
    if (ocirepo_reference_parse(ocirepo_text(argv[optind]), &reference, message, sizeof message) !=
            OCIREPO_STATUS_OK ||
        ocirepo_repository_new(reference, NULL, &repository, message, sizeof message) !=
            OCIREPO_STATUS_OK) {
        fprintf(stderr, "%s: %s\n", argv[optind], message);
        return 2;
    }
    ocirepo_config_init(&config);
    if (ocirepo_session_new(&config, (uint64_t)getpid(), &session) != OCIREPO_STATUS_OK)
        return 2;
    oci_host *host = oci_host_new(session, &callbacks, ca_file, 30000);
    ok = perform(repository, session, host) &&
         ocirepo_repository_read_packages(repository) == OCIREPO_STATUS_OK &&
         perform(repository, session, host) && read_all(repository, &packages);
    while (packages) {
        package *package = packages;
        packages = package->next;
        if (ok && places)
            ok = print_place(repository, package);
        else if (ok)
            puts(package->nevra);
        free(package->nevra);
        free(package->path);
        free(package);
    }
    oci_host_free(host);
    ocirepo_repository_free(repository);
    ocirepo_session_free(session);
    ocirepo_reference_free(reference);
    return ok ? 0 : 1;
}
