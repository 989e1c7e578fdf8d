/* Making a store. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "io.h"
#include "reserve.h"
#include "writer.h"

static int make_database(int fd, const char *root, struct msb_error *err)
{
	autofree char *absolute = realpath(root, NULL);
	struct connection connection = {0};
	int r, file;

	if (!absolute)
		return msb_error_set(err, errno, "open '%s'", root);
	/* Made here for its mode, which SQLite gives to the files beside it too. */
	file = openat(fd, "records.db", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0)
		return msb_error_set(err, errno, "create 'records.db'");
	close(file);
	r = connection_open(&connection, absolute, CONNECTION_CREATE, err);
	connection_close(&connection);
	return r;
}

/* Last of all: a directory with this file is a complete store. */
static int write_version(int fd, struct msb_error *err)
{
	autoclose int file =
		openat(fd, "version.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r;

	if (file < 0)
		return msb_error_set(err, errno, "create 'version'");
	r = io_write(file, STORE_VERSION_LINE, strlen(STORE_VERSION_LINE));
	if (r < 0)
		return msb_error_set(err, r, "write 'version'");
	if (fsync(file) < 0 || renameat(fd, "version.new", fd, "version") < 0 || fsync(fd) < 0)
		return msb_error_set(err, errno, "write 'version'");
	return 0;
}

/* What a process that was killed while it made a store may have left, and mkfs. */
static bool may_be_there(const char *name)
{
	static const char *const names[] = {".",    "..",          "packs",   "large",     "tmp",
					    "lock", "version.new", "reserve", "lost+found"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strncmp(name, "records.db", strlen("records.db")) == 0;
}

/* Somebody's home directory is no place for a store. */
static int check_own(int fd, const char *root, struct msb_error *err)
{
	autoclosedir DIR *listing = io_open_directory(fd, ".");
	const struct dirent *entry;

	if (!listing)
		return msb_error_set(err, errno, "list it");
	while ((entry = readdir(listing)))
		if (!may_be_there(entry->d_name))
			return msb_error_say(err, ENOTEMPTY,
					     "it is no store and holds other things ('%s'); a "
					     "store wants a directory of its own, such as '%s/msb'",
					     entry->d_name, root);
	return 0;
}

static int make_all(int fd, const char *root, struct msb_error *err)
{
	static const char *const directories[] = {"packs", "large", "tmp"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(directories) / sizeof(*directories); i++)
		r = io_make_dirs(fd, directories[i], 0700, err);
	if (r == 0)
		r = make_database(fd, root, err);
	reserve_make(fd);
	if (r == 0)
		r = write_version(fd, err);
	return r;
}

int store_create(const char *root, struct msb_error *err)
{
	autoclose int fd = -1;
	int r = io_make_dirs(AT_FDCWD, root, 0700, err);

	if (r < 0)
		return msb_error_prefix(err, r, "create store '%s'", root);
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return msb_error_set(err, errno, "create store '%s'", root);
	/* Held until the directory is closed: the second of two processes finds all done. */
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return msb_error_set(err, errno, "lock '%s'", root);
	if (faccessat(fd, "version", F_OK, 0) == 0)
		return 0;
	r = check_own(fd, root, err);
	if (r == 0)
		r = make_all(fd, root, err);
	return r < 0 ? msb_error_prefix(err, r, "create store '%s'", root) : 0;
}
