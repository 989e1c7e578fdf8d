/*
 * The names outside of trees: the top, stages/, images/, builds/, cache/ and .trees/. They are
 * looked up in the records each time and never last, apart from the fixed names at the top.
 */
#ifndef NAMES_H
#define NAMES_H

#include "inode.h"
#include "internal.h"
#include "node.h"
#include "view.h"

int names_lookup(struct core *core, uint64_t parent, const char *name, struct core_node *ret);
int names_stat(struct core *core, uint64_t id, struct core_node *ret);
int names_list(struct core *core, uint64_t id, uint64_t offset, core_list_fn each, void *context);
int names_readlink(struct core *core, uint64_t id, char **ret);
ssize_t names_read(struct core *core, uint64_t id, void *bytes, size_t size, uint64_t offset);

/* A listing of names that are to be looked up when somebody is interested. */
struct name_list {
	uint64_t offset, at;
	core_list_fn each;
	void *context;
	bool full;
};
void name_list_add(struct name_list *list, const char *name, uint64_t id, mode_t type);

/* The root directory of tree as the answer to a name: above shows it as place. */
int names_answer_tree(struct core *core, uint64_t place, uint64_t above,
		      const struct msb_digest *tree, struct core_node *ret);
/* A directory, link or file that is in no tree. */
void names_answer(uint64_t id, mode_t mode, uint64_t size, int64_t time_ns, struct core_node *ret);

/* names_builds.c: names below builds/, by their kinds. */
int build_lookup(struct core *core, uint64_t parent, const char *name, struct core_node *ret);
int build_stat(struct core *core, uint64_t id, struct core_node *ret);
int build_list(struct core *core, uint64_t id, struct name_list *list);
int build_readlink(struct core *core, uint64_t id, char **ret);
ssize_t build_read(struct core *core, uint64_t id, void *bytes, size_t size, uint64_t offset);
/* stages/ at the top: those of the newest build. */
int shown_lookup(struct core *core, const char *name, struct core_node *ret);
int shown_list(struct core *core, struct name_list *list);

/* names_images.c: images/ and the directories in it; prefix is "" or a path below images/. */
int images_lookup(struct core *core, uint64_t parent, const char *name, struct core_node *ret);
int images_stat(struct core *core, uint64_t id, struct core_node *ret);
int images_list(struct core *core, uint64_t id, struct name_list *list);
/* The root of the image whose name without a tag that directory is, if it is here. -ENOENT. */
int images_root(struct core *core, uint64_t id, struct node *ret);

/* names_caches.c: cache/; what lies below its names is disk.h's. */
void caches_stat(struct core *core, struct core_node *ret);
int caches_lookup(struct core *core, const char *name, struct core_node *ret);
int caches_list(struct core *core, struct name_list *list);

#endif
