/* Header blocks of tar entries: ustar (POSIX.1-1988), and pax records (POSIX.1-2001) in front of it
 * for what does not fit. A pure function of the entry. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

struct ustar {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6], version[2];
	char user[32], group[32];
	char major[8], minor[8];
	char prefix[155];
	char unused[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a tar header is one block");

#define MOST_OCTAL_8  07777777u
#define MOST_OCTAL_12 077777777777u

static void put_octal(char *field, size_t size, uint64_t value)
{
	field[size - 1] = '\0';
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

static void put_text(char *field, size_t size, const char *text, size_t length)
{
	memcpy(field, text, length < size ? length : size);
}

static char type_of(const struct header *header)
{
	static const char types[] = {
		[MSB_FILE] = '0',      [MSB_DIRECTORY] = '5', [MSB_SYMLINK] = '2',
		[MSB_CHARACTER] = '3', [MSB_BLOCK] = '4',     [MSB_FIFO] = '6',
	};

	return header->link ? '1' : types[header->entry->type];
}

/* "LENGTH KEY=VALUE\n", where the length counts its own digits. */
static void put_record(struct buffer *pax, const char *key, const void *value, size_t size)
{
	size_t rest = 1 + strlen(key) + 1 + size + 1, length = rest + 1;

	while (length != rest + (size_t)snprintf(NULL, 0, "%zu", length))
		length = rest + (size_t)snprintf(NULL, 0, "%zu", length);
	buffer_printf(pax, "%zu %s=", length, key);
	buffer_append(pax, value, size);
	buffer_char(pax, '\n');
}

static void put_number(struct buffer *pax, const char *key, uint64_t value)
{
	char text[24];

	put_record(pax, key, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, value));
}

/* A decimal fraction: what is a quarter of a second before -1 is -1.25. */
static void put_time(struct buffer *pax, int64_t sec, uint32_t nsec)
{
	char text[40];
	uint64_t whole = sec < 0 ? -(uint64_t)sec : (uint64_t)sec;
	int length;

	if (sec < 0 && nsec > 0) {
		whole--;
		nsec = 1000000000 - nsec;
	}
	length = snprintf(text, sizeof(text), "%s%" PRIu64, sec < 0 ? "-" : "", whole);
	if (nsec > 0) {
		length +=
			snprintf(text + length, sizeof(text) - (size_t)length, ".%09" PRIu32, nsec);
		while (text[length - 1] == '0')
			length--;
	}
	put_record(pax, "mtime", text, (size_t)length);
}

static void put_xattrs(struct buffer *pax, const struct msb_entry *entry)
{
	size_t position = 0, size;
	const uint8_t *value;
	const char *name;
	char key[20 + 256];

	while (msb_entry_xattr(entry, &position, &name, &value, &size)) {
		snprintf(key, sizeof(key), "SCHILY.xattr.%s", name);
		put_record(pax, key, value, size);
	}
}

static void put_sparse(struct buffer *pax, const struct header *header)
{
	put_number(pax, "GNU.sparse.major", 1);
	put_number(pax, "GNU.sparse.minor", 0);
	put_record(pax, "GNU.sparse.name", header->name, strlen(header->name));
	put_number(pax, "GNU.sparse.realsize", header->entry->size);
}

static void put_records(struct buffer *pax, const struct header *header)
{
	const struct msb_entry *entry = header->entry;
	bool is_device = entry->type == MSB_CHARACTER || entry->type == MSB_BLOCK;

	if (header->has_map)
		put_sparse(pax, header);
	else if (strlen(header->name) > sizeof(((struct ustar *)0)->name))
		put_record(pax, "path", header->name, strlen(header->name));
	if (header->link && strlen(header->link) > sizeof(((struct ustar *)0)->link))
		put_record(pax, "linkpath", header->link, strlen(header->link));
	if (entry->type == MSB_SYMLINK && !header->link &&
	    entry->size > sizeof(((struct ustar *)0)->link))
		put_record(pax, "linkpath", entry->target, entry->size);
	if (header->size > MOST_OCTAL_12)
		put_number(pax, "size", header->size);
	if (entry->uid > MOST_OCTAL_8)
		put_number(pax, "uid", entry->uid);
	if (entry->gid > MOST_OCTAL_8)
		put_number(pax, "gid", entry->gid);
	if (entry->mtime_nsec > 0 || entry->mtime_sec < 0 ||
	    entry->mtime_sec > (int64_t)MOST_OCTAL_12)
		put_time(pax, entry->mtime_sec, entry->mtime_nsec);
	if (is_device && entry->device_major > MOST_OCTAL_8)
		put_number(pax, "SCHILY.devmajor", entry->device_major);
	if (is_device && entry->device_minor > MOST_OCTAL_8)
		put_number(pax, "SCHILY.devminor", entry->device_minor);
	if (!header->link)
		put_xattrs(pax, entry);
}

