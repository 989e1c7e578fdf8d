/*
 * Steps from caches that others filled. Whatever a record of the store names is whole: a step
 * counts as found when its tree's directories are here, each verified by its digest, and of all its
 * files and its log it is known where they are: here as well, or in the cache's registry.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/tree.h>

#include "buffer.h"
#include "reference.h"
#include "shared_caches.h"

void shared_caches_tell(struct events *events, const char *option, const char *where,
			const char *text)
{
	events_note(events, "%s %s: %s", option, where, text);
}

static const char *where(const struct shared_option *option)
{
	return option->reference ? option->reference : option->directory;
}

/* The build goes on; only memory that ran out ends it. */
static int give_up(struct shared_caches *caches, struct shared_source *source, int r,
		   const struct msb_error *why, struct msb_error *err)
{
	autofree char *text = NULL;

	if (r == -ENOMEM)
		return msb_error_memory(err);
	source->usable = false;
	text = r == -ENODATA ? strdup("there is nothing yet")
			     : buffer_format("%s; the build goes on without it", why->text);
	if (text)
		shared_caches_tell(caches->events, "cache-from", where(source->option), text);
	return 0;
}

/* What blobs of a document are mapped to. */
static uint64_t blob_at(size_t bundle, size_t index)
{
	return (uint64_t)bundle << 32 | index;
}

static int index_layers(struct shared_source *source)
{
	const struct shared_document *document = &source->document;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < document->layer_count; i++) {
		const struct layer_record *record = &document->layers[i].record;
		struct msb_digest key;

		shared_layer_key(&record->parent, &record->tree, &key);
		r = digest_map_set(&source->layers, &key, i);
	}
	return r;
}

static int index_document(struct shared_source *source)
{
	const struct shared_document *document = &source->document;
	int r = index_layers(source);

	source->fetched = calloc(document->bundle_count + 1, sizeof(*source->fetched));
	if (!source->fetched)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < document->step_count; i++)
		r = digest_map_set(&source->steps, &document->steps[i].key, i);
	for (size_t i = 0; i < document->bundle_count; i++)
		for (size_t j = 0; r >= 0 && j < document->bundles[i].count; j++)
			r = digest_map_set(&source->blobs, &document->bundles[i].blobs[j].digest,
					   blob_at(i, j));
	return r;
}

char *shared_caches_beside(const char *name)
{
	autofree char *normalized = NULL;

	if (reference_normalize(name, &normalized, NULL) < 0 || strchr(normalized, '@'))
		return NULL;
	return buffer_format("%s.msb-cache", normalized);
}

/* The cache of the image that the option names, where there is one beside it. */
static int read_beside(struct shared_caches *caches, struct shared_source *source)
{
	autofree char *name = shared_caches_beside(source->option->reference);
	struct cache_place *place = NULL;
	int r;

	if (!name || cache_place_open(caches->writer, name, NULL, &place, NULL) < 0)
		return -ENOENT;
	r = cache_place_read(place, &source->document, NULL);
	if (r < 0) {
		cache_place_close(place);
		return r;
	}
	cache_place_close(source->place);
	source->place = place;
	return 0;
}

static int begin_source(struct shared_caches *caches, struct shared_source *source,
			struct msb_error *err)
{
	const struct shared_option *option = source->option;
	int r = cache_place_open(caches->writer, option->reference, option->directory,
				 &source->place, err);

	if (r >= 0)
		r = cache_place_read(source->place, &source->document, err);
	if (r == -EEXIST && option->reference && read_beside(caches, source) >= 0)
		r = 0;
	if (r >= 0 && index_document(source) < 0)
		r = msb_error_memory(err);
	source->usable = r >= 0;
	return r;
}

int shared_caches_begin(struct shared_caches *caches, struct store_writer *writer,
			struct events *events, struct msb_error *err)
{
	int r = 0;

	caches->writer = writer;
	caches->events = events;
	caches->sources = calloc(caches->from_count + 1, sizeof(*caches->sources));
	if (!caches->sources)
		return msb_error_memory(err);
	pthread_mutex_init(&caches->lock, NULL);
	for (size_t i = 0; r >= 0 && i < caches->from_count; i++) {
		struct shared_source *source = &caches->sources[i];
		struct msb_error why = {0};

		source->option = &caches->from[i];
		r = begin_source(caches, source, &why);
		if (r < 0)
			r = give_up(caches, source, r, &why, err);
	}
	return r;
}

/* --- One step's tree --- */

static bool is_here(struct shared_caches *caches, const struct msb_digest *digest)
{
	return msb_store_has(store_writer_store(caches->writer), digest, NULL, NULL) > 0;
}

