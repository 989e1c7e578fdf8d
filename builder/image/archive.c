/*
 * Where an image's parts come from: a layout directory, or a tar. A tar is read in place; one
 * that is compressed or comes through a pipe is first written out, plain, to the writer's scratch
 * directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "internal.h"
#include "io.h"
#include "path.h"

/* What an archive may unpack to in the scratch directory. */
#define ARCHIVE_MAX  ((uint64_t)1 << 40)
#define MAX_FOLLOWED 8

struct place {
	char *name, *link; /* owned; cleaned; link NULL: a file */
	uint64_t offset, size;
	size_t order;
};

struct archive {
	bool is_directory;
	int fd; /* of the directory or the plain tar; owned */
	struct place *places;
	size_t count, capacity;
};

/* "./a/../b" and "/b" are "b": names count from the archive's root. */
static char *member_name(const char *base, const char *name)
{
	autofree char *rooted = path_join("/", base);
	char *path =
		rooted ? path_join(rooted, *name == '/' ? name + strspn(name, "/") : name) : NULL;

	if (path)
		memmove(path, path + 1, strlen(path));
	return path;
}

static char *parent_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? strndup(name, (size_t)(slash - name)) : strdup("");
}

static int add_place(void *context, const struct layer_member *member)
{
	struct archive *archive = context;
	struct place place = {.offset = member->offset, .size = member->size};
	autofree char *parent = NULL;

	if (archive->count == archive->capacity) {
		size_t capacity = archive->capacity ? 2 * archive->capacity : 64;
		struct place *grown = realloc(archive->places, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		archive->places = grown;
		archive->capacity = capacity;
	}
	place.name = member_name("", member->name);
	parent = place.name ? parent_name(place.name) : NULL;
	if (parent && member->link)
		place.link = member_name(member->hard ? "" : parent, member->link);
	if (!parent || (member->link && !place.link)) {
		free(place.name);
		return -ENOMEM;
	}
	place.order = archive->count;
	archive->places[archive->count++] = place;
	return 0;
}

/* By name; of several with one name the last, which would overwrite the others, comes first. */
static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order != 0 ? order : (a->order < b->order) - (a->order > b->order);
}

static int index_tar(struct archive *archive, struct msb_error *err)
{
	int r = layer_list_members(archive->fd, add_place, archive, err);

	if (r < 0)
		return r == -ENOMEM ? msb_error_memory(err) : r;
	if (archive->count > 0)
		qsort(archive->places, archive->count, sizeof(*archive->places), compare_places);
	return 0;
}

