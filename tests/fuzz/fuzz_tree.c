/* Any bytes as a directory object: decoded, walked through every accessor, and encoded again, which
 * must give the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink; /* keeps the reads */

/* Touches every byte that an entry leads to. */
static unsigned sum_of(const struct msb_entry *entry)
{
	const char *name;
	const uint8_t *value;
	size_t position = 0, size;
	unsigned sum = (unsigned)msb_entry_mode(entry);

	for (size_t i = 0; i < entry->name_length; i++)
		sum += (uint8_t)entry->name[i];
	for (size_t i = 0; entry->type == MSB_SYMLINK && i < entry->size; i++)
		sum += (uint8_t)entry->target[i];
	while (msb_entry_xattr(entry, &position, &name, &value, &size)) {
		sum += (unsigned)strlen(name);
		for (size_t i = 0; i < size; i++)
			sum += value[i];
	}
	return sum;
}

static unsigned look_up(const struct msb_dir *dir, size_t index, const struct msb_entry *entry)
{
	uint64_t rank = msb_dir_rank(dir, index);
	size_t found;

	if (msb_dir_find(dir, entry->name, entry->name_length, &found) < 0 || found != index)
		abort();
	if (msb_dir_at_rank(dir, rank) != index ||
	    msb_dir_at_rank(dir, rank + entry->entries) != index)
		abort();
	return sum_of(entry);
}

static void encode_again(const struct msb_dir *dir, const uint8_t *data, size_t size)
{
	size_t count = msb_dir_count(dir);
	autofree struct node *nodes = calloc(count + 1, sizeof(*nodes));
	autofree struct node **items = calloc(count + 1, sizeof(*items));
	autobuffer encoded = {0};

	if (!nodes || !items)
		return;
	for (size_t i = 0; i < count; i++) {
		items[i] = &nodes[i];
		msb_dir_get(dir, i, &nodes[i].entry);
		sink = look_up(dir, i, &nodes[i].entry);
	}
	encode_directory(&encoded, items, count, false);
	if (!buffer_ok(&encoded))
		return;
	if (encoded.size != size || memcmp(encoded.bytes, data, size) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return 0;
	if (size > 0)
		memcpy(copy, data, size);
	if (msb_dir_decode(copy, size, &dir, NULL) == 0)
		encode_again(dir, data, size);
	return 0;
}
