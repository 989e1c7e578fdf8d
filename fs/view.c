#include <pthread.h>
#include <string.h>

#include <msb/records.h>

#include "inode.h"
#include "view.h"

/* Hard link number to preorder number: open addressing, at most half full, 0 for a free slot
 * (link numbers start at 1). */
struct link_map {
	pthread_mutex_t lock;
	struct link_slot {
		uint32_t link, number;
	} * slots; /* owned */
	size_t capacity, count;
};

#define BUCKETS 1024

struct views {
	pthread_rwlock_t lock; /* guards all below; what views point to never moves */
	uint64_t secret;       /* of the store, once there is a view */
	struct view **views;   /* owned; views[n - 1] is number n */
	size_t count, capacity;
	struct view *by_place[BUCKETS];
	struct shown_tree *trees[BUCKETS];
};

/* Trees no record names have no number of the store's; these are above all that have. */
#define UNNUMBERED (UINT64_C(1) << 31)
/* A view number has 28 bits in a node id. */
#define VIEWS_MAX ((UINT32_C(1) << 28) - 1)

static struct link_map *link_map_new(void)
{
	struct link_map *map = calloc(1, sizeof(*map));

	if (map)
		pthread_mutex_init(&map->lock, NULL);
	return map;
}

static void link_map_free(struct link_map *map)
{
	if (!map)
		return;
	pthread_mutex_destroy(&map->lock);
	free(map->slots);
	free(map);
}

static struct link_slot *link_slot(struct link_slot *slots, size_t capacity, uint32_t link)
{
	size_t at = link * UINT32_C(2654435761) & (capacity - 1);

	while (slots[at].link && slots[at].link != link)
		at = (at + 1) & (capacity - 1);
	return &slots[at];
}

static int link_map_grow(struct link_map *map)
{
	size_t capacity = map->capacity ? map->capacity * 2 : 64;
	struct link_slot *slots = calloc(capacity, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].link)
			*link_slot(slots, capacity, map->slots[i].link) = map->slots[i];
	free(map->slots);
	map->slots = slots;
	map->capacity = capacity;
	return 0;
}

int view_note_link(const struct view *view, uint32_t link, uint32_t number)
{
	struct link_map *map = view->tree->links;
	struct link_slot *slot;
	int r = 0;

	pthread_mutex_lock(&map->lock);
	if (2 * (map->count + 1) > map->capacity)
		r = link_map_grow(map);
	if (r == 0) {
		slot = link_slot(map->slots, map->capacity, link);
		if (!slot->link) {
			*slot = (struct link_slot){link, number};
			map->count++;
		}
	}
	pthread_mutex_unlock(&map->lock);
	return r;
}

int view_find_link(const struct view *view, uint32_t link, uint32_t *ret_number)
{
	struct link_map *map = view->tree->links;
	const struct link_slot *slot;
	int r = -ENOENT;

	pthread_mutex_lock(&map->lock);
	if (map->capacity && link) {
		slot = link_slot(map->slots, map->capacity, link);
		if (slot->link) {
			*ret_number = slot->number;
			r = 0;
		}
	}
	pthread_mutex_unlock(&map->lock);
	return r;
}

struct views *views_new(void)
{
	struct views *views = calloc(1, sizeof(*views));

	if (views)
		pthread_rwlock_init(&views->lock, NULL);
	return views;
}

void views_free(struct views *views)
{
	struct shown_tree *tree, *next;

	if (!views)
		return;
	for (size_t i = 0; i < views->count; i++) {
		free(views->views[i]->name);
		free(views->views[i]);
	}
	for (size_t i = 0; i < BUCKETS; i++)
		for (tree = views->trees[i]; tree; tree = next) {
			next = tree->next;
			link_map_free(tree->links);
			free(tree);
		}
	free(views->views);
	pthread_rwlock_destroy(&views->lock);
	free(views);
}

static size_t bucket_of_tree(const struct msb_digest *tree)
{
	return (tree->bytes[0] | (size_t)tree->bytes[1] << 8) % BUCKETS;
}

static size_t bucket_of_view(uint64_t place, const struct msb_digest *tree)
{
	return (bucket_of_tree(tree) ^ (place * UINT64_C(0x9e3779b97f4a7c15) >> 40)) % BUCKETS;
}

static struct view *find_view(struct views *views, uint64_t place, const struct msb_digest *tree)
{
	struct view *view = views->by_place[bucket_of_view(place, tree)];

	while (view && (view->place != place || !msb_digest_equal(&view->tree->digest, tree)))
		view = view->next;
	return view;
}

