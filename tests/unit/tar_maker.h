/* Tars made by hand, entry by entry, well-formed or not. */
#ifndef TAR_MAKER_H
#define TAR_MAKER_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

struct tar_entry {
	const char *name;
	char type; /* '0' file, '1' hard link, '2' symlink, '3' '4' device, '5' directory, … */
	const char *link;
	const char *content; /* text; NULL: none */
	uint32_t mode;       /* 0: 0644, 0755 of directories */
	uint32_t uid, gid, major, minor;
	uint64_t mtime;
	const char *const *pax; /* "key=value", ended by NULL: a pax header in front */
};

void tar_add(struct buffer *tar, const struct tar_entry *entry);
void tar_add_file(struct buffer *tar, const char *name, const char *content);
void tar_add_dir(struct buffer *tar, const char *name);
void tar_add_link(struct buffer *tar, const char *name, const char *target);
void tar_add_symlink(struct buffer *tar, const char *name, const char *target);
/* A file of any bytes. */
void tar_add_bytes(struct buffer *tar, const char *name, const void *bytes, size_t size);
void tar_end(struct buffer *tar);

/* What a filter such as "gzip -c" makes of the bytes; it must succeed. */
void run_filter(const char *command, const void *bytes, size_t size, struct buffer *ret);

#endif
