/* cache/: what cache mounts hold, a directory for each. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <msb/cache_names.h>

#include "buffer.h"
#include "disk.h"
#include "io.h"
#include "names.h"

#define ID_MAX 65536

static bool is_number(const char *name)
{
	return *name && name[strspn(name, "0123456789")] == '\0';
}

/* The id of a place; owned. NULL: it is none, or was never finished. */
static char *id_of(int ground, const char *place)
{
	autofree char *path = buffer_format("%s/id", place);
	autobuffer id = {0};

	if (!path || io_read_file(ground, path, ID_MAX, &id, NULL) < 0)
		return NULL;
	return buffer_text(&id);
}

static int64_t time_of(const struct stat *st)
{
	return st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec;
}

/* When a name here came or went last. */
static int64_t changed(int ground)
{
	autoclosedir DIR *places = io_open_directory(ground, ".");
	const struct dirent *entry;
	struct stat st;
	int64_t newest = 0;

	while (places && (entry = readdir(places)))
		if (strcmp(entry->d_name, "..") != 0 &&
		    fstatat(ground, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    time_of(&st) > newest)
			newest = time_of(&st);
	return newest;
}

void caches_stat(struct core *core, struct core_node *ret)
{
	autoclose int ground = disk_ground(core->disk);

	names_answer(INODE_CACHES, S_IFDIR | 0555, 0, ground < 0 ? 0 : changed(ground), ret);
	ret->name_lasts = true;
}

/* An id that is too long goes by its place. */
static bool shows_place(int ground, const char *place, const char *name)
{
	autofree char *id = id_of(ground, place);
	autofree char *shown = id ? msb_cache_shown(id, 0) : NULL;
	size_t length = strcspn(name, "~");

	return shown && strlen(shown) == length && strncmp(shown, name, length) == 0;
}

int caches_lookup(struct core *core, const char *name, struct core_node *ret)
{
	autoclose int ground = disk_ground(core->disk);
	char place[MSB_CACHE_PLACE], path[MSB_CACHE_PLACE + 16];
	unsigned number;
	int r;

	if (ground < 0)
		return ground;
	r = msb_cache_parse(name, place, &number);
	if (r < 0)
		return r;
	if (!shows_place(ground, place, name)) {
		if (strcspn(name, "~") != MSB_CACHE_PLACE - 1 ||
		    strspn(name, "0123456789abcdef") != MSB_CACHE_PLACE - 1)
			return -ENOENT;
		memcpy(place, name, MSB_CACHE_PLACE - 1);
		if (!shows_place(ground, place, name))
			return -ENOENT;
	}
	snprintf(path, sizeof(path), "%s/%u", place, number);
	return disk_begin(core->disk, path, INODE_CACHES, ret);
}

static int list_place(int ground, const char *place, struct name_list *list)
{
	autofree char *id = id_of(ground, place);
	autoclosedir DIR *dir = id ? io_open_directory(ground, place) : NULL;
	const struct dirent *entry;

	while (dir && !list->full && (entry = readdir(dir))) {
		autofree char *shown = NULL;

		if (!is_number(entry->d_name))
			continue;
		shown = msb_cache_shown(id, (unsigned)strtoul(entry->d_name, NULL, 10));
		if (!shown)
			return -ENOMEM;
		name_list_add(list, shown, INODE_CACHES, S_IFDIR);
	}
	return 0;
}

int caches_list(struct core *core, struct name_list *list)
{
	autoclose int ground = disk_ground(core->disk);
	autoclosedir DIR *places = NULL;
	const struct dirent *entry;
	int r = 0;

	if (ground < 0)
		return ground == -ENOENT ? 0 : ground; /* no step has had any yet */
	places = io_open_directory(ground, ".");
	if (!places)
		return -errno;
	while (r == 0 && (entry = readdir(places)))
		if (entry->d_name[0] != '.')
			r = list_place(ground, entry->d_name, list);
	return r;
}
