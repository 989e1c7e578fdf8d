#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "dircache.h"

#define BUCKETS 16384
/* What stays of the budget when memory is given back. */
#define TRIMMED 8
/* So many entries' contents are located at once. */
#define BATCH 128

struct known_location {
	struct msb_location location;
	atomic_bool known; /* set after location is whole */
	atomic_bool verified;
};

struct dircache {
	struct msb_store *store;
	size_t budget;
	pthread_mutex_t lock; /* guards all below, and cache fields of directories */
	size_t bytes;
	struct cached_dir *newest, *oldest;
	struct cached_dir *buckets[BUCKETS];
	pthread_mutex_t locate_lock; /* writing a location */
};

struct dircache *dircache_new(struct msb_store *store, size_t budget)
{
	struct dircache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->store = store;
	cache->budget = budget;
	pthread_mutex_init(&cache->lock, NULL);
	pthread_mutex_init(&cache->locate_lock, NULL);
	return cache;
}

static void dir_free(struct cached_dir *dir)
{
	msb_dir_unref(dir->dir);
	free(dir->locations);
	free(dir);
}

void dircache_free(struct dircache *cache)
{
	struct cached_dir *dir, *older;

	if (!cache)
		return;
	for (dir = cache->newest; dir; dir = older) {
		older = dir->older;
		dir_free(dir);
	}
	pthread_mutex_destroy(&cache->lock);
	pthread_mutex_destroy(&cache->locate_lock);
	free(cache);
}

static struct cached_dir **bucket_of(struct dircache *cache, const struct msb_digest *digest)
{
	return &cache->buckets[(digest->bytes[0] | (size_t)digest->bytes[1] << 8) % BUCKETS];
}

static void unlink_age(struct dircache *cache, struct cached_dir *dir)
{
	*(dir->newer ? &dir->newer->older : &cache->newest) = dir->older;
	*(dir->older ? &dir->older->newer : &cache->oldest) = dir->newer;
}

static void link_newest(struct dircache *cache, struct cached_dir *dir)
{
	dir->newer = NULL;
	dir->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = dir;
	cache->newest = dir;
}

static struct cached_dir *find(struct dircache *cache, const struct msb_digest *digest)
{
	struct cached_dir *dir = *bucket_of(cache, digest);

	while (dir && !msb_digest_equal(&dir->digest, digest))
		dir = dir->chain;
	if (!dir)
		return NULL;
	if (dir != cache->newest) {
		unlink_age(cache, dir);
		link_newest(cache, dir);
	}
	dir->users++;
	return dir;
}

static void evict(struct dircache *cache, struct cached_dir *dir)
{
	struct cached_dir **at = bucket_of(cache, &dir->digest);

	while (*at != dir)
		at = &(*at)->chain;
	*at = dir->chain;
	unlink_age(cache, dir);
	cache->bytes -= dir->footprint;
	dir_free(dir);
}

static void shrink(struct dircache *cache, size_t budget)
{
	struct cached_dir *dir = cache->oldest, *newer;

	for (; dir && cache->bytes > budget; dir = newer) {
		newer = dir->newer;
		if (dir->users == 0)
			evict(cache, dir);
	}
}

static void insert(struct dircache *cache, struct cached_dir *dir)
{
	struct cached_dir **bucket = bucket_of(cache, &dir->digest);

	dir->chain = *bucket;
	*bucket = dir;
	link_newest(cache, dir);
	cache->bytes += dir->footprint;
	shrink(cache, cache->budget);
}

void dircache_trim(struct dircache *cache)
{
	pthread_mutex_lock(&cache->lock);
	shrink(cache, cache->budget / TRIMMED);
	pthread_mutex_unlock(&cache->lock);
	malloc_trim(0);
}

static int load(struct dircache *cache, const struct msb_digest *object, struct cached_dir **ret,
		struct msb_error *err)
{
	struct cached_dir *dir = calloc(1, sizeof(*dir));
	int r;

	if (!dir)
		return msb_error_memory(err);
	r = msb_tree_load(cache->store, object, &dir->dir, err);
	if (r < 0) {
		free(dir);
		return r == -ENOMEM ? r : -EIO;
	}
	dir->digest = *object;
	dir->footprint = msb_dir_footprint(dir->dir) + sizeof(*dir);
	dir->users = 1;
	*ret = dir;
	return 0;
}

int dircache_get(struct dircache *cache, const struct msb_digest *object, struct cached_dir **ret,
		 struct msb_error *err)
{
	struct cached_dir *dir, *loaded = NULL;
	int r;

