/* System calls that finish what they begin: short reads, EINTR, whole files, whole directories. */
#ifndef IO_H
#define IO_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <msb/error.h>

#include "buffer.h"

/* All of it, or a negative errno value. */
int io_write(int fd, const void *bytes, size_t size);
int io_pwrite(int fd, const void *bytes, size_t size, uint64_t offset);
/* As many bytes as there are up to size; fewer only at the end of the file. */
ssize_t io_read(int fd, void *bytes, size_t size);
ssize_t io_pread(int fd, void *bytes, size_t size, uint64_t offset);

/* Appends the whole file to ret; -EFBIG beyond max bytes. dir may be AT_FDCWD. */
int io_read_file(int dir, const char *name, size_t max, struct buffer *ret, struct msb_error *err);
/* Creates or truncates; no durability. */
int io_write_file(int dir, const char *name, const void *bytes, size_t size, mode_t mode,
		  struct msb_error *err);

/* Renames what takes nobody's place: -EEXIST where the name is there. A file system that cannot
 * refuse replaces what is there as rename(2) does. 0 or a negative errno value. */
int io_rename_new(int from_dir, const char *from, int to_dir, const char *to);

/* Opens path beneath root: "..", absolute names and symlinks never leave it
 * (openat2, RESOLVE_IN_ROOT). Always close-on-exec. The descriptor, or a negative errno value. */
int io_open_in_root(int root, const char *path, int flags);

/* The directory `name` of dir, for reading; "." opens dir anew. NULL sets errno; a symlink is
 * ELOOP or ENOTDIR. */
DIR *io_open_directory(int dir, const char *name);

/* mkdir -p below dir; existing directories are fine. */
int io_make_dirs(int dir, const char *path, mode_t mode, struct msb_error *err);

/* rm -rf, never following a link nor crossing into another file system; a missing name is fine. */
int io_remove_tree(int dir, const char *name, struct msb_error *err);

/* Nanoseconds since 1970. */
int64_t io_now(void);

#endif
