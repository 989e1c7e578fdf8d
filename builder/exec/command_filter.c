#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "command_filter.h"
#include "io.h"

/* Of the store; what is in it can be made anew at any time. */
#define KEPT "filters"

int command_filter_init(struct command_filter *filter, const char *const *security,
			struct msb_error *err)
{
	static const char option[] = "seccomp=";

	pthread_mutex_init(&filter->lock, NULL);
	filter->profile = sandbox_filter_default();
	for (; security && *security; security++) {
		const char *value = *security + strlen(option);

		if (strncmp(*security, option, strlen(option)) != 0)
			continue;
		filter->profile = strcmp(value, "unconfined") == 0 ? NULL : value;
		if (filter->profile && access(value, R_OK) < 0)
			return msb_error_say(err, EINVAL,
					     "--security-opt %s: read the profile: %s (or say "
					     "seccomp=unconfined)",
					     *security, strerror(errno));
	}
	return 0;
}

void command_filter_done(struct command_filter *filter)
{
	sandbox_filter_free(filter->filter);
	filter->filter = NULL;
	pthread_mutex_destroy(&filter->lock);
}

static int make(struct command_filter *filter, struct msb_store *store, struct msb_error *err)
{
	autoclose int kept = -1;
	int r = io_make_dirs(msb_store_directory(store), KEPT, 0700, err);

	if (r < 0)
		return r;
	kept = openat(msb_store_directory(store), KEPT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return sandbox_filter_open(filter->profile, kept, &filter->filter, err);
}

int command_filter_get(struct command_filter *filter, struct msb_store *store,
		       const struct sandbox_filter **ret, struct msb_error *err)
{
	int r = 0;

	pthread_mutex_lock(&filter->lock);
	if (filter->profile && !filter->filter)
		r = make(filter, store, err);
	if (r >= 0)
		*ret = filter->filter;
	pthread_mutex_unlock(&filter->lock);
	return r;
}
