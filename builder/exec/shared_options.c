/* The words of --cache-from and --cache-to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attributes.h"
#include "shared_caches.h"

/* Attributes that other builders need and that say what is done anyway, or matter to them alone. */
static const char *const implied[] = {"oci-mediatypes", "image-manifest", "compression",
				      "compression-level", "force-compression"};

struct reading {
	const char *name; /* of the option */
	const char *path; /* what it calls its directory */
	bool writes;
	char *type; /* owned */
};

static int take_mode(struct shared_option *option, const struct reading *reading, const char *value,
		     struct msb_error *err)
{
	option->all_stages = strcmp(value, "max") == 0;
	if (option->all_stages || strcmp(value, "min") == 0)
		return 0;
	return msb_error_say(err, EINVAL, "%s %s: mode is min or max", reading->name, option->text);
}

static int take_attribute(struct shared_option *option, struct reading *reading, const char *item,
			  struct msb_error *err)
{
	const char *value;

	if ((value = attribute_value(item, "type")))
		return attribute_keep(&reading->type, value, err);
	if ((value = attribute_value(item, "ref")))
		return attribute_keep(&option->reference, value, err);
	if ((value = attribute_value(item, reading->path)))
		return attribute_keep(&option->directory, value, err);
	if (reading->writes && (value = attribute_value(item, "mode")))
		return take_mode(option, reading, value, err);
	if (reading->writes && (value = attribute_value(item, "ignore-error"))) {
		option->may_fail = strcmp(value, "true") == 0;
		return 0;
	}
	for (size_t i = 0; reading->writes && i < sizeof(implied) / sizeof(*implied); i++)
		if (attribute_value(item, implied[i]))
			return 0;
	return msb_error_say(err, EINVAL, "%s %s: '%s' is not supported", reading->name,
			     option->text, item);
}

static int check(struct shared_option *option, const struct reading *reading, struct msb_error *err)
{
	const char *type = reading->type ? reading->type : "";
	bool registry = strcmp(type, "registry") == 0;

	if (strcmp(type, "inline") == 0 && !reading->writes)
		return msb_error_say(err, EINVAL,
				     "%s %s: the cache of an image is read with "
				     "type=registry,ref=IMAGE",
				     reading->name, option->text);
	if (strcmp(type, "inline") == 0) {
		option->beside = true;
		return option->reference || option->directory
			       ? msb_error_say(err, EINVAL,
					       "%s %s: type=inline goes with the image that is "
					       "pushed, and takes no place of its own",
					       reading->name, option->text)
			       : 0;
	}
	if (!registry && strcmp(type, "local") != 0)
		return msb_error_say(err, EINVAL,
				     "%s %s: type=registry, local or inline is missing",
				     reading->name, option->text);
	if (registry ? !option->reference || !*option->reference || option->directory
		     : !option->directory || !*option->directory || option->reference)
		return msb_error_say(err, EINVAL, "%s %s: %s= is what type=%s needs", reading->name,
				     option->text, registry ? "ref" : reading->path, type);
	return 0;
}

static int parse(struct shared_option *option, struct reading *reading, struct msb_error *err)
{
	autostrlist items = {0};
	int r;

	if (!strchr(option->text, '='))
		return attribute_keep(&option->reference, option->text, err);
	r = attributes_parse(reading->name, option->text, &items, err);
	for (size_t i = 0; r >= 0 && i < items.count; i++)
		r = take_attribute(option, reading, items.items[i], err);
	return r < 0 ? r : check(option, reading, err);
}

static int parse_all(const char *const *texts, bool writes, struct shared_option **ret,
		     size_t *ret_count, struct msb_error *err)
{
	size_t count = words_count(texts);
	int r = 0;

	*ret = calloc(count + 1, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct reading reading = {
			.name = writes ? "--cache-to" : "--cache-from",
			.path = writes ? "dest" : "src",
			.writes = writes,
		};

		r = attribute_keep(&(*ret)[i].text, texts[i], err);
		*ret_count = i + 1;
		if (r >= 0)
			r = parse(&(*ret)[i], &reading, err);
		free(reading.type);
	}
	return r;
}

int shared_caches_parse(const char *const *from, const char *const *to, struct shared_caches *ret,
			struct msb_error *err)
{
	int r = parse_all(from, false, &ret->from, &ret->from_count, err);

	return r < 0 ? r : parse_all(to, true, &ret->to, &ret->to_count, err);
}

static void options_free(struct shared_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(options[i].text);
		free(options[i].reference);
		free(options[i].directory);
	}
	free(options);
}

void shared_caches_done(struct shared_caches *caches)
{
	for (size_t i = 0; caches->sources && i < caches->from_count; i++) {
		struct shared_source *source = &caches->sources[i];

		cache_place_close(source->place);
		shared_document_done(&source->document);
		digest_map_done(&source->steps);
		digest_map_done(&source->layers);
		digest_map_done(&source->blobs);
		free(source->fetched);
	}
	if (caches->sources)
		pthread_mutex_destroy(&caches->lock);
	free(caches->sources);
	digest_map_done(&caches->whole);
	options_free(caches->from, caches->from_count);
	options_free(caches->to, caches->to_count);
	*caches = (struct shared_caches){0};
}
