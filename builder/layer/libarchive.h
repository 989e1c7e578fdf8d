/* For the files of this room: libarchive, loaded when the first archive is read. It brings
 * libraries of XML and of Unicode along, which cost more than the rest of a command's start. */
#ifndef LAYER_LIBARCHIVE_H
#define LAYER_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

#include <msb/error.h>

/* Each without "archive_" in front. */
/* clang-format off */
#define LIBARCHIVE_FUNCTIONS(each) \
	each(entry_acl_count) each(entry_acl_next) each(entry_acl_reset) \
	each(entry_filetype) each(entry_gid) each(entry_hardlink) each(entry_mtime) \
	each(entry_mtime_nsec) each(entry_pathname) each(entry_perm) \
	each(entry_rdevmajor) each(entry_rdevminor) each(entry_size) \
	each(entry_sparse_count) each(entry_symlink) each(entry_uid) \
	each(entry_xattr_next) each(entry_xattr_reset) each(error_string) each(filter_bytes) \
	each(read_data) each(read_data_block) each(read_free) \
	each(read_header_position) each(read_new) each(read_next_header) \
	each(read_open) each(read_open_fd) each(read_support_filter_bzip2) \
	each(read_support_filter_xz) each(read_support_format_empty) \
	each(read_support_format_raw) each(read_support_format_tar) each(set_error)
/* clang-format on */

#define LIBARCHIVE_MEMBER(name) __typeof__(archive_##name) *name;
struct libarchive {
	LIBARCHIVE_FUNCTIONS(LIBARCHIVE_MEMBER)
	__typeof__(archive_errno) *error_number; /* errno is a macro */
};
extern struct libarchive libarchive; /* filled in by libarchive_load() */

int libarchive_load(struct msb_error *err);
/* A new reader, which its caller frees. */
int libarchive_open(struct archive **ret, struct msb_error *err);
/* Accepts NULL, also where nothing was loaded. */
void libarchive_close(struct archive *archive);

#endif
