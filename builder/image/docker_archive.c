/* Docker archives: manifest.json names each image's config and layers. */
#include <errno.h>
#include <string.h>

#include "load.h"

/* Names of configs are digests, with or without a suffix or a directory in front. */
static int check_config_name(const char *name, const struct buffer *config, struct msb_error *err)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	autofree char *hex = strndup(base, strcspn(base, "."));
	char text[MSB_DIGEST_TEXT];
	struct msb_digest want, got;

	if (!hex)
		return msb_error_memory(err);
	if (msb_digest_parse(hex, &want) < 0)
		return 0;
	msb_digest_of(config->bytes, config->size, &got);
	if (!msb_digest_equal(&want, &got))
		return msb_error_say(err, EBADMSG, "'%s' has digest %s", name,
				     msb_digest_format(&got, text));
	return 0;
}

static int load_docker_entry(struct load *load, json_t *entry, struct incoming *incoming,
			     struct msb_error *err)
{
	autofree char *config = NULL;
	autostrlist layers = {0};
	int r;

	if (!json_is_object(entry))
		return msb_error_say(err, EBADMSG, "manifest.json: an entry is no object");
	r = json_take_string(entry, "Config", &config, err);
	if (r >= 0)
		r = json_take_strings(entry, "Layers", &layers, NULL, err);
	if (r >= 0)
		r = incoming_add_tags(incoming, entry, err);
	if (r >= 0 && !config)
		r = msb_error_say(err, EBADMSG, "an image without 'Config'");
	if (r < 0)
		return msb_error_prefix(err, r, "manifest.json");
	r = archive_read(load->archive, config, &incoming->config, err);
	if (r >= 0)
		r = check_config_name(config, &incoming->config, err);
	if (r >= 0)
		r = incoming_decode(incoming, err);
	if (r >= 0 && layers.count != incoming->image.layer_count)
		r = msb_error_say(err, EBADMSG, "'%s' has another number of layers than it names",
				  config);
	for (size_t i = 0; r >= 0 && i < layers.count; i++)
		r = load_layer(load, incoming, i, layers.items[i], NULL, err);
	return r < 0 ? r : load_publish(load, incoming, err);
}

int load_docker(struct load *load, struct msb_error *err)
{
	json_t *entry;
	size_t i;

	if (!json_is_array(load->docker) || json_array_size(load->docker) > MOST_IMAGES)
		return msb_error_say(err, EBADMSG, "manifest.json is no list of images");
	json_array_foreach(load->docker, i, entry)
	{
		autoincoming incoming = {.writer = load->writer};
		int r = load_docker_entry(load, entry, &incoming, err);

		if (r < 0)
			return r;
	}
	return 0;
}
