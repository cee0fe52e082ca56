/* The files that blobs go to and come from, by operation. */
#ifndef FILES_H
#define FILES_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <ocirepo.h>

typedef struct blob_file {
    struct blob_file *next;
    uint64_t operation;
    uint64_t cancel_at;
    uint64_t moved;
    int fd;
} blob_file;

static inline void file_add(blob_file **files, uint64_t operation, int fd, uint64_t cancel_at) {
    blob_file *file = calloc(1, sizeof *file);
    if (!file)
        abort();
    file->operation = operation;
    file->cancel_at = cancel_at;
    file->fd = fd;
    file->next = *files;
    *files = file;
}

static inline blob_file *file_find(blob_file *files, uint64_t operation) {
    while (files && files->operation != operation)
        files = files->next;
    return files;
}

static inline void file_remove(blob_file **files, uint64_t operation) {
    for (blob_file **at = files; *at; at = &(*at)->next)
        if ((*at)->operation == operation) {
            blob_file *gone = *at;
            *at = gone->next;
            free(gone);
            return;
        }
}

/* Counts bytes that were moved; true when the operation was cancelled because of them. */
static inline bool file_moved(blob_file *file, size_t len, ocirepo_session *session) {
    file->moved += len;
    if (file->moved < file->cancel_at)
        return false;
    ocirepo_session_cancel(session, file->operation);
    return true;
}

/* Writes what a sink says is to be kept, where it says so. */
static inline bool file_write(int fd, ocirepo_keep keep) {
    while (keep.len > 0) {
        ssize_t written = pwrite(fd, keep.data, keep.len, (off_t)keep.offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        keep.data += written;
        keep.len -= (size_t)written;
        keep.offset += (uint64_t)written;
    }
    return true;
}

#endif
