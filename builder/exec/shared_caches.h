/* --cache-from and --cache-to: step caches that machines share. */
#ifndef SHARED_CACHES_H
#define SHARED_CACHES_H

#include <pthread.h>
#include <stdbool.h>

#include <msb/error.h>

#include "digest_map.h"
#include "events.h"
#include "shared_cache.h"
#include "store_writer.h"

/* A value of one of the two options. */
struct shared_option {
	char *text;      /* as written; owned, as the next two */
	char *reference; /* in a registry, or */
	char *directory; /* here */
	bool all_stages; /* mode=max */
	bool may_fail;   /* ignore-error=true */
	bool beside;     /* type=inline: beside each image that is pushed */
};

/* Where the cache of an image is that is pushed under this name: a tag beside its own. Owned; NULL:
 * no memory, or the name has no tag. */
char *shared_caches_beside(const char *name);

/* A cache that steps may come from. */
struct shared_source {
	const struct shared_option *option;
	struct cache_place *place;
	struct shared_document document;
	struct digest_map steps, layers; /* key to step; pair of trees to layer */
	struct digest_map blobs;         /* to bundle and place in it: blob_at() */
	bool *fetched;                   /* one a bundle, also when it was left there; owned */
	bool usable;
};

struct shared_caches {
	struct shared_option *from, *to; /* owned */
	size_t from_count, to_count;
	struct store_writer *writer; /* borrowed, as the next */
	struct events *events;

	pthread_mutex_t lock;
	struct shared_source *sources; /* owned; guarded by lock, as the next */
	struct digest_map whole;       /* directories with all that is below: entries there */
};

/* Values of the options, NULL-terminated (NULL: none). -EINVAL with what is wrong. Done takes
 * zeros. */
int shared_caches_parse(const char *const *from, const char *const *to, struct shared_caches *ret,
			struct msb_error *err);
void shared_caches_done(struct shared_caches *caches);

/* Asks for what --cache-from names. What cannot be had is told in a note, and does without. */
int shared_caches_begin(struct shared_caches *caches, struct store_writer *writer,
			struct events *events, struct msb_error *err);

/* A step that the store does not know: fetches its tree, records where its files and its log can be
 * had, or fetches them, too, and tells the step cache. -ENOENT without a message: nobody has it. By
 * any thread. */
int shared_caches_find(struct shared_caches *caches, const struct msb_digest *key,
		       struct cached_step *ret, struct msb_error *err);

/* The layer between two trees as a cache tells it. -ENOENT without a message. By any thread. */
int shared_caches_find_layer(const struct shared_caches *caches, const struct msb_digest *parent,
			     const struct msb_digest *tree, struct layer_record *ret);
/* Records where such a layer's compressed form is, before the layer is put on record; or takes that
 * out of the layer. */
int shared_caches_settle_layer(struct shared_caches *caches, struct layer_record *layer,
			       struct msb_error *err);

struct build;
/* What the build's steps were, to the places that --cache-to names. */
int shared_caches_send(struct build *build, struct msb_error *err);

/* A note: "cache-from X: …". */
void shared_caches_tell(struct events *events, const char *option, const char *where,
			const char *text);

#endif