	pthread_mutex_lock(&cache->lock);
	dir = find(cache, object);
	pthread_mutex_unlock(&cache->lock);
	if (!dir) {
		r = load(cache, object, &loaded, err);
		if (r < 0)
			return r;
		pthread_mutex_lock(&cache->lock);
		/* Another thread may have been faster. */
		dir = find(cache, object);
		if (!dir) {
			insert(cache, loaded);
			dir = steal(&loaded);
		}
		pthread_mutex_unlock(&cache->lock);
		if (loaded)
			dir_free(loaded);
	}
	*ret = dir;
	return 0;
}

void dircache_put(struct dircache *cache, struct cached_dir *dir)
{
	if (!dir)
		return;
	pthread_mutex_lock(&cache->lock);
	dir->users--;
	pthread_mutex_unlock(&cache->lock);
}

static struct known_location *locations_of(struct dircache *cache, struct cached_dir *dir)
{
	struct known_location *locations;
	size_t count = msb_dir_count(dir->dir);

	pthread_mutex_lock(&cache->lock);
	if (!dir->locations) {
		dir->locations = calloc(count, sizeof(*dir->locations));
		if (dir->locations) {
			dir->footprint += count * sizeof(*dir->locations);
			cache->bytes += count * sizeof(*dir->locations);
		}
	}
	locations = dir->locations;
	pthread_mutex_unlock(&cache->lock);
	return locations;
}

/* The first answer stays: readers hold no lock. */
static void remember(struct dircache *cache, struct known_location *one,
		     const struct msb_location *location)
{
	pthread_mutex_lock(&cache->locate_lock);
	if (!atomic_load_explicit(&one->known, memory_order_relaxed)) {
		one->location = *location;
		atomic_store_explicit(&one->known, true, memory_order_release);
	}
	pthread_mutex_unlock(&cache->locate_lock);
}

/* The files from index on whose places are not known yet, BATCH at most. */
static size_t choose(const struct cached_dir *dir, const struct known_location *locations,
		     size_t index, struct msb_located *blobs, size_t *indices)
{
	size_t count = msb_dir_count(dir->dir), n = 0;
	struct msb_entry entry;

	for (size_t i = index; i < count && i - index < BATCH; i++) {
		if (atomic_load_explicit(&locations[i].known, memory_order_relaxed))
			continue;
		msb_dir_get(dir->dir, i, &entry);
		if (entry.type != MSB_FILE || entry.size == 0)
			continue;
		blobs[n].digest = entry.digest;
		indices[n++] = i;
	}
	return n;
}

/* Who reads one file of a directory often reads the next ones. What is wrong about one of them is
 * said when it is read itself. */
static void locate_some(struct dircache *cache, struct cached_dir *dir,
			struct known_location *locations, size_t index)
{
	struct msb_located blobs[BATCH];
	size_t indices[BATCH], n = choose(dir, locations, index, blobs, indices);

	if (n < 2 || msb_store_locate_all(cache->store, blobs, n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (blobs[i].found)
			remember(cache, &locations[indices[i]], &blobs[i].location);
}

int dircache_locate(struct dircache *cache, struct cached_dir *dir, size_t index, bool again,
		    struct msb_location *ret, struct msb_error *err)
{
	struct known_location *locations = locations_of(cache, dir), *one;
	struct msb_entry entry;
	int r;

	if (!locations)
		return msb_error_memory(err);
	one = &locations[index];
	if (!again && !atomic_load_explicit(&one->known, memory_order_acquire))
		locate_some(cache, dir, locations, index);
	if (!again && atomic_load_explicit(&one->known, memory_order_acquire)) {
		*ret = one->location;
		return 0;
	}
	msb_dir_get(dir->dir, index, &entry);
	r = msb_store_locate(cache->store, &entry.digest, ret, err);
	if (r == 0)
		remember(cache, one, ret);
	return r;
}

bool dircache_knows(struct dircache *cache, struct cached_dir *dir, size_t index)
{
	const struct known_location *locations = locations_of(cache, dir);

	return locations && atomic_load_explicit(&locations[index].known, memory_order_relaxed);
}

bool dircache_is_verified(struct dircache *cache, struct cached_dir *dir, size_t index)
{
	const struct known_location *locations = locations_of(cache, dir);

	return locations && atomic_load_explicit(&locations[index].verified, memory_order_relaxed);
}

void dircache_set_verified(struct dircache *cache, struct cached_dir *dir, size_t index)
{
	struct known_location *locations = locations_of(cache, dir);

	if (locations)
		atomic_store_explicit(&locations[index].verified, true, memory_order_relaxed);
}
