/*
 * Steps to trees: runs a plan. Takes a Dockerfile and a context, gives a build in the store's
 * records, its stages and steps as trees, and the target's image.
 */
#ifndef EXEC_H
#define EXEC_H

#include <msb/builder.h>
#include <msb/error.h>
#include <msb/store.h>

#include "config.h"
#include "lint.h"
#include "outline.h"
#include "store_writer.h"

struct exec_request {
	struct msb_store *store;
	struct store_writer *writer;
	const struct msb_build_options *options;
	msb_event_fn event; /* may be NULL */
	void *context;
};

/* See msb_build(). Where the plan has a RUN, the process moves into a mount namespace of its own
 * (sandbox_enter), so it must have one thread when this is called. */
int exec_build(const struct exec_request *request, struct msb_build_result *ret,
	       struct msb_error *err);

/* What is known of a Dockerfile without building anything. Owns all of it. */
struct exec_view {
	struct dockerfile *dockerfile;
	char *text; /* as it was read */
	struct plan *plan;
	struct lint *lint;       /* of the targets that were asked for, else of all stages */
	struct outline *outline; /* of the plan's target */
};

/* Base images that are not in the store are taken for bare ones. */
int exec_look(const struct exec_request *request, struct exec_view *ret, struct msb_error *err);
void exec_view_done(struct exec_view *view);

struct exec_debug {
	struct msb_store *store;
	struct store_writer *writer; /* lends its scratch directory; puts what is kept */
	const struct msb_digest *tree;
	const struct config *config; /* env with the ARGs, user, working directory, shell */
	const struct msb_debug_options *options;
	const struct run_mount *mounts;
	const struct msb_digest *mounted; /* one a mount: the tree that it shows; zero: none */
	size_t mount_count;
	const struct strlist *history; /* the command's words, for the shell; may be none */
	const char *script;            /* the text of the script that is its first; NULL: none */
	bool own_network;              /* none but a loopback */
	bool insecure;
};

/*
 * Runs a command in a copy of the tree, with this process's standard streams, and drops the copy.
 * *ret_status is the command's own. *ret_kept: where options->keep asks for it, the tree as the
 * command left it, put but not published. The process must have one thread (sandbox_enter).
 */
int exec_debug(const struct exec_debug *debug, struct msb_digest *ret_kept, int *ret_status,
	       struct msb_error *err);

/* An image of a tree: the base's layers (NULL: none) and one more, under that name. config is the
 * image's. */
struct exec_keep {
	struct store_writer *writer;
	const struct msb_image *base;
	const struct msb_digest *tree;
	const struct config *config;
	const char *name; /* normalized */
	const char *created_by;
};
int exec_keep(const struct exec_keep *keep, struct msb_digest *ret_id, struct msb_error *err);

#endif