/* A plain copy of the stream behind *fd takes its place. */
static int spool(struct store_writer *writer, int *fd, struct msb_error *err)
{
	struct layer_source source = layer_source_fd(fd);
	autoclose int copy =
		openat(store_writer_scratch(writer), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (copy < 0)
		return msb_error_set(err, errno, "make a temporary file in '%s'",
				     store_writer_scratch_path(writer));
	r = layer_decompress(&source, copy, ARCHIVE_MAX, err);
	if (r < 0)
		return r;
	close(*fd);
	*fd = steal_fd(&copy);
	return 0;
}

static int open_fd(struct archive *archive, struct store_writer *writer, struct msb_error *err)
{
	uint8_t magic[8];
	struct stat st;
	ssize_t n;
	int r = 0;

	if (fstat(archive->fd, &st) < 0)
		return msb_error_set(err, errno, "stat");
	archive->is_directory = S_ISDIR(st.st_mode);
	if (archive->is_directory)
		return 0;
	n = S_ISREG(st.st_mode) ? io_pread(archive->fd, magic, sizeof(magic), 0) : -1;
	if (n < 0 || layer_is_compressed(magic, (size_t)n))
		r = spool(writer, &archive->fd, err);
	return r < 0 ? r : index_tar(archive, err);
}

int archive_open(struct store_writer *writer, const char *path, struct archive **ret,
		 struct msb_error *err)
{
	AUTO(archive_closep) struct archive *archive = calloc(1, sizeof(*archive));
	int r;

	if (!archive)
		return msb_error_memory(err);
	if (strcmp(path, "-") == 0)
		archive->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		archive->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (archive->fd < 0)
		return msb_error_set(err, errno, "open");
	r = open_fd(archive, writer, err);
	if (r < 0)
		return r;
	*ret = steal(&archive);
	return 0;
}

void archive_close(struct archive *archive)
{
	if (!archive)
		return;
	for (size_t i = 0; i < archive->count; i++) {
		free(archive->places[i].name);
		free(archive->places[i].link);
	}
	free(archive->places);
	if (archive->fd >= 0)
		close(archive->fd);
	free(archive);
}

static const struct place *find_place(const struct archive *archive, const char *name)
{
	size_t low = 0, high = archive->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(archive->places[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == archive->count || strcmp(archive->places[low].name, name) != 0)
		return NULL;
	return &archive->places[low];
}

static int find_in_tar(struct archive *archive, const char *name, struct member *ret,
		       struct msb_error *err)
{
	autofree char *cleaned = member_name("", name);
	const struct place *place = cleaned ? find_place(archive, cleaned) : NULL;

	if (!cleaned)
		return msb_error_memory(err);
	for (int followed = 0; place && place->link; followed++) {
		if (followed == MAX_FOLLOWED)
			return msb_error_set(err, ELOOP, "'%s'", name);
		place = find_place(archive, place->link);
	}
	if (!place)
		return msb_error_set(err, ENOENT, "'%s'", name);
	ret->fd = archive->fd;
	ret->offset = place->offset;
	ret->size = place->size;
	return 0;
}

static int find_in_directory(struct archive *archive, const char *name, struct member *ret,
			     struct msb_error *err)
{
	struct stat st;

	/* Not to wait for the other end of a fifo that somebody put there. */
	ret->own = io_open_in_root(archive->fd, name, O_RDONLY | O_NONBLOCK);
	if (ret->own < 0) {
		int code = ret->own;

		ret->own = -1;
		return msb_error_set(err, code, "'%s'", name);
	}
	if (fstat(ret->own, &st) < 0 || !S_ISREG(st.st_mode)) {
		member_done(ret);
		return msb_error_say(err, EBADMSG, "'%s' is no regular file", name);
	}
	ret->fd = ret->own;
	ret->size = (uint64_t)st.st_size;
	return 0;
}

int archive_find(struct archive *archive, const char *name, struct member *ret,
		 struct msb_error *err)
{
	*ret = (struct member){.fd = -1, .own = -1};
	return archive->is_directory ? find_in_directory(archive, name, ret, err)
				     : find_in_tar(archive, name, ret, err);
}

void member_done(struct member *member)
{
	if (member->own >= 0)
		close(member->own);
	member->own = -1;
}

static ssize_t read_member(void *context, void *bytes, size_t size, struct msb_error *err)
{
	struct member *member = context;
	ssize_t n;

	if (size > member->size)
		size = (size_t)member->size;
	n = io_pread(member->fd, bytes, size, member->offset);
	if (n < 0)
		return msb_error_set(err, (int)n, "read the archive");
	member->offset += (uint64_t)n;
	member->size -= (uint64_t)n;
	return n;
}

struct layer_source member_source(struct member *member)
{
	return (struct layer_source){read_member, member};
}

int archive_read(struct archive *archive, const char *name, struct buffer *ret,
		 struct msb_error *err)
{
	automember member = {.own = -1};
	int r = archive_find(archive, name, &member, err);
	uint8_t *bytes;
	ssize_t n;

	if (r < 0)
		return r;
	if (member.size > DOCUMENT_MAX)
		return msb_error_say(err, EFBIG, "'%s': %llu bytes are too many", name,
				     (unsigned long long)member.size);
	bytes = buffer_reserve(ret, (size_t)member.size + 1);
	if (!bytes)
		return msb_error_memory(err);
	n = io_pread(member.fd, bytes, (size_t)member.size, member.offset);
	if (n < 0)
		return msb_error_set(err, (int)n, "read '%s'", name);
	if ((uint64_t)n < member.size)
		return msb_error_say(err, EBADMSG, "'%s' is cut short", name);
	ret->size += (size_t)n;
	return 0;
}