static uint64_t limited(uint64_t value, uint64_t most)
{
	return value > most ? 0 : value;
}

static void put_block(struct buffer *ret, struct ustar *block)
{
	const uint8_t *bytes = (const uint8_t *)block;
	uint32_t sum = 0;

	memcpy(block->magic, "ustar", 6);
	memcpy(block->version, "00", 2);
	memset(block->checksum, ' ', sizeof(block->checksum));
	for (size_t i = 0; i < sizeof(*block); i++)
		sum += bytes[i];
	put_octal(block->checksum, 7, sum);
	buffer_append(ret, block, sizeof(*block));
}

static void put_pax(struct buffer *ret, const struct header *header, const struct buffer *pax)
{
	static const uint8_t zeros[TAR_BLOCK];
	struct ustar block = {.type = 'x'};

	put_text(block.name, sizeof(block.name), "PaxHeaders/", 11);
	put_text(block.name + 11, sizeof(block.name) - 11, header->name, strlen(header->name));
	put_octal(block.mode, sizeof(block.mode), 0644);
	put_octal(block.uid, sizeof(block.uid), 0);
	put_octal(block.gid, sizeof(block.gid), 0);
	put_octal(block.size, sizeof(block.size), pax->size);
	put_octal(block.mtime, sizeof(block.mtime), 0);
	put_block(ret, &block);
	buffer_append(ret, pax->bytes, pax->size);
	buffer_append(ret, zeros, -pax->size % TAR_BLOCK);
}

int header_append(struct buffer *ret, const struct header *header, struct msb_error *err)
{
	const struct msb_entry *entry = header->entry;
	bool is_device = entry->type == MSB_CHARACTER || entry->type == MSB_BLOCK;
	struct ustar block = {.type = type_of(header)};
	autobuffer pax = {0};

	put_records(&pax, header);
	if (!buffer_ok(&pax))
		return msb_error_memory(err);
	if (pax.size > 0)
		put_pax(ret, header, &pax);
	/* A reader that does not know sparse files must not take map and pieces for the file. */
	if (header->has_map)
		strcpy(block.name, "GNUSparseFile.0/");
	put_text(block.name + strlen(block.name), sizeof(block.name) - strlen(block.name),
		 header->name, strlen(header->name));
	put_octal(block.mode, sizeof(block.mode), entry->mode);
	put_octal(block.uid, sizeof(block.uid), limited(entry->uid, MOST_OCTAL_8));
	put_octal(block.gid, sizeof(block.gid), limited(entry->gid, MOST_OCTAL_8));
	put_octal(block.size, sizeof(block.size), limited(header->size, MOST_OCTAL_12));
	put_octal(block.mtime, sizeof(block.mtime),
		  entry->mtime_sec < 0 ? 0 : limited((uint64_t)entry->mtime_sec, MOST_OCTAL_12));
	if (header->link)
		put_text(block.link, sizeof(block.link), header->link, strlen(header->link));
	else if (entry->type == MSB_SYMLINK)
		put_text(block.link, sizeof(block.link), entry->target, entry->size);
	put_octal(block.major, sizeof(block.major),
		  is_device ? limited(entry->device_major, MOST_OCTAL_8) : 0);
	put_octal(block.minor, sizeof(block.minor),
		  is_device ? limited(entry->device_minor, MOST_OCTAL_8) : 0);
	put_block(ret, &block);
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}
