#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include <msb/tree_diff.h>

#include "buffer.h"
#include "tree_text.h"

static void quoted(struct buffer *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (isascii(c) && isgraph(c) && c != '\\')
			buffer_char(out, (char)c);
		else
			buffer_printf(out, "\\%03o", c);
	}
}

static void extended_attributes(struct buffer *out, const struct msb_entry *entry)
{
	const char *name;
	const uint8_t *value;
	size_t position = 0, size;

	while (msb_entry_xattr(entry, &position, &name, &value, &size)) {
		buffer_char(out, ' ');
		quoted(out, name, strlen(name));
		buffer_char(out, '=');
		for (size_t i = 0; i < size; i++)
			buffer_printf(out, "%02x", value[i]);
	}
}

static int line(void *context, const struct msb_difference *difference, struct msb_error *err)
{
	static const char types[] = "?fdlcbps";
	const struct msb_entry *entry = difference->after;
	struct buffer *out = context;
	char digest[MSB_DIGEST_TEXT];

	(void)err;
	quoted(out, difference->path, strlen(difference->path));
	buffer_printf(out, " %c %04o %" PRIu32 ":%" PRIu32 " %" PRId64 ".%09" PRIu32,
		      types[entry->type], entry->mode, entry->uid, entry->gid, entry->mtime_sec,
		      entry->mtime_nsec);
	if (entry->type == MSB_FILE)
		buffer_printf(out, " %" PRIu64 " %s", entry->size,
			      msb_digest_format(&entry->digest, digest));
	if (entry->link)
		buffer_printf(out, " links=%" PRIu32 "#%" PRIu32, entry->nlink, entry->link);
	if (entry->sparse)
		buffer_printf(out, " sparse=%" PRIu64, entry->allocated);
	if (entry->type == MSB_SYMLINK) {
		buffer_string(out, " -> ");
		quoted(out, entry->target, entry->size);
	}
	if (entry->type == MSB_CHARACTER || entry->type == MSB_BLOCK)
		buffer_printf(out, " %" PRIu32 ",%" PRIu32, entry->device_major,
			      entry->device_minor);
	extended_attributes(out, entry);
	buffer_char(out, '\n');
	return 0;
}

int tree_text(struct msb_store *store, const struct msb_digest *tree, char **ret,
	      struct msb_error *err)
{
	autobuffer out = {0};
	int r = msb_tree_walk(store, tree, line, &out, err);

	if (r < 0)
		return r;
	*ret = buffer_text(&out);
	return *ret ? 0 : msb_error_memory(err);
}
