/*
 * Where the files of a build context come from, settled before anything runs: a directory, a tar
 * on standard input or of the web, a repository.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include <stdbool.h>

#include <msb/digest.h>
#include <msb/error.h>

#include "buffer.h"
#include "context.h"
#include "lent.h"
#include "store_writer.h"

struct origin {
	char *directory;        /* owned; NULL: the files are a tree */
	bool local;             /* the user's own directory, where .dockerignore counts */
	struct msb_digest tree; /* without directory */
	bool is_dockerfile;     /* it was none but a Dockerfile: the tree is empty */
	struct buffer dockerfile;
	int64_t commit_time; /* of a repository, seconds since 1970; 0: it is none */

	struct context *files; /* NULL: a tree, or not opened yet */
};

/*
 * text: a directory; "-" for standard input, or what remote_is_url(): a tar, plain or compressed,
 * or else a Dockerfile; what remote_is_git(). Repositories are fetched into the writer's scratch
 * directory.
 * keep_git_dir: whether their ".git" stays.
 */
int origin_open(const char *text, bool keep_git_dir, const struct lent *lent,
		struct msb_store *store, struct store_writer *writer, struct origin *ret,
		struct msb_error *err);
/* A repository alone, which must be at commit checksum unless that is NULL. */
int origin_open_git(const char *url, const char *checksum, bool keep_git_dir,
		    const struct lent *lent, struct store_writer *writer, struct origin *ret,
		    struct msb_error *err);
void origin_done(struct origin *origin);

/* The file at path among them, whole; symlinks never lead outside. -ENOENT without a sentence. */
int origin_read(const struct origin *origin, struct msb_store *store, const char *path, size_t max,
		struct buffer *ret, struct msb_error *err);

/* Makes its files known to COPY; a tree needs no more. ignore may be NULL and is owned from now on.
 */
int origin_scan(struct origin *origin, struct ignore *ignore, struct msb_store *store,
		struct store_writer *writer, struct msb_error *err);

#endif
