/* The tags of a repository (distribution-spec 1.1, "Listing Tags"). */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "reference.h"
#include "registry.h"
#include "remote.h"

#define PAGE_MAX  ((uint64_t)4 * 1024 * 1024)
#define MOST_TAGS 100000

static int take_page(const struct buffer *text, struct strlist *ret, struct msb_error *err)
{
	json_auto_t *json = NULL;
	int r = json_parse((const char *)text->bytes, text->size, "the list of tags", &json, err);

	if (r >= 0)
		r = json_take_strings(json, "tags", ret, NULL, err);
	return r;
}

static int get_page(struct remote *remote, const char *last, struct strlist *ret, bool *ret_more,
		    struct msb_error *err)
{
	autofree char *escaped = last ? http_escape(last) : NULL;
	autofree char *path =
		buffer_format("tags/list?n=1000%s%s", last ? "&last=" : "", escaped ? escaped : "");
	const struct remote_request request = {.method = "GET", .path = path, .most = PAGE_MAX};
	autoresponse response = {0};
	int r = path && (!last || escaped) ? 0 : msb_error_memory(err);

	if (r >= 0)
		r = remote_send(remote, &request, &response, err);
	if (r >= 0 && response.status != 200)
		r = remote_refused(remote, &response, "list the tags", err);
	if (r >= 0)
		r = take_page(&response.body, ret, err);
	*ret_more = response.link && strstr(response.link, "next");
	return r;
}

int tags_list(struct remote *remote, const char *after, struct strlist *ret, struct msb_error *err)
{
	bool more = true;
	int r = 0;

	while (r >= 0 && more) {
		const char *last = ret->count > 0 ? ret->items[ret->count - 1] : after;
		autostrlist page = {0};

		r = get_page(remote, last, &page, &more, err);
		/* A registry that gives what it gave would never come to an end. */
		more = more && page.count > 0 &&
		       (!last || strcmp(page.items[page.count - 1], last) != 0);
		for (size_t i = 0; r >= 0 && i < page.count; i++)
			if (strlist_add(ret, page.items[i]) < 0)
				r = msb_error_memory(err);
		if (r >= 0 && ret->count > MOST_TAGS)
			r = msb_error_say(err, EFBIG, "it has more than %d tags", MOST_TAGS);
	}
	return r;
}

int registry_tags(const char *name, struct strlist *ret, struct msb_error *err)
{
	__attribute__((cleanup(registries_done))) struct registries settings;
	AUTO(http_freep) struct http *http = NULL;
	AUTO(remote_closep) struct remote *remote = NULL;
	autofree char *normalized = NULL;
	autoplace place = {0};
	int r = reference_normalize(name, &normalized, err);

	registries_init(&settings);
	if (r >= 0)
		r = reference_place(normalized, &place, err);
	if (r >= 0)
		r = registries_read(&settings, err);
	if (r >= 0)
		r = http_new(settings.timeout, &http, err);
	if (r >= 0)
		r = remote_open(http, &settings, place.domain, place.repository, NULL, &remote,
				err);
	if (r >= 0)
		r = tags_list(remote, NULL, ret, err);
	return r < 0 ? msb_error_prefix(err, r, "%s", name) : 0;
}