static struct shown_tree *find_tree(struct views *views, const struct msb_digest *digest)
{
	struct shown_tree *tree = views->trees[bucket_of_tree(digest)];

	while (tree && !msb_digest_equal(&tree->digest, digest))
		tree = tree->next;
	return tree;
}

static struct shown_tree *add_tree(struct views *views, const struct msb_digest *digest,
				   uint64_t number, uint32_t view)
{
	struct shown_tree *tree = calloc(1, sizeof(*tree));
	struct shown_tree **bucket = &views->trees[bucket_of_tree(digest)];

	if (!tree)
		return NULL;
	tree->links = link_map_new();
	if (!tree->links) {
		free(tree);
		return NULL;
	}
	tree->digest = *digest;
	tree->number = number ? number : UNNUMBERED + view;
	tree->secret = views->secret;
	tree->files_view = view;
	tree->next = *bucket;
	*bucket = tree;
	return tree;
}

static int make_room(struct views *views)
{
	size_t capacity = views->capacity ? views->capacity * 2 : 64;
	struct view **larger;

	if (views->count < views->capacity)
		return 0;
	if (views->count >= VIEWS_MAX)
		return -ENFILE;
	larger = realloc(views->views, capacity * sizeof(struct view *));
	if (!larger)
		return -ENOMEM;
	views->views = larger;
	views->capacity = capacity;
	return 0;
}

static int add_view(struct views *views, uint64_t place, uint64_t above,
		    const struct msb_digest *digest, uint64_t number, struct view **ret)
{
	autofree struct view *view = calloc(1, sizeof(*view));
	struct view **bucket = &views->by_place[bucket_of_view(place, digest)];
	int r = make_room(views);

	if (r < 0)
		return r;
	if (!view)
		return -ENOMEM;
	view->place = place;
	view->above = above;
	view->number = (uint32_t)views->count + 1;
	view->tree = find_tree(views, digest);
	if (!view->tree)
		view->tree = add_tree(views, digest, number, view->number);
	if (!view->tree)
		return -ENOMEM;
	view->next = *bucket;
	*bucket = view;
	views->views[views->count++] = view;
	*ret = steal(&view);
	return 0;
}

int views_get(struct views *views, struct msb_store *store, uint64_t place, uint64_t above,
	      const struct msb_digest *tree, const struct view **ret, struct msb_error *err)
{
	struct view *view;
	uint64_t secret = 0;
	uint32_t number = 0;
	int r;

	pthread_rwlock_rdlock(&views->lock);
	view = find_view(views, place, tree);
	pthread_rwlock_unlock(&views->lock);
	if (!view) {
		r = msb_records_tree_number(store, tree, &number, err);
		if (r == 0 && number >= INODE_TREE_LIMIT)
			return -EOVERFLOW;
		if (r == 0 || r == -ENOENT)
			r = msb_records_secret(store, &secret, err);
		if (r < 0)
			return r;
		pthread_rwlock_wrlock(&views->lock);
		views->secret = secret;
		view = find_view(views, place, tree);
		if (!view)
			r = add_view(views, place, above, tree, number, &view);
		pthread_rwlock_unlock(&views->lock);
		if (r < 0)
			return msb_error_set(err, r, "show a tree");
	}
	*ret = view;
	return 0;
}

const struct view *views_at(struct views *views, uint32_t number)
{
	const struct view *view = NULL;

	pthread_rwlock_rdlock(&views->lock);
	if (number && number <= views->count)
		view = views->views[number - 1];
	pthread_rwlock_unlock(&views->lock);
	return view;
}

int views_note_name(struct views *views, uint32_t number, const char *name)
{
	autofree char *copy = NULL;
	struct view *view;
	bool same;

	pthread_rwlock_rdlock(&views->lock);
	view = views->views[number - 1];
	same = view->name && strcmp(view->name, name) == 0;
	pthread_rwlock_unlock(&views->lock);
	if (same)
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	pthread_rwlock_wrlock(&views->lock);
	free(view->name);
	view->name = steal(&copy);
	pthread_rwlock_unlock(&views->lock);
	return 0;
}

char *views_name(struct views *views, uint32_t number)
{
	const struct view *view = views_at(views, number);
	char *name = NULL;

	if (!view)
		return NULL;
	pthread_rwlock_rdlock(&views->lock);
	if (view->name)
		name = strdup(view->name);
	pthread_rwlock_unlock(&views->lock);
	return name;
}

struct shown_tree *views_tree(struct views *views, const struct msb_digest *digest)
{
	struct shown_tree *tree;

	pthread_rwlock_rdlock(&views->lock);
	tree = find_tree(views, digest);
	pthread_rwlock_unlock(&views->lock);
	return tree;
}
