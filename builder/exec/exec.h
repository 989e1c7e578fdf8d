/*
 * Steps to trees: runs a plan. Takes a Dockerfile and a context, gives a build in the store's
 * records, its stages and steps as trees, and the target's image.
 */
#ifndef EXEC_H
#define EXEC_H

#include <msb/builder.h>
#include <msb/error.h>
#include <msb/store.h>

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

#endif
