/*
 * Tables of contents out of a registry: how each form is had, and several at once, as who asks for
 * one after the other waits for each.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "lazy.h"
#include "range.h"

/* The compressed form of a table; a file that is larger is no table. */
#define TABLE_MAX ((uint64_t)64 * 1024 * 1024)
/* An eStargz layer says at its very end where its table is, which is before that. So much of its
 * end most often holds all of it: a part of the layer, but not too little. */
#define TAIL_PART  96
#define TAIL_LEAST ((uint64_t)64 * 1024)
#define TAIL_MOST  ((uint64_t)4 * 1024 * 1024)
#define TAR_BLOCK  512

/* Tables that are under way at once; and those that may be here before the one that is wanted next.
 */
#define WORKERS 4
#define AHEAD   8

bool lazy_can(const struct descriptor *layer)
{
	const struct toc_place *toc = &layer->toc;

	if (toc->kind == TOC_ZSTD)
		return toc->offset < layer->size && toc->size > 0 && toc->size <= TABLE_MAX &&
		       toc->size <= layer->size - toc->offset && toc->unpacked <= TOC_MAX;
	return toc->kind == TOC_ESTARGZ && layer->size > TOC_ESTARGZ_FOOTER;
}

static int compare(const void *bytes, size_t size, const struct msb_digest *wanted,
		   struct msb_error *err)
{
	struct msb_digest got;

	msb_digest_of(bytes, size, &got);
	if (msb_digest_equal(&got, wanted))
		return 0;
	return msb_error_say(err, EBADMSG,
			     "its table of contents is not the one that the manifest announces");
}

static int append(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct buffer *buffer = context;

	buffer_append(buffer, bytes, size);
	return buffer_ok(buffer) ? 0 : msb_error_memory(err);
}

/* --- zstd:chunked --- */

static int get_zstd_table(struct remote *remote, const struct descriptor *layer, struct buffer *ret,
			  struct msb_error *err)
{
	const struct toc_place *toc = &layer->toc;
	const struct layer_sink sink = {append, ret};
	autobuffer packed = {0};
	struct memory_source memory;
	struct layer_source source = memory_source(&memory);
	int r = range_read(remote, &layer->digest, toc->offset, toc->offset + toc->size, &packed,
			   err);

	if (r >= 0)
		r = compare(packed.bytes, packed.size, &toc->digest, err);
	if (r < 0)
		return r;
	memory = (struct memory_source){(const char *)packed.bytes, packed.size, 0};
	return layer_read_part(&source, 0, toc->unpacked, &sink, err);
}

/* --- eStargz --- */

/* The size in the tar header of the table. */
static int read_header(const uint8_t *block, uint64_t *ret_size, struct msb_error *err)
{
	uint64_t size = 0;

	if (memcmp(block, TOC_ESTARGZ_NAME, sizeof(TOC_ESTARGZ_NAME)) != 0)
		return msb_error_say(err, EBADMSG, "its table of contents is not where it says");
	for (size_t i = 124; i < 136 && block[i] >= '0' && block[i] <= '7'; i++)
		size = size << 3 | (uint64_t)(block[i] - '0');
	if (size == 0 || size > TOC_MAX)
		return msb_error_say(err, EBADMSG, "its table of contents has a wrong size");
	*ret_size = size;
	return 0;
}

/* packed: the layer's bytes from the table on. */
static int unpack_estargz(const struct buffer *packed, size_t from, struct buffer *ret,
			  struct msb_error *err)
{
	struct memory_source memory = {(const char *)packed->bytes + from, packed->size - from, 0};
	struct layer_source source = memory_source(&memory);
	const struct layer_sink sink = {append, ret};
	autobuffer header = {0};
	const struct layer_sink header_sink = {append, &header};
	uint64_t size = 0;
	int r = layer_read_part(&source, 0, TAR_BLOCK, &header_sink, err);

	if (r >= 0)
		r = read_header(header.bytes, &size, err);
	if (r < 0)
		return r;
	memory.at = 0;
	return layer_read_part(&source, TAR_BLOCK, size, &sink, err);
}

static int get_estargz_table(struct remote *remote, const struct descriptor *layer,
			     struct buffer *ret, uint64_t *ret_offset, struct msb_error *err)
{
	uint64_t tail = layer->size / TAIL_PART, offset;
	autobuffer packed = {0};
	int r;

	tail = tail < TAIL_LEAST ? TAIL_LEAST : tail > TAIL_MOST ? TAIL_MOST : tail;
	tail = tail > layer->size ? layer->size : tail;
	r = range_read(remote, &layer->digest, layer->size - tail, layer->size, &packed, err);
	if (r < 0)
		return r;
	if (!toc_read_footer(packed.bytes + packed.size - TOC_ESTARGZ_FOOTER, &offset) ||
	    offset == 0 || offset >= layer->size - TOC_ESTARGZ_FOOTER ||
	    layer->size - offset > TABLE_MAX)
		return msb_error_say(err, EOPNOTSUPP,
				     "it does not say where its table of contents "
				     "is");
	*ret_offset = offset;
	if (layer->size - offset > tail) {
		autobuffer all = {0};

		r = range_read(remote, &layer->digest, offset, layer->size - tail, &all, err);
		buffer_append(&all, packed.bytes, packed.size);
		if (r >= 0 && !buffer_ok(&all))
			r = msb_error_memory(err);
		if (r >= 0)
			r = unpack_estargz(&all, 0, ret, err);
	} else {
		r = unpack_estargz(&packed, (size_t)(tail - (layer->size - offset)), ret, err);
	}
	return r < 0 ? r : compare(ret->bytes, ret->size, &layer->toc.digest, err);
}

