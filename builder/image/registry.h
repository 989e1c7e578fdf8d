/*
 * Images from registries and to them (OCI distribution-spec 1.1), for the façade and for builds.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include <msb/builder.h>
#include <msb/error.h>

#include "store_writer.h"
#include "strlist.h"

/*
 * Fetches what is missing and gives the image its name; nothing is visible before all of it is
 * there and verified. Layers are fetched several at once and unpacked in their order. All threads
 * have ended on return. tell may be NULL.
 */
int image_pull(struct store_writer *writer, const struct msb_pull_options *options,
	       msb_transfer_fn tell, void *context, struct msb_pull_result *ret,
	       struct msb_error *err);

/* Sends what the registry lacks, the manifest last. What was compressed for it is kept and
 * recorded, so that the next push gives the same manifest without work. */
int image_push(struct store_writer *writer, const struct msb_push_options *options,
	       msb_transfer_fn tell, void *context, struct msb_push_result *ret,
	       struct msb_error *err);

/* The tags of the repository in a reference, in the registry's order. */
int registry_tags(const char *name, struct strlist *ret, struct msb_error *err);

int registry_login(const char *server, const char *user, const char *password,
		   struct msb_error *err);
int registry_logout(const char *server, bool *ret_known, struct msb_error *err);

#endif
