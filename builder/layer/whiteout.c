/* Whiteouts take away what lower layers brought, never what the same layer puts, whichever of the
 * two comes first (OCI image-spec 1.1, layer.md, "Whiteouts"). */
#include <errno.h>
#include <string.h>

#include "internal.h"

int whiteouts_keep(struct whiteouts *whiteouts, const char *path)
{
	size_t length = strlen(path);
	int r = 1;

	while (r == 1 && length > 1) {
		r = names_add(&whiteouts->kept, path, length, NULL);
		while (length > 1 && path[--length] != '/')
			;
	}
	return r < 0 ? r : 0;
}

/* The names in one directory that have to go, and the directories to look into. */
struct listing {
	struct whiteouts *whiteouts;
	const char *path;
	struct strlist gone, kept;
};

static int sort_out(void *context, const struct msb_entry *entry)
{
	struct listing *listing = context;
	const struct names *kept = &listing->whiteouts->kept;
	autobuffer path = {0};
	bool stays;

	if (strcmp(listing->path, "/") != 0)
		buffer_string(&path, listing->path);
	buffer_char(&path, '/');
	buffer_append(&path, entry->name, entry->name_length);
	if (!buffer_ok(&path))
		return -ENOMEM;
	stays = names_find(kept, path.bytes, path.size);
	if (stays && entry->type != MSB_DIRECTORY)
		return 0;
	return strlist_add_bytes(stays ? &listing->kept : &listing->gone, (char *)path.bytes,
				 path.size);
}

/* Recursion ends where the layer has put nothing: at most LONGEST_PATH / 2 deep. */
int whiteouts_clear(struct whiteouts *whiteouts, const char *path, struct msb_error *err)
{
	struct listing listing = {whiteouts, path, {0}, {0}};
	int r = edit_list(whiteouts->edit, path, sort_out, &listing, err);

	if (r == -ENOMEM)
		msb_error_memory(err);
	for (size_t i = 0; r >= 0 && i < listing.gone.count; i++)
		r = edit_remove(whiteouts->edit, listing.gone.items[i], err);
	for (size_t i = 0; r >= 0 && i < listing.kept.count; i++)
		r = whiteouts_clear(whiteouts, listing.kept.items[i], err);
	strlist_done(&listing.gone);
	strlist_done(&listing.kept);
	return r;
}

int whiteouts_remove(struct whiteouts *whiteouts, const char *path, struct msb_error *err)
{
	struct msb_entry entry;
	int r;

	if (!names_find(&whiteouts->kept, path, strlen(path)))
		return edit_remove(whiteouts->edit, path, err);
	r = edit_get(whiteouts->edit, path, &entry, err);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0 || entry.type != MSB_DIRECTORY)
		return r;
	return whiteouts_clear(whiteouts, path, err);
}

void whiteouts_done(struct whiteouts *whiteouts)
{
	names_done(&whiteouts->kept);
}