static int fetch_bundle(struct shared_source *source, size_t index, struct msb_error *err)
{
	int r;

	if (source->fetched[index])
		return 0;
	r = cache_place_fetch(source->place, &source->document.bundles[index], err);
	source->fetched[index] = r >= 0;
	return r;
}

/* Its files stay where they are, if they can be had one by one. */
static int leave_bundle(struct shared_source *source, size_t index, struct msb_error *err)
{
	const struct shared_bundle *bundle = &source->document.bundles[index];
	int r;

	if (!bundle->has_frames || !cache_place_domain(source->place))
		return fetch_bundle(source, index, err);
	if (source->fetched[index])
		return 0;
	r = cache_place_leave(source->place, bundle, err);
	source->fetched[index] = r >= 0;
	return r;
}

/* A directory on the way, and how many entries somebody says are below it. */
struct walk_item {
	struct msb_digest digest;
	uint64_t entries;
	bool claimed;
};

struct walk {
	struct shared_caches *caches;
	struct shared_source *source;
	struct walk_item *items; /* owned; what is left to see */
	size_t count, capacity;
	bool *wanted; /* owned; bundles that contents are in */
};

static void walk_done(struct walk *walk)
{
	free(walk->items);
	free(walk->wanted);
}

static int walk_push(struct walk *walk, const struct walk_item *item, struct msb_error *err)
{
	if (walk->count == walk->capacity) {
		size_t capacity = walk->capacity ? 2 * walk->capacity : 64;
		struct walk_item *grown = reallocarray(walk->items, capacity, sizeof(*grown));

		if (!grown)
			return msb_error_memory(err);
		walk->items = grown;
		walk->capacity = capacity;
	}
	walk->items[walk->count++] = *item;
	return 0;
}

/* size: what a directory says, NULL: nothing. -ENODATA, without a message, for what is neither here
 * nor there. What is elsewhere already is from now on there, too. */
static int want_content(struct walk *walk, const struct msb_digest *digest, const uint64_t *size,
			struct msb_error *err)
{
	int presence = msb_store_has(store_writer_store(walk->caches->writer), digest, NULL, err);
	const struct shared_bundle *bundle;
	char text[MSB_DIGEST_TEXT];
	uint64_t at;

	if (presence < 0 || presence == MSB_HERE)
		return presence < 0 ? presence : 0;
	if (!digest_map_find(&walk->source->blobs, digest, &at))
		return presence == MSB_REMOTE ? 0 : -ENODATA;
	bundle = &walk->source->document.bundles[at >> 32];
	if (size && bundle->blobs[at & UINT32_MAX].size != *size)
		return msb_error_say(err, EBADMSG, "blob %s is not as large as is said of it",
				     msb_digest_format(digest, text));
	walk->wanted[at >> 32] = true;
	return 0;
}

static int load_directory(struct walk *walk, const struct msb_digest *digest, struct msb_dir **ret,
			  struct msb_error *err)
{
	uint64_t at;
	int r = 0;

	if (!is_here(walk->caches, digest)) {
		if (!digest_map_find(&walk->source->blobs, digest, &at))
			return -ENODATA;
		r = fetch_bundle(walk->source, (size_t)(at >> 32), err);
	}
	return r < 0 ? r
		     : msb_tree_load(store_writer_store(walk->caches->writer), digest, ret, err);
}

static int see_entries(struct walk *walk, struct msb_dir *dir, uint64_t *ret_entries,
		       struct msb_error *err)
{
	uint64_t entries = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < msb_dir_count(dir); i++) {
		struct msb_entry entry;

		msb_dir_get(dir, i, &entry);
		if (__builtin_add_overflow(entries, 1 + entry.entries, &entries))
			return msb_error_say(err, EBADMSG, "a directory has too many entries");
		if (entry.type == MSB_FILE)
			r = want_content(walk, &entry.digest, &entry.size, err);
		else if (entry.type == MSB_DIRECTORY)
			r = walk_push(walk, &(struct walk_item){entry.digest, entry.entries, true},
				      err);
	}
	*ret_entries = entries;
	return r;
}

static int see_directory(struct walk *walk, const struct walk_item *item, struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	char text[MSB_DIGEST_TEXT];
	uint64_t entries;
	int r = 0;

	if (!digest_map_find(&walk->caches->whole, &item->digest, &entries)) {
		r = load_directory(walk, &item->digest, &dir, err);
		if (r >= 0)
			r = see_entries(walk, dir, &entries, err);
		if (r >= 0 && digest_map_set(&walk->caches->whole, &item->digest, entries) < 0)
			r = msb_error_memory(err);
	}
	if (r >= 0 && item->claimed && item->entries != entries)
		return msb_error_say(err, EBADMSG, "directory %s does not hold what is said of it",
				     msb_digest_format(&item->digest, text));
	return r;
}

