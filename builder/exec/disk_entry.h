/* Files on disk as tree entries: what a context scan and a capture have in common. */
#ifndef DISK_ENTRY_H
#define DISK_ENTRY_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include <msb/cleanup.h>
#include <msb/error.h>
#include <msb/tree.h>

/* Type, mode, owner, times, device numbers, sizes and holes, link target (read into target, which
 * entry borrows). Content and extended attributes are the caller's to add. */
int disk_entry(int dir, const char *name, const struct stat *st, char target[PATH_MAX],
	       struct msb_entry *ret, struct msb_error *err);
/* The part that comes from stat alone. */
void disk_entry_times(const struct stat *st, struct msb_entry *ret);

/*
 * Extended attributes of an open file, encoded (tree_encode_xattrs), without those that belong to
 * the overlay, to the security module or to msb; *ret is owned by the caller. drop is a further
 * prefix to leave out, or NULL.
 */
int disk_xattrs(int fd, const char *drop, uint8_t **ret, size_t *ret_size, struct msb_error *err);

/* Small numbers for files with several names, by device and inode. */
struct link_numbers;
struct link_numbers *link_numbers_new(void);
uint32_t link_number(struct link_numbers *numbers, const struct stat *st); /* 0: no memory */
void link_numbers_free(struct link_numbers *numbers);
DEFINE_AUTO(struct link_numbers, link_numbers_free)

#endif
