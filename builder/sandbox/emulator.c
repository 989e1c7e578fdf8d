/* Programs of other machines: what the kernel hands to an emulator (binfmt_misc). */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "internal.h"
#include "io.h"

#define HEADER_SIZE 20 /* of an ELF file, up to the machine */
#define HANDLER_MAX 4096

static const struct machine {
	const char *architecture, *kernel; /* OCI's name, uname's */
	unsigned char bits, order;         /* 1: 32 bits, little-endian; 2: 64 bits, big-endian */
	unsigned int number;
	const char *also; /* what its kernel runs as well */
} machines[] = {
	{"amd64", "x86_64", 2, 1, 62, "386"},        {"386", "i686", 1, 1, 3, NULL},
	{"arm64", "aarch64", 2, 1, 183, NULL},       {"arm", "armv7l", 1, 1, 40, NULL},
	{"riscv64", "riscv64", 2, 1, 243, NULL},     {"ppc64le", "ppc64le", 2, 1, 21, NULL},
	{"s390x", "s390x", 2, 2, 22, NULL},          {"mips64le", "mips64", 2, 1, 8, NULL},
	{"loong64", "loongarch64", 2, 1, 258, NULL},
};

static const struct machine *find_machine(const char *architecture)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		if (strcmp(machines[i].architecture, architecture) == 0)
			return &machines[i];
	return NULL;
}

/* This machine; NULL for one that is not in the table. */
static const struct machine *find_own(void)
{
	struct utsname host;

	if (uname(&host) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		if (strcmp(machines[i].kernel, host.machine) == 0)
			return &machines[i];
	return NULL;
}

const char *emulator_own_architecture(void)
{
	const struct machine *own = find_own();

	return own ? own->architecture : "";
}

/* How a program of that machine begins (System V ABI, "ELF Header"). */
static void write_header(const struct machine *machine, unsigned char header[HEADER_SIZE])
{
	bool big = machine->order == 2;
	unsigned char high = (unsigned char)(machine->number >> 8);
	unsigned char low = (unsigned char)(machine->number & 0xff);

	memset(header, 0, HEADER_SIZE);
	memcpy(header, "\177ELF", 4);
	header[4] = machine->bits;
	header[5] = machine->order;
	header[6] = 1;
	header[big ? 17 : 16] = 2; /* an executable */
	header[18] = big ? high : low;
	header[19] = big ? low : high;
}

/* The words after `key` on a line of their own; NULL where there is none. */
static const char *find_line(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, key, length) == 0)
			return text + length;
	}
	return NULL;
}

/* Bytes in hexadecimal up to the end of the line; false when they are more than there is room for,
 * or none. */
static bool read_bytes(const char *text, unsigned char *bytes, size_t *ret_size)
{
	size_t size = 0;
	unsigned int byte;

	for (; *text && *text != '\n'; text += 2) {
		if (size == HEADER_SIZE || strspn(text, "0123456789abcdef") < 2 ||
		    sscanf(text, "%2x", &byte) != 1)
			return false;
		bytes[size++] = (unsigned char)byte;
	}
	*ret_size = size;
	return size > 0;
}

/* An interpreter that the kernel opened when it was registered (flag F) is found from any root. */
static bool is_usable(const char *handler)
{
	const char *flags = find_line(handler, "flags: ");

	return strncmp(handler, "enabled\n", 8) == 0 && flags &&
	       memchr(flags, 'F', strcspn(flags, "\n"));
}

static bool takes(const char *handler, const unsigned char header[HEADER_SIZE])
{
	const char *magic_text = find_line(handler, "magic "), *mask_text;
	const char *offset = find_line(handler, "offset ");
	unsigned char magic[HEADER_SIZE], mask[HEADER_SIZE];
	size_t size, mask_size;

	if (!is_usable(handler) || !magic_text || !offset || strncmp(offset, "0\n", 2) != 0 ||
	    !read_bytes(magic_text, magic, &size))
		return false;
	mask_text = find_line(handler, "mask ");
	memset(mask, 0xff, sizeof(mask));
	if (mask_text && (!read_bytes(mask_text, mask, &mask_size) || mask_size != size))
		return false;
	for (size_t i = 0; i < size; i++)
		if ((magic[i] & mask[i]) != (header[i] & mask[i]))
			return false;
	return true;
}

/* Reads one file of the directory as text; false where it cannot be. */
static bool read_text(int dir, const char *name, char text[HANDLER_MAX + 1])
{
	autobuffer content = {0};

	if (io_read_file(dir, name, HANDLER_MAX, &content, NULL) < 0 || content.size == 0)
		return false;
	memcpy(text, content.bytes, content.size);
	text[content.size] = '\0';
	return true;
}

static bool has_handler(DIR *handlers, const unsigned char header[HEADER_SIZE])
{
	char text[HANDLER_MAX + 1];
	const struct dirent *entry;

	if (!read_text(dirfd(handlers), "status", text) || strncmp(text, "enabled", 7) != 0)
		return false;
	while ((entry = readdir(handlers)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "register") != 0 &&
		    strcmp(entry->d_name, "status") != 0 &&
		    read_text(dirfd(handlers), entry->d_name, text) && takes(text, header))
			return true;
	return false;
}

static bool runs_by_itself(const char *architecture)
{
	const struct machine *own = find_own();

	return own && (strcmp(own->architecture, architecture) == 0 ||
		       (own->also && strcmp(own->also, architecture) == 0));
}

bool sandbox_can_run(const char *handlers, const char *architecture)
{
	const struct machine *machine = find_machine(architecture);
	unsigned char header[HEADER_SIZE];
	DIR *dir;
	bool found;

	if (runs_by_itself(architecture))
		return true;
	if (!machine)
		return false;
	dir = opendir(handlers ? handlers : "/proc/sys/fs/binfmt_misc");
	if (!dir)
		return false;
	write_header(machine, header);
	found = has_handler(dir, header);
	closedir(dir);
	return found;
}
