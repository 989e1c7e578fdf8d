#include "lazy_sources.h"

#include <errno.h>
#include <string.h>

/* A registry that failed is not asked again for so long: its next readers would wait as long. */
#define REST_NS ((int64_t)5 * 1000000000)

/* A repository at a registry, or at a mirror of that. */
struct source {
	struct source *next;
	char *place;           /* "docker.io/library/node"; owned */
	char *address;         /* of the mirror; NULL: the registry itself; owned */
	pthread_mutex_t lock;  /* guards all below */
	struct remote *remote; /* owned; NULL: not spoken to yet */
	unsigned users;        /* of remote */
	bool refused;          /* remote is of no use: others may know us by now */
	int64_t failed_ns;     /* 0: not lately */
	struct msb_error error;
};

struct lazy_sources {
	pthread_mutex_t lock; /* guards all below */
	bool ready;           /* settings and http are there */
	struct registries settings;
	struct http *http;
	struct source *first; /* owned */
};

struct lazy_sources *lazy_sources_new(void)
{
	struct lazy_sources *sources = calloc(1, sizeof(*sources));

	if (sources)
		pthread_mutex_init(&sources->lock, NULL);
	return sources;
}

void lazy_sources_free(struct lazy_sources *sources)
{
	if (!sources)
		return;
	while (sources->first) {
		struct source *source = sources->first;

		sources->first = source->next;
		remote_close(source->remote);
		pthread_mutex_destroy(&source->lock);
		free(source->place);
		free(source->address);
		free(source);
	}
	http_free(sources->http);
	registries_done(&sources->settings);
	pthread_mutex_destroy(&sources->lock);
	free(sources);
}

/* With the lock held, as the next one. */
static int get_ready(struct lazy_sources *sources, struct msb_error *err)
{
	int r = 0;

	if (sources->ready)
		return 0;
	r = registries_read(&sources->settings, err);
	if (r < 0)
		return r;
	registries_hurry(&sources->settings);
	r = http_new(sources->settings.timeout, &sources->http, err);
	if (r < 0)
		registries_done(&sources->settings);
	else
		sources->ready = true;
	return r;
}

static int add_source(struct lazy_sources *sources, const char *place, const char *address,
		      struct source **ret, struct msb_error *err)
{
	struct source **end = &sources->first, *source;

	for (; *end; end = &(*end)->next) {
		const char *other = (*end)->address;

		if (strcmp((*end)->place, place) == 0 &&
		    (address && other ? strcmp(address, other) == 0 : address == other)) {
			*ret = *end;
			return 0;
		}
	}
	source = calloc(1, sizeof(*source));
	if (!source)
		return msb_error_memory(err);
	pthread_mutex_init(&source->lock, NULL);
	*end = source;
	source->place = strdup(place);
	source->address = address ? strdup(address) : NULL;
	if (!source->place || (address && !source->address))
		return msb_error_memory(err);
	*ret = source;
	return 0;
}

/* The registry's mirrors come first, as in a pull. index: 0, 1, 2…; *ret NULL: there are no more.
 */
static int nth_source(struct lazy_sources *sources, const char *place, size_t index,
		      struct source **ret, struct msb_error *err)
{
	size_t length = strcspn(place, "/");
	const char *address = NULL;
	int r;

	pthread_mutex_lock(&sources->lock);
	r = get_ready(sources, err);
	for (size_t i = 0; r >= 0 && i < sources->settings.mirrors.count && !address; i++) {
		const char *mirror = sources->settings.mirrors.items[i];

		if (strncmp(mirror, place, length) == 0 && mirror[length] == '=' && index-- == 0)
			address = mirror + length + 1;
	}
	*ret = NULL;
	if (r >= 0 && (address || index == 0))
		r = add_source(sources, place, address, ret, err);
	pthread_mutex_unlock(&sources->lock);
	return r;
}

/* Ends what open_source() began. */
static void close_source(struct source *source, int r, const struct msb_error *err)
{
	bool rests = r == -ECONNREFUSED || r == -ETIMEDOUT || r == -ECONNRESET ||
		     r == -EHOSTUNREACH || r == -EIO || r == -EBUSY || r == -EACCES;

	pthread_mutex_lock(&source->lock);
	source->failed_ns = rests ? remote_clock() : 0;
	if (rests)
		source->error = *err;
	source->refused = source->refused || r == -EACCES;
	if (--source->users == 0 && source->refused) {
		remote_close(source->remote);
		source->remote = NULL;
		source->refused = false;
	}
	pthread_mutex_unlock(&source->lock);
}

/* With the source's lock held. */
static int say_hello(struct lazy_sources *sources, struct source *source, struct msb_error *err)
{
	const char *slash = strchr(source->place, '/');
	autofree char *domain =
		slash ? strndup(source->place, (size_t)(slash - source->place)) : NULL;

	if (!domain)
		return msb_error_say(err, EBADMSG, "'%s' is no repository", source->place);
	return remote_open(sources->http, &sources->settings, domain, slash + 1, source->address,
			   &source->remote, err);
}

static int open_source(struct lazy_sources *sources, struct source *source, struct msb_error *err)
{
	int r = 0;

	pthread_mutex_lock(&source->lock);
	if (source->failed_ns && remote_clock() - source->failed_ns < REST_NS) {
		r = source->error.code;
		*err = source->error;
	} else if (!source->remote) {
		r = say_hello(sources, source, err);
		source->failed_ns = r < 0 ? remote_clock() : 0;
		source->error = *err;
	}
	source->users += r >= 0;
	pthread_mutex_unlock(&source->lock);
	return r;
}

/* 1: there is no such source. */
static int get_from(struct lazy_sources *sources, const char *place, size_t index, lazy_get_fn get,
		    void *context, struct msb_error *err)
{
	struct source *source;
	struct msb_error why = {0};
	int r = nth_source(sources, place, index, &source, &why);

	if (r >= 0 && !source)
		return 1;
	if (r >= 0)
		r = open_source(sources, source, &why);
	if (r >= 0) {
		r = get(context, source->remote, &why);
		close_source(source, r, &why);
	}
	return r < 0 ? msb_error_say(err, r, "%s: %s", place, why.text) : 0;
}

int lazy_sources_get(struct lazy_sources *sources, const char *place, lazy_get_fn get,
		     void *context, struct msb_error *err)
{
	int tried, r = -EIO;

	for (size_t index = 0; r < 0; index++) {
		tried = get_from(sources, place, index, get, context, err);
		if (tried == 1)
			break;
		r = tried;
	}
	return r;
}
