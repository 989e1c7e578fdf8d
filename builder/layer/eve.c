/*
 * Times in the second before 1970. A pax archive says them as "-0.25", of which libarchive gives
 * 0 and .25: the sign is lost. So the extended headers are looked at on their way to it, and those
 * with such a time are remembered by where they stand.
 *
 * A file's content that looks like such a header is remembered, too; nobody asks for it, because
 * it stands in no header's place.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* Longer extended headers are not looked into. */
#define LONGEST_BODY ((uint64_t)1024 * 1024)

static bool is_extended_header(const uint8_t *block)
{
	return block[156] == 'x' && memcmp(block + 257, "ustar", 5) == 0 && is_tar_header(block);
}

/* Whole blocks. */
static uint64_t body_size(const uint8_t *block)
{
	uint64_t size = 0;

	for (size_t i = 124; i < 136 && block[i] >= '0' && block[i] <= '7'; i++)
		size = size << 3 | (block[i] - '0');
	return size <= LONGEST_BODY ? (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK : 0;
}

/* Records are "LENGTH KEY=VALUE\n", where the length counts all of that. */
static bool has_lost_sign(const uint8_t *body, size_t size)
{
	static const char wanted[] = " mtime=-0.";
	size_t length, digits;

	for (; size > 0; body += length, size -= length) {
		length = 0;
		for (digits = 0;
		     digits < size && digits < 8 && body[digits] >= '0' && body[digits] <= '9';
		     digits++)
			length = length * 10 + (body[digits] - '0');
		if (length <= digits || length > size)
			return false;
		if (length > digits + strlen(wanted) &&
		    memcmp(body + digits, wanted, strlen(wanted)) == 0)
			return true;
	}
	return false;
}

static int end_body(struct eve *eve)
{
	if (!buffer_ok(&eve->body))
		return -ENOMEM;
	if (has_lost_sign(eve->body.bytes, eve->body.size))
		buffer_append(&eve->found, &eve->header, sizeof(eve->header));
	eve->body.size = 0;
	return buffer_ok(&eve->found) ? 0 : -ENOMEM;
}

int eve_look(struct eve *eve, const uint8_t *bytes, size_t size)
{
	int r = 0;

	for (size_t at = 0; r == 0 && at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		if (eve->missing) {
			buffer_append(&eve->body, bytes + at, TAR_BLOCK);
			eve->missing -= TAR_BLOCK;
			if (eve->missing == 0)
				r = end_body(eve);
		} else if (is_extended_header(bytes + at)) {
			eve->header = eve->offset + at;
			eve->missing = body_size(bytes + at);
		}
	}
	eve->offset += size;
	return r;
}

bool eve_holds(struct eve *eve, uint64_t from, uint64_t to)
{
	size_t count = eve->found.size / sizeof(uint64_t);
	uint64_t header;

	for (; eve->first < count; eve->first++) {
		memcpy(&header, eve->found.bytes + eve->first * sizeof(header), sizeof(header));
		if (header >= from)
			return header < to;
	}
	return false;
}

void eve_done(struct eve *eve)
{
	buffer_done(&eve->body);
	buffer_done(&eve->found);
}
