/* Entries, edits and trees in few words, for the tests of trees. On a store_fixture. */
#ifndef TREE_FIXTURE_H
#define TREE_FIXTURE_H

#include "store_fixture.h"

#include <msb/tree.h>
#include <msb/tree_diff.h>

#include "tree_edit.h"
#include "tree_text.h"

/* 1,000,000 + n seconds, 0644 or 0755, 0:0; a file's digest and size follow from n. */
struct msb_entry a_file(uint8_t n);
struct msb_entry a_directory(void);
struct msb_entry a_symlink(const char *target);

void put(struct fixture *fixture, struct tree_edit *edit, const char *path, struct msb_entry entry);
struct msb_entry get(struct fixture *fixture, struct tree_edit *edit, const char *path);
struct msb_digest commit(struct fixture *fixture, struct tree_edit *edit);
struct tree_edit *edit_of(struct fixture *fixture, const struct msb_digest *base);
/* Owned by the caller. */
char *text_of(struct fixture *fixture, const struct msb_digest *tree);
/* Of the entry in a committed tree; its pointers are not valid. */
struct msb_entry entry_of(struct fixture *fixture, const struct msb_digest *tree, const char *path);
void expect_digest(const struct msb_digest *a, const struct msb_digest *b);
void expect_distinct(const struct msb_digest *a, const struct msb_digest *b);

/* Repeatable numbers. */
uint32_t next_random(uint64_t *seed);

#endif
