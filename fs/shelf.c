#include <pthread.h>
#include <string.h>

#include "path.h"
#include "shelf.h"
#include "strlist.h"

struct shelf {
	struct msb_store *store;
	pthread_mutex_t lock;    /* guards all below */
	struct shelf_list *list; /* the newest read; counts as a user; NULL at first */
	struct strlist interned; /* item n has number n; items never move nor go */
};

struct shelf *shelf_new(struct msb_store *store)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));

	if (!shelf)
		return NULL;
	shelf->store = store;
	pthread_mutex_init(&shelf->lock, NULL);
	return shelf;
}

static void list_free(struct shelf_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++)
		free(list->images[i].shown);
	free(list->images);
	free(list);
}
DEFINE_AUTO(struct shelf_list, list_free)

static void drop(struct shelf_list *list)
{
	if (list && --list->users == 0)
		list_free(list);
}

void shelf_free(struct shelf *shelf)
{
	if (!shelf)
		return;
	drop(shelf->list);
	strlist_done(&shelf->interned);
	pthread_mutex_destroy(&shelf->lock);
	free(shelf);
}

/* True when each component may be a file's name. */
static bool is_showable(const char *path)
{
	const char *end;

	do {
		end = strchrnul(path, '/');
		if (!path_is_name(path, (size_t)(end - path)))
			return false;
		path = end + 1;
	} while (*end);
	return true;
}

static bool looks_like_host(const char *path)
{
	size_t length = strcspn(path, "/");

	return path[length] && (memchr(path, '.', length) || memchr(path, ':', length) ||
				(length == 9 && memcmp(path, "localhost", 9) == 0));
}

static const char *behind(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

char *shelf_shown_name(const char *reference)
{
	const char *shown = behind(reference, "docker.io/library/");

	if (!shown || strchr(shown, '/'))
		shown = behind(reference, "docker.io/");
	/* Short only where the short name means the same. */
	if (!shown || looks_like_host(shown))
		shown = reference;
	return is_showable(shown) ? strdup(shown) : NULL;
}

static int by_shown(const void *a, const void *b)
{
	const struct shelf_image *left = a, *right = b;

	if (!left->shown || !right->shown)
		return !!left->shown - !!right->shown;
	return strcmp(left->shown, right->shown);
}

static int read_list(struct shelf *shelf, int64_t changed, struct shelf_list **ret,
		     struct msb_error *err)
{
	AUTO(list_freep) struct shelf_list *list = calloc(1, sizeof(*list));
	struct msb_image *images;
	size_t count;
	int r;

	if (!list)
		return msb_error_memory(err);
	r = msb_records_images(shelf->store, &images, &count, err);
	if (r < 0)
		return r;
	list->images = calloc(count + 1, sizeof(*list->images));
	for (size_t i = 0; list->images && i < count; i++) {
		list->images[i].id = images[i].id;
		list->images[i].tree = images[i].tree;
		if (images[i].name)
			list->images[i].shown = shelf_shown_name(images[i].name);
	}
	msb_images_free(images, count);
	if (!list->images)
		return msb_error_memory(err);
	list->count = count;
	list->changed = changed;
	qsort(list->images, count, sizeof(*list->images), by_shown);
	*ret = steal(&list);
	return 0;
}

int shelf_get(struct shelf *shelf, struct shelf_list **ret, struct msb_error *err)
{
	struct shelf_list *list = NULL;
	int64_t changed;
	int r;

	pthread_mutex_lock(&shelf->lock);
	r = msb_records_changed(shelf->store, &changed, err);
	if (r == 0 && (!shelf->list || shelf->list->changed != changed)) {
		r = read_list(shelf, changed, &list, err);
		if (r == 0) {
			drop(shelf->list);
			shelf->list = list;
			list->users = 1;
		}
	}
	if (r == 0) {
		shelf->list->users++;
		*ret = shelf->list;
	}
	pthread_mutex_unlock(&shelf->lock);
	return r;
}

void shelf_put(struct shelf *shelf, struct shelf_list *list)
{
	pthread_mutex_lock(&shelf->lock);
	drop(list);
	pthread_mutex_unlock(&shelf->lock);
}

int shelf_intern(struct shelf *shelf, const char *path, uint64_t *ret)
{
	int r = 0;
	size_t i = 0;

	pthread_mutex_lock(&shelf->lock);
	while (i < shelf->interned.count && strcmp(shelf->interned.items[i], path) != 0)
		i++;
	if (i == shelf->interned.count)
		r = strlist_add(&shelf->interned, path);
	pthread_mutex_unlock(&shelf->lock);
	if (r == 0)
		*ret = i;
	return r;
}

const char *shelf_interned(struct shelf *shelf, uint64_t number)
{
	const char *path = NULL;

	pthread_mutex_lock(&shelf->lock);
	if (number < shelf->interned.count)
		path = shelf->interned.items[number];
	pthread_mutex_unlock(&shelf->lock);
	return path;
}
