/* msb image ls. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/builder.h>
#include <msb/records.h>

#include "formatted.h"
#include "human.h"
#include "text.h"

enum { KEY_NO_TRUNC = 0x100, KEY_DIGESTS, KEY_FORMAT };

enum dangling {
	DANGLING_EITHER,
	DANGLING_ONLY,
	DANGLING_NOT,
};

struct images {
	struct words operands;
	const char *format;
	bool quiet;
	bool whole; /* IDs */
	bool digests;
	enum dangling dangling;
	struct msb_origin *origins; /* owned */
	size_t origin_count;
};

static void parse_filter(struct images *images, const char *filter, struct argp_state *state)
{
	if (strcmp(filter, "dangling=true") == 0)
		images->dangling = DANGLING_ONLY;
	else if (strcmp(filter, "dangling=false") == 0)
		images->dangling = DANGLING_NOT;
	else if (strncmp(filter, "reference=", 10) == 0 && !strpbrk(filter, "*?["))
		words_add(&images->operands, filter + 10);
	else
		argp_error(state,
			   "the filter '%s' is not supported yet: dangling=true, dangling=false "
			   "and reference=REPOSITORY[:TAG] are",
			   filter);
}

static error_t parse_images(int key, char *arg, struct argp_state *state)
{
	struct images *images = state->input;

	switch (key) {
	case 'a':
		return 0; /* nothing is hidden here */
	case 'q':
		images->quiet = true;
		return 0;
	case 'f':
		parse_filter(images, arg, state);
		return 0;
	case KEY_NO_TRUNC:
		images->whole = true;
		return 0;
	case KEY_DIGESTS:
		images->digests = true;
		return 0;
	case KEY_FORMAT:
		images->format = arg;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &images->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &images->operands, 0, 1, "");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Whether the user who wrote only means this image: "node" all its tags, "node:alpine" one. */
static int is_meant(const char *only, const struct msb_image *image, const char *repository,
		    bool *ret, struct msb_error *err)
{
	autofree char *normalized = NULL, *meant = NULL, *tag = NULL;
	const char *last = strrchr(only, '/');
	int r = msb_reference_normalize(only, &normalized, err);

	if (r < 0)
		return r;
	if (strpbrk(last ? last : only, ":@")) {
		*ret = image->name && strcmp(image->name, normalized) == 0;
		return 0;
	}
	r = msb_reference_split(normalized, &meant, &tag, err);
	if (r >= 0)
		*ret = strcmp(meant, repository) == 0;
	return r;
}

/* What the registry of this repository calls it, where it has been there; "<none>" else. The newest
 * of several. */
static const char *digest_at(const struct images *images, const struct msb_image *image,
			     char text[MSB_DIGEST_TEXT])
{
	size_t length;

	for (size_t i = images->origin_count; image->name && i-- > 0;) {
		const struct msb_origin *origin = &images->origins[i];

		length = strlen(origin->repository);
		if (msb_digest_equal(&origin->image, &image->id) &&
		    strncmp(image->name, origin->repository, length) == 0 &&
		    (image->name[length] == ':' || image->name[length] == '@'))
			return msb_digest_format(&origin->digest, text);
	}
	return "<none>";
}

static json_t *image_row(const struct images *images, const struct msb_image *image,
			 const char *repository, const char *tag, int64_t now)
{
	char id[MSB_DIGEST_TEXT], digest[MSB_DIGEST_TEXT];
	char since[HUMAN_TEXT], at[HUMAN_TEXT], size[HUMAN_TEXT];
	const char *shown = msb_digest_format(&image->id, id);

	if (!images->whole) {
		shown += strlen("sha256:");
		id[strlen("sha256:") + 12] = '\0';
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:o, s:s, s:s}", "Containers",
			 "N/A", "CreatedAt", human_time(image->created_ns, at), "CreatedSince",
			 human_since(image->created_ns, now, since), "Digest",
			 digest_at(images, image, digest), "ID", shown, "Repository",
			 text_json(repository), "SharedSize", "N/A", "Size",
			 human_size(image->size, size), "Tag", text_json(tag), "UniqueSize", "N/A",
			 "VirtualSize", size);
}

static int add_row(const struct images *images, const struct msb_image *image, json_t *rows,
		   int64_t now, struct msb_error *err)
{
	autofree char *repository = NULL, *tag = NULL;
	bool wanted = true;
	int r = 0;

	if (images->dangling != DANGLING_EITHER &&
	    (images->dangling == DANGLING_ONLY) != !image->name)
		return 0;
	if (image->name)
		r = msb_reference_split(image->name, &repository, &tag, err);
	if (r < 0)
		return r;
	if (images->operands.count)
		r = is_meant(images->operands.items[0], image, repository ? repository : "",
			     &wanted, err);
	if (r < 0 || !wanted)
		return r;
	if (json_array_append_new(rows, image_row(images, image, repository ? repository : "<none>",
						  tag ? tag : "<none>", now)) < 0)
		return msb_error_memory(err);
	return 0;
}

static int image_rows(const struct session *session, struct images *images, json_t *rows,
		      struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_image *found = NULL;
	size_t count = 0;
	int64_t now = human_now();
	int r = store_open_maybe(session, &store, err);

	if (r < 0 || !store)
		return r;
	r = msb_records_origins(store, &images->origins, &images->origin_count, err);
	if (r >= 0)
		r = msb_records_images(store, &found, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r >= 0; i++)
		r = add_row(images, &found[i], rows, now, err);
	msb_images_free(found, count);
	return r;
}

static int print_images(const struct images *images, json_t *rows, int r, struct msb_error *err)
{
	static const struct list_column plain[] = {
		{"REPOSITORY", "Repository"}, {"TAG", "Tag"},   {"IMAGE ID", "ID"},
		{"CREATED", "CreatedSince"},  {"SIZE", "Size"}, {NULL, NULL},
	};
	static const struct list_column with_digests[] = {
		{"REPOSITORY", "Repository"},
		{"TAG", "Tag"},
		{"DIGEST", "Digest"},
		{"IMAGE ID", "ID"},
		{"CREATED", "CreatedSince"},
		{"SIZE", "Size"},
		{NULL, NULL},
	};
	const char *format = images->format;

	if (!format && images->quiet)
		format = "{{.ID}}";
	return formatted_print(images->digests ? with_digests : plain, rows, format, r, err);
}

int run_image_ls(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"all", 'a', NULL, 0, "All images: always so"},
		{"quiet", 'q', NULL, 0, "IDs alone"},
		{"no-trunc", KEY_NO_TRUNC, NULL, 0, "IDs in full"},
		{"digests", KEY_DIGESTS, NULL, 0, "With what their registries call them"},
		{"filter", 'f', "FILTER", 0,
		 "dangling=true, dangling=false or reference=REPOSITORY[:TAG]"},
		{"format", KEY_FORMAT, "FORMAT", 0,
		 "table, json (an object a line), or a template like "
		 "{{.Repository}}:{{.Tag}}"},
		{0},
	};
	static const struct argp argp = {options, parse_images, "[REPOSITORY[:TAG]]",
					 "List images, newest first."};
	struct images images = {0};
	struct msb_error err = {0};
	int status = command_parse(session, &argp, argc, argv, &images);

	if (!status) {
		json_t *rows = json_array();

		status =
			print_images(&images, rows, image_rows(session, &images, rows, &err), &err);
	}
	msb_origins_free(images.origins, images.origin_count);
	words_done(&images.operands);
	return status;
}
