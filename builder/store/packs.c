#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <msb/cleanup.h>

#include "io.h"
#include "little_endian.h"
#include "packs.h"

/* What counts as a small step forward, and how much is read ahead. */
#define STEP_MAX (256 * 1024)
#define AHEAD    (1024 * 1024)

const char *pack_name(uint32_t id, char name[PACK_NAME])
{
	snprintf(name, PACK_NAME, "packs/%08x.pack", (unsigned)id);
	return name;
}

int packs_init(struct packs *packs)
{
	return -pthread_rwlock_init(&packs->lock, NULL);
}

void packs_done(struct packs *packs)
{
	for (size_t i = 0; i < PACKS_OPEN; i++)
		if (packs->open[i].id)
			close(packs->open[i].fd);
	pthread_rwlock_destroy(&packs->lock);
}

/* Packs that a collection took away: their room on the disk is free when nobody has them open.
 * With the lock held for writing. */
static void close_removed(struct packs *packs)
{
	struct stat st;

	for (size_t i = 0; i < PACKS_OPEN; i++) {
		if (packs->open[i].id && fstat(packs->open[i].fd, &st) == 0 && st.st_nlink == 0) {
			close(packs->open[i].fd);
			packs->open[i].id = 0;
		}
	}
}

/* Called and returns with the lock held for reading. The slot may be another pack's again on
 * return when many packs are read at once: the caller looks anew. */
static int fill_slot(struct packs *packs, int root, uint32_t id, struct msb_error *err)
{
	size_t slot = id % PACKS_OPEN;
	char name[PACK_NAME];
	int fd = openat(root, pack_name(id, name), O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", name);
	pthread_rwlock_unlock(&packs->lock);
	pthread_rwlock_wrlock(&packs->lock);
	if (packs->open[slot].id)
		close(packs->open[slot].fd);
	packs->open[slot].id = id;
	packs->open[slot].fd = fd;
	atomic_store(&packs->open[slot].wanted, 0);
	atomic_store(&packs->open[slot].fetched, 0);
	close_removed(packs);
	pthread_rwlock_unlock(&packs->lock);
	pthread_rwlock_rdlock(&packs->lock);
	return 0;
}

/* With the lock held for reading. A hint: that threads may race is no harm. */
static void fetch_ahead(struct packs *packs, size_t slot, uint64_t offset)
{
	uint64_t last = atomic_exchange(&packs->open[slot].wanted, offset);
	uint64_t from = atomic_load(&packs->open[slot].fetched);

	if (offset < last || offset - last > STEP_MAX || from > offset + AHEAD / 2)
		return;
	if (from < offset)
		from = offset;
	atomic_store(&packs->open[slot].fetched, from + AHEAD);
	posix_fadvise(packs->open[slot].fd, (off_t)from, AHEAD, POSIX_FADV_WILLNEED);
}

ssize_t packs_read_file(const struct packs *packs, int fd, void *bytes, size_t size,
			uint64_t offset)
{
	struct iovec all = {bytes, size};
	ssize_t n = 0, rest;

	if (packs->before_wait) {
		/* What the kernel has in memory; the rest is on its way when this returns. */
		n = preadv2(fd, &all, 1, (off_t)offset, RWF_NOWAIT);
		if (n == (ssize_t)size)
			return n;
		if (n < 0)
			n = 0;
		packs->before_wait(packs->before_wait_context);
	}
	rest = io_pread(fd, (uint8_t *)bytes + n, size - (size_t)n, offset + (size_t)n);
	return rest < 0 ? rest : n + rest;
}

static ssize_t read_pack(struct packs *packs, int root, uint32_t id, void *bytes, size_t size,
			 size_t more, uint64_t offset, bool ahead, struct msb_error *err)
{
	size_t slot = id % PACKS_OPEN;
	ssize_t n;
	int r = 0;

	pthread_rwlock_rdlock(&packs->lock);
	while (r == 0 && packs->open[slot].id != id)
		r = fill_slot(packs, root, id, err);
	if (r == 0 && ahead)
		fetch_ahead(packs, slot, offset);
	n = r < 0 ? r : packs_read_file(packs, packs->open[slot].fd, bytes, size + more, offset);
	pthread_rwlock_unlock(&packs->lock);
	if (r < 0)
		return r;
	if (n < 0)
		return msb_error_set(err, (int)n, "read pack %08x", (unsigned)id);
	if ((size_t)n < size)
		return msb_error_say(err, EBADMSG, "damaged: pack %08x ends before byte %llu",
				     (unsigned)id, (unsigned long long)(offset + size));
	return n - (ssize_t)size;
}

int packs_read(struct packs *packs, int root, uint32_t id, void *bytes, size_t size,
	       uint64_t offset, struct msb_error *err)
{
	return (int)read_pack(packs, root, id, bytes, size, 0, offset, false, err);
}

int packs_read_sum(struct packs *packs, int root, uint32_t id, uint64_t offset, uint32_t *ret,
		   struct msb_error *err)
{
	uint8_t bytes[4];
	int r = packs_read(packs, root, id, bytes, sizeof(bytes), offset - PACK_BLOB_HEADER + 4,
			   err);

	if (r == 0)
		*ret = le_get_u32(bytes);
	return r;
}

ssize_t packs_read_on(struct packs *packs, int root, uint32_t id, void *bytes, size_t size,
		      size_t more, uint64_t offset, struct msb_error *err)
{
	return read_pack(packs, root, id, bytes, size, more, offset, true, err);
}
