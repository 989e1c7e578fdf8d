#include "library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

static int missing(const struct library *library, const char *why, struct msb_error *err)
{
	return msb_error_say(err, ELIBACC, "%s is needed for this and cannot be loaded: %s",
			     library->name, why ? why : library->files[0]);
}

static int find_functions(const struct library *library, void *loaded, struct msb_error *err)
{
	for (size_t i = 0; i < library->count; i++) {
		void *function = dlsym(loaded, library->functions[i].name);

		if (!function)
			return missing(library, dlerror(), err);
		memcpy(library->functions[i].place, &function, sizeof(function));
	}
	return 0;
}

static int load(struct library *library, struct msb_error *err)
{
	void *loaded = NULL;

	for (size_t i = 0; library->files[i] && !loaded; i++)
		loaded = dlopen(library->files[i], RTLD_LAZY | RTLD_LOCAL);
	return loaded ? find_functions(library, loaded, err) : missing(library, dlerror(), err);
}

int library_load(struct library *library, struct msb_error *err)
{
	int r = 0;

	pthread_mutex_lock(&library->lock);
	if (!library->loaded)
		r = load(library, err);
	library->loaded = r >= 0;
	pthread_mutex_unlock(&library->lock);
	return r;
}
