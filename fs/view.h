/*
 * Views: places where a tree is shown. The same tree in two places is two views, because a
 * directory has one parent for the kernel; a place whose tree changes leads to a new view while the
 * old one stays for whoever still holds a node of it. Views are few and live as long as the
 * program.
 */
#ifndef VIEW_H
#define VIEW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

/* What all views of one tree share. */
struct shown_tree {
	struct msb_digest digest;
	uint64_t number;     /* for inode numbers */
	uint64_t secret;     /* of the store, for inode numbers, too */
	uint32_t files_view; /* the first view: non-directories have their nodes there, so that all
			      * places share one page cache */
	struct link_map *links;
	_Atomic enum labels_known { LABELS_UNKNOWN, LABELS_NONE, LABELS_SOME } labels;
	/* held.h: nodes the kernel was answered and has not forgotten; stands in the list, in
	 * slot; leaves it when there are no such nodes. */
	atomic_uint_fast64_t lookups;
	atomic_bool published, asked;
	uint32_t slot;
	struct shown_tree *next;
};

struct view {
	uint64_t place; /* the id of the directory, or of the name, that shows it */
	uint64_t above; /* node id of the directory it is shown in */
	uint32_t number;
	char *name; /* there, as it was asked for last; owned, guarded by the views' lock */
	struct shown_tree *tree;
	struct view *next;
};

struct views;

struct views *views_new(void);
void views_free(struct views *views);
DEFINE_AUTO(struct views, views_free)

/* The view of this tree at this place, made when it is new. Borrowed. */
int views_get(struct views *views, struct msb_store *store, uint64_t place, uint64_t above,
	      const struct msb_digest *tree, const struct view **ret, struct msb_error *err);
/* NULL when there is none. Borrowed. */
const struct view *views_at(struct views *views, uint32_t number);

/* Remembers by which name a view was reached; and copies it for the caller (NULL: none). */
int views_note_name(struct views *views, uint32_t number, const char *name);
char *views_name(struct views *views, uint32_t number);
/* NULL when it is shown nowhere. Borrowed. */
struct shown_tree *views_tree(struct views *views, const struct msb_digest *digest);

/* Remembers one name of a hard link, by its preorder number; and gives it back (-ENOENT). */
int view_note_link(const struct view *view, uint32_t link, uint32_t number);
int view_find_link(const struct view *view, uint32_t link, uint32_t *ret_number);

#endif
