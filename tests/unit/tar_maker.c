#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <msb/cleanup.h>

#include "io.h"
#include "tar_maker.h"

static void put_octal(char *field, int digits, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llo", digits, (unsigned long long)value);
	memcpy(field, text, (size_t)digits);
}

static void pad(struct buffer *tar)
{
	while (tar->size % 512 != 0)
		buffer_char(tar, '\0');
}

static void put_header(struct buffer *tar, const struct tar_entry *entry, size_t size)
{
	char block[512] = {0};
	uint32_t sum = 0, mode = entry->mode ? entry->mode : entry->type == '5' ? 0755 : 0644;

	snprintf(block, 101, "%s", entry->name);
	put_octal(block + 100, 7, mode);
	put_octal(block + 108, 7, entry->uid);
	put_octal(block + 116, 7, entry->gid);
	put_octal(block + 124, 11, size);
	put_octal(block + 136, 11, entry->mtime);
	memset(block + 148, ' ', 8);
	block[156] = entry->type;
	if (entry->link)
		snprintf(block + 157, 101, "%s", entry->link);
	memcpy(block + 257, "ustar\00000", 8);
	put_octal(block + 329, 7, entry->major);
	put_octal(block + 337, 7, entry->minor);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	put_octal(block + 148, 6, sum);
	block[154] = '\0';
	buffer_append(tar, block, sizeof(block));
}

static void put_pax(struct buffer *tar, const char *const *records)
{
	const struct tar_entry header = {.name = "pax", .type = 'x'};
	autobuffer text = {0};

	for (; *records; records++) {
		size_t rest = strlen(*records) + 2, length = rest + 1;

		while (length != rest + (size_t)snprintf(NULL, 0, "%zu", length))
			length++;
		buffer_printf(&text, "%zu %s\n", length, *records);
	}
	put_header(tar, &header, text.size);
	buffer_append(tar, text.bytes, text.size);
	pad(tar);
}

void tar_add(struct buffer *tar, const struct tar_entry *entry)
{
	size_t size = entry->content ? strlen(entry->content) : 0;

	if (entry->pax)
		put_pax(tar, entry->pax);
	put_header(tar, entry, size);
	buffer_append(tar, entry->content, size);
	pad(tar);
}

void tar_add_file(struct buffer *tar, const char *name, const char *content)
{
	tar_add(tar, &(struct tar_entry){.name = name, .type = '0', .content = content});
}

void tar_add_dir(struct buffer *tar, const char *name)
{
	tar_add(tar, &(struct tar_entry){.name = name, .type = '5'});
}

void tar_add_link(struct buffer *tar, const char *name, const char *target)
{
	tar_add(tar, &(struct tar_entry){.name = name, .type = '1', .link = target});
}

void tar_add_symlink(struct buffer *tar, const char *name, const char *target)
{
	tar_add(tar, &(struct tar_entry){.name = name, .type = '2', .link = target});
}

void tar_add_bytes(struct buffer *tar, const char *name, const void *bytes, size_t size)
{
	put_header(tar, &(struct tar_entry){.name = name, .type = '0'}, size);
	buffer_append(tar, bytes, size);
	pad(tar);
}

void tar_end(struct buffer *tar)
{
	static const char zeros[1024];

	buffer_append(tar, zeros, sizeof(zeros));
}

void run_filter(const char *command, const void *bytes, size_t size, struct buffer *ret)
{
	char in[] = "/tmp/msb-filter-XXXXXX", line[512];
	autoclose int fd = mkstemp(in);
	FILE *pipe;
	size_t n;

	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, bytes, size), 0);
	snprintf(line, sizeof(line), "%s <%s", command, in);
	pipe = popen(line, "re");
	assert_non_null(pipe);
	do {
		uint8_t *room = buffer_reserve(ret, 65536);

		assert_non_null(room);
		n = fread(room, 1, 65536, pipe);
		ret->size += n;
	} while (n > 0);
	assert_int_equal(pclose(pipe), 0);
	unlink(in);
}