static int settle_contents(struct walk *walk, struct msb_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < walk->source->document.bundle_count; i++)
		if (walk->wanted[i])
			r = leave_bundle(walk->source, i, err);
	return r;
}

static int make_whole(struct shared_caches *caches, struct shared_source *source,
		      const struct cached_step *step, struct msb_error *err)
{
	AUTO(walk_done) struct walk walk = {.caches = caches, .source = source};
	int r;

	walk.wanted = calloc(source->document.bundle_count + 1, sizeof(*walk.wanted));
	if (!walk.wanted)
		return msb_error_memory(err);
	r = walk_push(&walk, &(struct walk_item){.digest = step->tree}, err);
	if (r >= 0 && step->has_log)
		r = want_content(&walk, &step->log, NULL, err);
	while (r >= 0 && walk.count > 0) {
		const struct walk_item item = walk.items[--walk.count];

		r = see_directory(&walk, &item, err);
	}
	if (r >= 0)
		r = settle_contents(&walk, err);
	/* What was seen on the way is not whole after all. */
	if (r < 0)
		digest_map_done(&caches->whole);
	return r;
}

/* --- One step --- */

static int publish(struct shared_caches *caches, const struct shared_step *step,
		   struct msb_error *err)
{
	int r = store_begin(caches->writer, err);

	if (r < 0)
		return r;
	r = store_cache_set(caches->writer, &step->key, &step->step, err);
	return store_end(caches->writer, r, err);
}

static int find_in(struct shared_caches *caches, struct shared_source *source,
		   const struct msb_digest *key, struct cached_step *ret, struct msb_error *err)
{
	struct msb_error why = {0};
	const struct shared_step *step;
	uint64_t index;
	int r;

	if (!source->usable || !digest_map_find(&source->steps, key, &index))
		return -ENOENT;
	step = &source->document.steps[index];
	r = make_whole(caches, source, &step->step, &why);
	if (r == -ENODATA)
		return -ENOENT;
	if (r < 0) {
		r = give_up(caches, source, r, &why, err);
		return r < 0 ? r : -ENOENT;
	}
	r = publish(caches, step, err);
	if (r >= 0)
		*ret = step->step;
	return r;
}

int shared_caches_find(struct shared_caches *caches, const struct msb_digest *key,
		       struct cached_step *ret, struct msb_error *err)
{
	int r = -ENOENT;

	if (caches->from_count == 0)
		return r;
	pthread_mutex_lock(&caches->lock);
	for (size_t i = 0; r == -ENOENT && i < caches->from_count; i++)
		r = find_in(caches, &caches->sources[i], key, ret, err);
	pthread_mutex_unlock(&caches->lock);
	return r;
}

/* --- Layers. Documents do not change once they are read. --- */

static const struct shared_layer *find_layer(const struct shared_source *source,
					     const struct msb_digest *parent,
					     const struct msb_digest *tree)
{
	struct msb_digest key;
	uint64_t index;

	shared_layer_key(parent, tree, &key);
	return digest_map_find(&source->layers, &key, &index) ? &source->document.layers[index]
							      : NULL;
}

int shared_caches_find_layer(const struct shared_caches *caches, const struct msb_digest *parent,
			     const struct msb_digest *tree, struct layer_record *ret)
{
	for (size_t i = 0; i < caches->from_count; i++) {
		const struct shared_layer *layer = find_layer(&caches->sources[i], parent, tree);

		if (layer) {
			*ret = layer->record;
			return 0;
		}
	}
	return -ENOENT;
}

int shared_caches_settle_layer(struct shared_caches *caches, struct layer_record *layer,
			       struct msb_error *err)
{
	struct msb_store *store = store_writer_store(caches->writer);
	int r = msb_store_has(store, &layer->blob, NULL, err);

	for (size_t i = 0; r == MSB_ABSENT && i < caches->from_count; i++) {
		struct shared_source *source = &caches->sources[i];
		const struct shared_layer *told = find_layer(source, &layer->parent, &layer->tree);
		struct msb_error why = {0};

		if (!told || !told->record.has_blob ||
		    !msb_digest_equal(&told->record.blob, &layer->blob))
			continue;
		r = cache_place_leave_layer(source->place, told, &why);
		if (r >= 0)
			return 0;
		if (r == -ENOMEM)
			return msb_error_memory(err);
		r = MSB_ABSENT;
	}
	layer->has_blob = r > 0;
	return r < 0 ? r : 0;
}