static int get_table(struct remote *remote, const struct descriptor *layer, struct buffer *ret,
		     uint64_t *ret_offset, struct msb_error *err)
{
	const struct toc_place *toc = &layer->toc;
	int r = toc->kind == TOC_ZSTD ? get_zstd_table(remote, layer, ret, err)
				      : get_estargz_table(remote, layer, ret, ret_offset, err);

	if (toc->kind == TOC_ZSTD)
		*ret_offset = toc->offset;
	return r;
}

/* --- Several --- */

struct table {
	enum { UNWANTED, QUEUED, RUNNING, ENDED } state;
	struct buffer bytes; /* owned */
	uint64_t offset;
	int result;
	struct msb_error error;
};

struct lazy_tables {
	struct remote *remote;
	const struct descriptor *layers;
	size_t count;
	pthread_t workers[WORKERS];
	size_t worker_count;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	struct table *items; /* owned */
	size_t next;         /* to be taken: others before it are no more */
	bool stop;
};

/* With the lock held. NULL: there is nothing more to do. */
static struct table *next_table(struct lazy_tables *tables)
{
	for (;;) {
		size_t i = 0;

		while (i < tables->count && tables->items[i].state != QUEUED)
			i++;
		if (i == tables->count || tables->stop)
			return NULL;
		if (i < tables->next + AHEAD)
			return &tables->items[i];
		pthread_cond_wait(&tables->changed, &tables->lock);
	}
}

static void *work(void *context)
{
	struct lazy_tables *tables = context;
	struct table *table;

	pthread_mutex_lock(&tables->lock);
	while ((table = next_table(tables))) {
		struct msb_error err = {0};
		int r;

		table->state = RUNNING;
		pthread_mutex_unlock(&tables->lock);
		r = get_table(tables->remote, &tables->layers[table - tables->items], &table->bytes,
			      &table->offset, &err);
		pthread_mutex_lock(&tables->lock);
		table->state = ENDED;
		table->result = r;
		table->error = err;
		pthread_cond_broadcast(&tables->changed);
	}
	pthread_mutex_unlock(&tables->lock);
	return NULL;
}

int lazy_tables_begin(struct remote *remote, const struct descriptor *layers, const bool *wanted,
		      size_t count, struct lazy_tables **ret, struct msb_error *err)
{
	AUTO(lazy_tables_endp) struct lazy_tables *tables = calloc(1, sizeof(*tables));
	size_t queued = 0;

	if (!tables)
		return msb_error_memory(err);
	pthread_mutex_init(&tables->lock, NULL);
	pthread_cond_init(&tables->changed, NULL);
	tables->remote = remote;
	tables->layers = layers;
	tables->items = calloc(count + 1, sizeof(*tables->items));
	if (!tables->items)
		return msb_error_memory(err);
	tables->count = count;
	for (size_t i = 0; i < count; i++) {
		tables->items[i].state = wanted[i] ? QUEUED : UNWANTED;
		queued += wanted[i];
	}
	while (tables->worker_count < WORKERS && tables->worker_count < queued) {
		int r = pthread_create(&tables->workers[tables->worker_count], NULL, work, tables);

		if (r != 0)
			return msb_error_set(err, r, "start a thread");
		tables->worker_count++;
	}
	*ret = steal(&tables);
	return 0;
}

int lazy_tables_take(struct lazy_tables *tables, size_t index, struct buffer *ret,
		     uint64_t *ret_offset, struct msb_error *err)
{
	struct table *table = &tables->items[index];
	int r;

	pthread_mutex_lock(&tables->lock);
	tables->next = index;
	pthread_cond_broadcast(&tables->changed);
	while (table->state != ENDED)
		pthread_cond_wait(&tables->changed, &tables->lock);
	pthread_mutex_unlock(&tables->lock);
	r = table->result;
	if (r < 0) {
		if (err)
			*err = table->error;
		return r;
	}
	*ret = table->bytes;
	*ret_offset = table->offset;
	table->bytes = (struct buffer){0};
	return 0;
}

void lazy_tables_end(struct lazy_tables *tables)
{
	if (!tables)
		return;
	pthread_mutex_lock(&tables->lock);
	tables->stop = true;
	pthread_cond_broadcast(&tables->changed);
	pthread_mutex_unlock(&tables->lock);
	for (size_t i = 0; i < tables->worker_count; i++)
		pthread_join(tables->workers[i], NULL);
	for (size_t i = 0; i < tables->count; i++)
		buffer_done(&tables->items[i].bytes);
	free(tables->items);
	pthread_cond_destroy(&tables->changed);
	pthread_mutex_destroy(&tables->lock);
	free(tables);
}
