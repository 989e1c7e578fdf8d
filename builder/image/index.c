/* Images for several machines (image-spec 1.1, image-index.md; Docker's manifest lists). */
#include <errno.h>
#include <string.h>

#include "internal.h"

bool index_is(const char *media_type)
{
	return strcmp(media_type, MEDIA_INDEX) == 0 || strcmp(media_type, MEDIA_DOCKER_LIST) == 0;
}

int index_platform(json_t *entry, const struct platform *wanted, bool *ret_said, bool *ret_fits,
		   struct msb_error *err)
{
	autofree char *os = NULL, *architecture = NULL, *variant = NULL;
	json_t *platform;
	int r = json_take_object(entry, "platform", &platform, err);

	if (r >= 0)
		r = json_take_string(platform, "os", &os, err);
	if (r >= 0)
		r = json_take_string(platform, "architecture", &architecture, err);
	if (r >= 0)
		r = json_take_string(platform, "variant", &variant, err);
	if (r < 0)
		return r;
	*ret_said = platform != NULL;
	*ret_fits = platform_fits(wanted, os, architecture, variant);
	return 0;
}

bool index_is_attachment(json_t *entry)
{
	json_t *platform = json_object_get(entry, "platform");
	const char *os = json_string_value(json_object_get(platform, "os"));

	return json_object_get(json_object_get(entry, "annotations"),
			       "vnd.docker.reference.type") ||
	       (os && strcmp(os, "unknown") == 0);
}

int index_choose(json_t *index, const struct platform *wanted, struct descriptor *ret,
		 struct msb_error *err)
{
	char text[PLATFORM_TEXT];
	json_t *list = NULL, *entry;
	size_t i;
	int r = json_take_array(index, "manifests", &list, err);

	json_array_foreach(list, i, entry)
	{
		bool said, fits;

		if (r >= 0)
			r = index_platform(entry, wanted, &said, &fits, err);
		if (r < 0)
			return r;
		if (fits && !index_is_attachment(entry) && (said || json_array_size(list) == 1))
			return descriptor_from_json(entry, ret, err);
	}
	return r < 0 ? r
		     : msb_error_say(err, ENOENT, "the image is not for %s, but for other machines",
				     platform_format(wanted, text));
}
