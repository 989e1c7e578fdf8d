/* Images from registries and to them. */
#include <stdlib.h>

#include "http.h"
#include "internal.h"
#include "registry.h"

int msb_image_pull(const char *root, const struct msb_pull_options *options, msb_transfer_fn tell,
		   void *context, struct msb_pull_result *ret, struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop = {0};
	autohttpahead ahead = {0};
	int r;

	http_ahead_begin(&ahead);
	r = workshop_open(root, &workshop, err);
	return r < 0 ? r : image_pull(workshop.writer, options, tell, context, ret, err);
}

int msb_image_tags(const char *name, char ***ret, struct msb_error *err)
{
	autostrlist tags = {0};
	int r = registry_tags(name, &tags, err);

	if (r < 0)
		return r;
	*ret = tags.items ? tags.items : calloc(1, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	tags = (struct strlist){0};
	return 0;
}

int msb_image_push(const char *root, const struct msb_push_options *options, msb_transfer_fn tell,
		   void *context, struct msb_push_result *ret, struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop = {0};
	autohttpahead ahead = {0};
	int r;

	http_ahead_begin(&ahead);
	r = workshop_open(root, &workshop, err);
	return r < 0 ? r : image_push(workshop.writer, options, tell, context, ret, err);
}

int msb_login(const char *server, const char *user, const char *password, struct msb_error *err)
{
	return registry_login(server, user, password, err);
}

int msb_logout(const char *server, bool *ret_known, struct msb_error *err)
{
	return registry_logout(server, ret_known, err);
}
