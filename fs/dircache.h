/*
 * Decoded directories by their objects' digests, shared by all views and threads, within a budget
 * of bytes; and where the contents of their files are, so that reading asks no database twice.
 */
#ifndef DIRCACHE_H
#define DIRCACHE_H

#include <stdbool.h>

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>
#include <msb/tree.h>

struct dircache;

/* One directory in use: valid from dircache_get() to dircache_put(). */
struct cached_dir {
	struct msb_dir *dir;
	struct msb_digest digest;
	/* The rest is the cache's own. */
	struct known_location *locations; /* one an entry, or NULL; owned */
	size_t footprint;
	unsigned users;
	struct cached_dir *chain;
	struct cached_dir *newer, *older;
};

struct dircache *dircache_new(struct msb_store *store, size_t budget);
/* All directories must have been put back. */
void dircache_free(struct dircache *cache);
DEFINE_AUTO(struct dircache, dircache_free)

/* -EIO for anything that is missing or damaged. */
int dircache_get(struct dircache *cache, const struct msb_digest *object, struct cached_dir **ret,
		 struct msb_error *err);
void dircache_put(struct dircache *cache, struct cached_dir *dir); /* NULL is fine */

/* Gives back what is not in use, but for a small part, and the memory to the system. */
void dircache_trim(struct dircache *cache);

/* Whether the content of the file at index was compared with its digest, and found equal. */
bool dircache_is_verified(struct dircache *cache, struct cached_dir *dir, size_t index);
void dircache_set_verified(struct dircache *cache, struct cached_dir *dir, size_t index);

/* Whether that is known already. */
bool dircache_knows(struct dircache *cache, struct cached_dir *dir, size_t index);
/* Where the content of the file at index is. again: what was known is wrong. */
int dircache_locate(struct dircache *cache, struct cached_dir *dir, size_t index, bool again,
		    struct msb_location *ret, struct msb_error *err);

#endif
