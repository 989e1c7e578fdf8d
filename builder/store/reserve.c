#include "reserve.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <msb/cleanup.h>

#define RESERVE "reserve"
/* A journal of this size takes away the records of some hundred builds; more where there are more.
 */
#define RESERVE_LEAST ((off_t)4 << 20)
#define RESERVE_PART  4 /* of the records' size */

static off_t wanted_size(int root)
{
	struct stat records;
	off_t part = 0;

	if (fstatat(root, "records.db", &records, AT_SYMLINK_NOFOLLOW) == 0)
		part = records.st_size / RESERVE_PART;
	return part > RESERVE_LEAST ? part : RESERVE_LEAST;
}

static bool has_room(int root, off_t size)
{
	struct statvfs disk;

	return fstatvfs(root, &disk) == 0 &&
	       (uint64_t)disk.f_bavail * disk.f_frsize / 2 > (uint64_t)size;
}

void reserve_make(int root)
{
	off_t size = wanted_size(root);
	autoclose int fd = -1;
	struct stat now;

	if (fstatat(root, RESERVE, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_size >= size)
		return;
	if (!has_room(root, size))
		return;
	fd = openat(root, RESERVE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* A file system without it would write that much, or get a file without any room. */
	if (fd >= 0 && fallocate(fd, 0, 0, size) < 0)
		unlinkat(root, RESERVE, 0);
}

void reserve_spend(int root)
{
	if (!has_room(root, wanted_size(root)))
		unlinkat(root, RESERVE, 0);
}
