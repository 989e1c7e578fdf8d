/* Images under the names users write, kept until the records change. */
#ifndef SHELF_H
#define SHELF_H

#include <msb/records.h>

struct shelf_image {
	char *shown; /* path below images/: "node:latest", "quay.io/a/b:c"; NULL: not shown; owned
		      */
	struct msb_digest id;
	struct msb_digest tree;
};

/* Immutable, in use from shelf_get() to shelf_put(). */
struct shelf_list {
	struct shelf_image *images; /* by shown, bytewise; those without come first */
	size_t count;
	int64_t changed; /* the records' state it was read from, a time */
	unsigned users;  /* guarded by the shelf's lock */
};

struct shelf;

struct shelf *shelf_new(struct msb_store *store);
void shelf_free(struct shelf *shelf);
DEFINE_AUTO(struct shelf, shelf_free)

int shelf_get(struct shelf *shelf, struct shelf_list **ret, struct msb_error *err);
void shelf_put(struct shelf *shelf, struct shelf_list *list);

/* A number for this path that stays as long as the shelf; and back (NULL; borrowed). */
int shelf_intern(struct shelf *shelf, const char *path, uint64_t *ret);
const char *shelf_interned(struct shelf *shelf, uint64_t number);

/* What a normalized reference is shown as: Docker Hub's names short. NULL: not showable, or no
 * memory. Owned by the caller. */
char *shelf_shown_name(const char *reference);

#endif
