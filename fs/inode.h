/*
 * Numbers: which node a 64-bit id means, and which inode number users see for it. Nothing is
 * remembered for a node: its id says all.
 *
 *   id          what
 *   1…15        the fixed names at the top (enum inode_fixed)
 *   0 | view 28 | link flag 1 | number 31   an entry of a tree, in the low 60 bits: the view that
 *               shows it, and its preorder number + 1, or with the flag its hard link number
 *   1 | n 60    a directory of image names, interned as n
 *   2 | kind 5 | by name 1 | build 26 | stage 14 | step 14   a name below builds/
 *   3 | n 60    a file of the disk below cache/, the table's nth (disk.h)
 *
 * Each starts with four tag bits. Hard links of one file share one id.
 *
 * Inode numbers of tree entries are stable over remounts and the same wherever the tree is shown:
 *
 *   directory   (tree number) << 28 | preorder number: so a tree may have up to 2^27 entries; those
 *               beyond cannot be shown
 *   hard link   (tree number) << 28 | 1 << 27 | link number
 *   other       1 << 52 | 52 bits of a hash of its path in the tree, attributes and content, seeded
 *               with the store's secret: what two trees have in common has one number in both, like
 *               a hard link, and programs that compare trees (diff, cmp) need not read it
 *
 * Two paths of one tree never have a number in common, but for that hash. All are exact as a double
 * (below 2^53), which is what some languages take them for. A file of the disk has its number
 * there, with the tag. All other inode numbers are the ids themselves.
 */
#ifndef INODE_H
#define INODE_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/tree.h>

#include "core.h"

enum inode_fixed {
	INODE_ROOT = CORE_ROOT,
	INODE_STAGES = 2,
	INODE_IMAGES = 3,
	INODE_BUILDS = 4,
	INODE_TREES = 5,        /* .trees; also the place of what .trees/<hex> shows */
	INODE_TREES_PREFIX = 6, /* the place of what .trees/sha256:<hex> shows */
	INODE_CACHES = 7,
};

#define INODE_LIMIT      (UINT32_C(1) << 27) /* of preorder numbers */
#define INODE_TREE_LIMIT (UINT32_C(1) << 24) /* of tree numbers */

enum inode_kind {
	KIND_BUILD = 1, /* builds/<id> */
	KIND_DOCKERFILE,
	KIND_LOG,
	KIND_INFO,
	KIND_FAILED,
	KIND_STAGES, /* builds/<id>/stages */
	KIND_STAGE,  /* builds/<id>/stages/<name|index>; place of its rootfs */
	KIND_STEPS,
	KIND_STEP, /* …/steps/<n>; place of its rootfs */
	KIND_INSTRUCTION,
	KIND_STEP_LOG,
	KIND_STEP_OUTPUT,
	KIND_CHANGES,
	KIND_CONFIG,
	KIND_SHOWN,  /* place of stages/<name|index>, whichever build it is from */
	KIND_LATEST, /* builds/latest while it leads to this build: the kernel keeps a link's
		      * target, so that another target is another node */
};

/* A name below builds/. */
struct inode_name {
	enum inode_kind kind;
	bool by_name; /* the stage was reached by its name, not its index: a directory of its own,
		       * as a directory has one parent and one name for the kernel */
	uint32_t build, stage, step;
};

/* 0 where a number is too large to be shown. */
uint64_t inode_pack(const struct inode_name *name);
bool inode_is_name(uint64_t id);
void inode_unpack(uint64_t id, struct inode_name *ret);

uint64_t inode_of_images(uint64_t interned);
bool inode_is_images(uint64_t id);
uint64_t inode_interned(uint64_t id);

uint64_t inode_of_disk(uint64_t number);
bool inode_is_disk(uint64_t id);
uint64_t inode_disk_number(uint64_t id);

bool inode_is_tree(uint64_t id);
uint32_t inode_view(uint64_t id);
/* True for a hard link; *ret is then its link number, else its preorder number. */
bool inode_number(uint64_t id, uint32_t *ret);
uint64_t inode_of_entry(uint32_t view, uint32_t number);
uint64_t inode_of_link(uint32_t view, uint32_t link);

/* A path in a tree, seeded: that of the directory it is in, and its name there. */
uint64_t inode_path(uint64_t directory, const char *name, size_t length);
/* The attributes of a tree's entry. */
void inode_stat(const struct msb_entry *entry, uint64_t tree_number, uint32_t number, uint64_t path,
		struct stat *ret);
/* The attributes of a name that is in no tree. */
void inode_stat_name(uint64_t id, mode_t mode, uint64_t size, int64_t time_ns, struct stat *ret);

#endif
