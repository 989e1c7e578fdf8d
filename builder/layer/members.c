/* The members of an archive that travels as one file: where their bytes are. */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* More names than any image archive has; each costs memory and time. */
#define MOST_MEMBERS 100000

struct pending {
	bool waits;
	char *name, *link; /* owned */
	bool hard;
	uint64_t size;
};

static void pending_clear(struct pending *pending)
{
	free(pending->name);
	free(pending->link);
	*pending = (struct pending){0};
}

/* libarchive tells where the next header is; a member's bytes, rounded up to blocks, end there. */
static int report(struct pending *pending, uint64_t end,
		  int (*each)(void *context, const struct layer_member *member), void *context,
		  struct msb_error *err)
{
	uint64_t blocks = (pending->size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	struct layer_member member = {
		.name = pending->name,
		.link = pending->link,
		.hard = pending->hard,
		.size = pending->size,
	};

	if (!pending->waits)
		return 0;
	if (blocks > end)
		return msb_error_say(err, EBADMSG, "'%s' is cut short", pending->name);
	member.offset = end - blocks;
	return each(context, &member);
}

static int take(struct pending *pending, struct archive_entry *entry, struct msb_error *err)
{
	const char *name = libarchive.entry_pathname(entry),
		   *link = libarchive.entry_hardlink(entry);

	pending_clear(pending);
	pending->hard = link;
	if (!link && libarchive.entry_filetype(entry) == AE_IFLNK)
		link = libarchive.entry_symlink(entry);
	if (!link && libarchive.entry_filetype(entry) != AE_IFREG)
		return 0;
	if (!name || libarchive.entry_size(entry) < 0 ||
	    libarchive.entry_size(entry) > INT64_MAX / 2)
		return msb_error_say(err, EBADMSG, "a member without a name or of no size");
	if (strnlen(name, LONGEST_PATH + 1) > LONGEST_PATH ||
	    (link && strnlen(link, LONGEST_PATH + 1) > LONGEST_PATH))
		return msb_error_set(err, ENAMETOOLONG, "'%.100s…'", name);
	if (libarchive.entry_sparse_count(entry) > 0)
		return msb_error_say(err, EBADMSG, "'%s' is a sparse file", name);
	pending->waits = true;
	pending->size = link ? 0 : (uint64_t)libarchive.entry_size(entry);
	pending->name = strdup(name);
	pending->link = link ? strdup(link) : NULL;
	return pending->name && (pending->link || !link) ? 0 : msb_error_memory(err);
}

static int list(struct archive *archive, struct pending *pending,
		int (*each)(void *context, const struct layer_member *member), void *context,
		struct msb_error *err)
{
	for (size_t count = 0; count <= MOST_MEMBERS; count++) {
		struct archive_entry *entry;
		int result = libarchive.read_next_header(archive, &entry), r;

		if (result < ARCHIVE_WARN)
			return msb_error_say(err, EBADMSG, "%s", libarchive.error_string(archive));
		r = report(pending, (uint64_t)libarchive.read_header_position(archive), each,
			   context, err);
		if (r < 0 || result == ARCHIVE_EOF)
			return r;
		r = take(pending, entry, err);
		if (r < 0)
			return r;
	}
	return msb_error_say(err, EBADMSG, "the archive has more than %d members", MOST_MEMBERS);
}

int layer_list_members(int fd, int (*each)(void *context, const struct layer_member *member),
		       void *context, struct msb_error *err)
{
	struct archive *archive;
	struct pending pending = {0};
	int r;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return msb_error_set(err, errno, "rewind the archive");
	r = libarchive_open(&archive, err);
	if (r < 0)
		return r;
	libarchive.read_support_format_tar(archive);
	if (libarchive.read_open_fd(archive, fd, 64 * 1024) != ARCHIVE_OK)
		r = msb_error_say(err, EBADMSG, "this is no tar archive");
	else
		r = list(archive, &pending, each, context, err);
	pending_clear(&pending);
	libarchive_close(archive);
	return r;
}
