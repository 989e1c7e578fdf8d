/* A tree as text, one line an entry: for people, and as the oracle of tests. */
#ifndef TREE_TEXT_H
#define TREE_TEXT_H

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

/*
 * Lines in path order: "PATH TYPE MODE UID:GID MTIME" and then, by type, "SIZE DIGEST",
 * "-> TARGET" or "MAJOR,MINOR"; "links=N#NUMBER", "sparse=BYTES" and "NAME=HEX" for each extended
 * attribute where there are any. Bytes outside printable ASCII, blanks and backslashes are \ooo.
 * *ret is owned by the caller.
 */
int tree_text(struct msb_store *store, const struct msb_digest *tree, char **ret,
	      struct msb_error *err);

#endif
