/* Contents on the disk, before any record names them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "writer.h"

/* What is to be synced, noted with the mutex held. */
struct work {
	size_t blobs;             /* pending ones that are covered */
	struct pack *packs;       /* borrowed; the list below changes at its head only */
	struct msb_digest *large; /* owned */
	size_t large_count;
	bool touched[256]; /* directories large/xx that hold them */
};

static void work_done(struct work *work)
{
	free(work->large);
}

static int note_large(struct store_writer *writer, struct work *work, struct msb_error *err)
{
	const struct pending *pending = &writer->pending;

	work->large = calloc(pending->count - writer->synced, sizeof(*work->large));
	if (!work->large)
		return msb_error_memory(err);
	for (size_t i = writer->synced; i < pending->count; i++) {
		const struct pending_blob *blob = &pending->blobs[i];

		if (blob->location.pack == 0) {
			work->large[work->large_count++] = blob->digest;
			work->touched[blob->digest.bytes[0]] = true;
		}
	}
	return 0;
}

/* 1: there is work, 0: all is on the disk, or a negative code. */
static int note_work(struct store_writer *writer, struct work *work, struct msb_error *err)
{
	int r;

	if (writer->broken)
		return msb_error_set(err, writer->broken,
				     "store '%s': an earlier write did not reach the disk; nothing "
				     "more can be committed by this process",
				     writer->store->path);
	if (writer->pending.count == writer->synced)
		return 0;
	r = pack_flush(writer, err);
	if (r == 0)
		r = note_large(writer, work, err);
	if (r < 0)
		return r;
	work->blobs = writer->pending.count;
	work->packs = writer->packs;
	for (struct pack *pack = writer->packs; pack; pack = pack->next)
		pack->target = pack->end;
	return 1;
}

static int sync_name(int root, const char *name)
{
	autoclose int fd = openat(root, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int sync_packs(int root, struct pack *packs)
{
	bool fresh = false;

	for (struct pack *pack = packs; pack; pack = pack->next) {
		if (pack->target == pack->synced)
			continue;
		if (fdatasync(pack->fd) < 0)
			return -errno;
		if (pack->committed == 0)
			fresh = true;
		pack->synced = pack->target;
	}
	return fresh ? sync_name(root, "packs") : 0;
}

static int sync_large(int root, const struct work *work)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < work->large_count; i++) {
		char name[STORE_LARGE_NAME];

		r = sync_name(root, store_large_name(&work->large[i], name));
	}
	if (r < 0 || work->large_count == 0)
		return r;
	for (unsigned i = 0; r == 0 && i < 256; i++) {
		char name[16];

		snprintf(name, sizeof(name), "large/%02x", i);
		if (work->touched[i])
			r = sync_name(root, name);
	}
	return r < 0 ? r : sync_name(root, "large");
}

int writer_sync(struct store_writer *writer, struct msb_error *err)
{
	__attribute__((cleanup(work_done))) struct work work = {0};
	int r;

	pthread_mutex_lock(&writer->mutex);
	r = note_work(writer, &work, err);
	pthread_mutex_unlock(&writer->mutex);
	if (r <= 0)
		return r;
	r = sync_packs(writer->store->root, work.packs);
	if (r == 0)
		r = sync_large(writer->store->root, &work);
	pthread_mutex_lock(&writer->mutex);
	/* The kernel reports a lost page once; a second sync would seem to succeed. */
	if (r < 0)
		writer->broken = r;
	else
		writer->synced = work.blobs;
	pthread_mutex_unlock(&writer->mutex);
	if (r < 0)
		return msb_error_set(err, r, "store '%s': bring contents to the disk",
				     writer->store->path);
	return 0;
}
