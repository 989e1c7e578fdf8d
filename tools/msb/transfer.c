/* msb pull, msb push: images from registries and to them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/builder.h>
#include <msb/records.h>

#include "command.h"
#include "familiar.h"
#include "formatted.h"
#include "transfer_view.h"

enum { KEY_PLATFORM = 0x100, KEY_COMPRESSION, KEY_LEVEL, KEY_FORCE, KEY_ACCEPTED, KEY_LAZY };

struct transfer {
	struct words operands;
	struct msb_pull_options pull;
	struct msb_push_options push;
	bool quiet;
	bool tagged;   /* the name says which version */
	bool all_tags; /* all versions */
	bool begun;    /* the first of them */
	struct transfer_view view;
};

static void transfer_done(struct transfer *transfer)
{
	transfer_view_done(&transfer->view);
	words_done(&transfer->operands);
}

/* True when something stands behind the last slash of the name: a tag or a digest. */
static bool has_version(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strchr(name, '@') || strchr(slash ? slash : name, ':');
}

/* "latest" or "sha256:…" */
static const char *version_of(const char *normalized)
{
	const char *at = strchr(normalized, '@'), *colon = strrchr(normalized, ':');

	return at ? at + 1 : colon ? colon + 1 : normalized;
}

static int refuse_version(const char *name)
{
	fail_say("--all-tags goes with a name alone, not with '%s'", name);
	return STATUS_USAGE;
}

/* What both take. */
static error_t parse_either(int key, struct argp_state *state)
{
	struct transfer *transfer = state->input;

	switch (key) {
	case 'q':
		transfer->quiet = true;
		return 0;
	case 'a':
		transfer->all_tags = true;
		return 0;
	case KEY_ACCEPTED:
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &transfer->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &transfer->operands, 1, 1, "an image");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- pull ------------------------------------------------------------------------------- */

static error_t parse_pull(int key, char *arg, struct argp_state *state)
{
	struct transfer *transfer = state->input;

	switch (key) {
	case KEY_PLATFORM:
		transfer->pull.platform = arg;
		return 0;
	case KEY_LAZY:
		transfer->pull.lazy = MSB_LAZY_YES;
		return 0;
	default:
		return parse_either(key, state);
	}
}

static void tell_pull(void *context, const struct msb_transfer *event)
{
	struct transfer *transfer = context;
	const char *path;

	if (transfer->quiet)
		return;
	if (event->state != MSB_TRANSFER_BEGIN) {
		transfer_view_show(&transfer->view, event);
		return;
	}
	path = strchr(event->image, '/') + 1;
	printf("%s: Pulling from %.*s\n", version_of(event->image), (int)strcspn(path, "@:"), path);
	fflush(stdout);
}

/* The name without its version; owned. */
static char *repository_of(const char *normalized)
{
	return strndup(normalized, (size_t)(version_of(normalized) - 1 - normalized));
}

static int pull_one(struct session *session, struct transfer *transfer, const char *name,
		    bool *changed, struct msb_error *err)
{
	struct msb_pull_options options = transfer->pull;
	struct msb_pull_result result;
	char text[MSB_DIGEST_TEXT];
	int r;

	options.name = name;
	transfer_view_next(&transfer->view);
	r = msb_image_pull(session->root, &options, tell_pull, transfer, &result, err);
	if (r >= 0 && transfer->pull.lazy && result.fetched)
		fprintf(stderr,
			"msb: note: %zu of %zu layers had to be fetched whole: they have no "
			"table of contents (eStargz or zstd:chunked)\n",
			result.fetched, result.fetched + result.left);
	if (r >= 0 && !transfer->quiet)
		printf("Digest: %s\n", msb_digest_format(&result.digest, text));
	*changed |= r >= 0 && result.changed;
	return r;
}

static int pull_tags(struct session *session, struct transfer *transfer, const char *repository,
		     bool *changed, struct msb_error *err)
{
	char **tags;
	int r = msb_image_tags(transfer->pull.name, &tags, err);

	if (r < 0)
		return r;
	if (!tags[0])
		r = msb_error_say(err, ENOENT, "%s: it has no tags", transfer->pull.name);
	for (size_t i = 0; tags[i]; i++) {
		autofree char *name = NULL;

		if (r >= 0 && asprintf(&name, "%s:%s", repository, tags[i]) < 0) {
			name = NULL;
			r = msb_error_memory(err);
		}
		if (r >= 0)
			r = pull_one(session, transfer, name, changed, err);
		free(tags[i]);
	}
	free(tags);
	return r;
}

static void say_pulled(const struct transfer *transfer, const char *name, bool changed)
{
	autofree char *familiar =
		transfer->all_tags ? strdup(transfer->pull.name) : familiar_name(name);

	if (!transfer->quiet)
		printf("Status: %s for %s\n",
		       changed ? "Downloaded newer image" : "Image is up to date",
		       familiar ? familiar : name);
	printf("%s\n", name);
}

static int pull(struct session *session, struct transfer *transfer)
{
	autofree char *normalized = NULL, *repository = NULL;
	struct msb_error err = {0};
	bool changed = false;
	int r = msb_reference_normalize(transfer->pull.name, &normalized, &err);

	if (r < 0)
		return fail(&err);
	if (transfer->all_tags) {
		repository = repository_of(normalized);
		r = repository ? pull_tags(session, transfer, repository, &changed, &err)
			       : msb_error_memory(&err);
	} else {
		if (!transfer->quiet && !transfer->tagged)
			printf("Using default tag: latest\n");
		r = pull_one(session, transfer, transfer->pull.name, &changed, &err);
	}
	if (r < 0)
		return fail(&err);
	say_pulled(transfer, repository ? repository : normalized, changed);
	return finish();
}

int run_image_pull(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"platform", KEY_PLATFORM, "OS/ARCH", 0, "The image for this platform"},
		{"lazy", KEY_LAZY, NULL, 0,
		 "Leave layers that allow it (eStargz, zstd:chunked) in the registry: a file's "
		 "bytes come when it is first read"},
		{"quiet", 'q', NULL, 0, "Print the name alone"},
		{"all-tags", 'a', NULL, 0, "All tags of the repository"},
		{"disable-content-trust", KEY_ACCEPTED, "BOOL", OPTION_HIDDEN | OPTION_ARG_OPTIONAL,
		 NULL},
		{0},
	};
	static const struct argp argp = {
		options, parse_pull, "NAME[:TAG|@DIGEST]",
		"Fetch an image from its registry, as far as it is not here."};
	struct transfer transfer = {0};
	int status = command_parse(session, &argp, argc, argv, &transfer);

	if (!status) {
		transfer.pull.name = transfer.operands.items[0];
		transfer.tagged = has_version(transfer.pull.name);
		transfer_view_init(&transfer.view, stdout, false);
		status = transfer.all_tags && transfer.tagged ? refuse_version(transfer.pull.name)
							      : pull(session, &transfer);
	}
	transfer_done(&transfer);
	return status;
}

/* --- push ------------------------------------------------------------------------------- */

static int parse_level(const char *text, struct argp_state *state)
{
	char *end;
	unsigned long level = strtoul(text, &end, 10);

	if (*end || end == text || level < 1 || level > 19)
		argp_error(state, "--compression-level is a number from 1 to 19, not '%s'", text);
	return (int)level;
}

static error_t parse_push(int key, char *arg, struct argp_state *state)
{
	struct transfer *transfer = state->input;

	switch (key) {
	case KEY_COMPRESSION:
		if (strcmp(arg, "gzip") != 0 && strcmp(arg, "zstd") != 0 &&
		    strcmp(arg, "none") != 0 && strcmp(arg, "uncompressed") != 0 &&
		    strcmp(arg, "estargz") != 0 && strcmp(arg, "zstd:chunked") != 0)
			argp_error(state,
				   "--compression is gzip, zstd, estargz, zstd:chunked or none, "
				   "not '%s'",
				   arg);
		transfer->push.compression = arg;
		return 0;
	case KEY_FORCE:
		transfer->push.force = true;
		return 0;
	case KEY_LEVEL:
		transfer->push.level = parse_level(arg, state);
		return 0;
	default:
		return parse_either(key, state);
	}
}

static void tell_push(void *context, const struct msb_transfer *event)
{
	struct transfer *transfer = context;
	const char *mark = strrchr(event->image, ':');

	if (transfer->quiet)
		return;
	if (event->state != MSB_TRANSFER_BEGIN) {
		transfer_view_show(&transfer->view, event);
		return;
	}
	/* Of several tags the repository is the same. */
	if (!transfer->begun)
		printf("The push refers to repository [%.*s]\n", (int)(mark - event->image),
		       event->image);
	transfer->begun = true;
	fflush(stdout);
}

static int push_one(struct session *session, struct transfer *transfer, const char *name,
		    const char *normalized, struct msb_error *err)
{
	struct msb_push_options options = transfer->push;
	struct msb_push_result result;
	char text[MSB_DIGEST_TEXT];
	int r;

	options.name = name;
	transfer_view_next(&transfer->view);
	r = msb_image_push(session->root, &options, tell_push, transfer, &result, err);
	if (r < 0)
		return r;
	if (transfer->quiet)
		printf("%s\n", normalized);
	else
		printf("%s: digest: %s size: %llu\n", version_of(normalized),
		       msb_digest_format(&result.digest, text), (unsigned long long)result.size);
	return 0;
}

/* True for a tag of this repository. */
static bool is_tag_of(const struct msb_image *image, const char *repository)
{
	size_t length = strlen(repository);

	return image->name && strncmp(image->name, repository, length) == 0 &&
	       image->name[length] == ':' && !strchr(image->name, '@');
}

static int push_tags(struct session *session, struct transfer *transfer, const char *repository,
		     struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_image *images = NULL;
	size_t count = 0, pushed = 0;
	int r = store_open_maybe(session, &store, err);

	if (r >= 0 && store)
		r = msb_records_images(store, &images, &count, err);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		if (!is_tag_of(&images[i], repository))
			continue;
		r = push_one(session, transfer, images[i].name, images[i].name, err);
		pushed++;
	}
	msb_images_free(images, count);
	if (r >= 0 && pushed == 0)
		return msb_error_say(err, ENOENT, "push %s: no image in the store has this name",
				     transfer->push.name);
	return r;
}

static int push(struct session *session, struct transfer *transfer)
{
	autofree char *normalized = NULL, *repository = NULL;
	struct msb_error err = {0};
	int r = msb_reference_normalize(transfer->push.name, &normalized, &err);

	if (r < 0)
		return fail(&err);
	if (transfer->all_tags) {
		repository = repository_of(normalized);
		r = repository ? push_tags(session, transfer, repository, &err)
			       : msb_error_memory(&err);
	} else {
		if (!transfer->quiet && !transfer->tagged)
			printf("Using default tag: latest\n");
		r = push_one(session, transfer, transfer->push.name, normalized, &err);
	}
	return r < 0 ? fail(&err) : finish();
}

int run_image_push(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"compression", KEY_COMPRESSION, "HOW", 0,
		 "Of layers made here: gzip, zstd or none. Of all layers: estargz or "
		 "zstd:chunked, which can be pulled lazily"},
		{"force-compression", KEY_FORCE, NULL, 0,
		 "Compress so also what was fetched or sent before in another way"},
		{"compression-level", KEY_LEVEL, "N", 0, "1 to 9 for gzip, 1 to 19 for zstd"},
		{"quiet", 'q', NULL, 0, "Print the name alone"},
		{"all-tags", 'a', NULL, 0, "All tags of the repository"},
		{"disable-content-trust", KEY_ACCEPTED, "BOOL", OPTION_HIDDEN | OPTION_ARG_OPTIONAL,
		 NULL},
		{0},
	};
	static const struct argp argp = {options, parse_push, "NAME[:TAG]",
					 "Send an image to the registry in its name, as far as it "
					 "is not there. A layer that "
					 "has been fetched or sent before goes as it is."};
	struct transfer transfer = {0};
	int status = command_parse(session, &argp, argc, argv, &transfer);

	if (!status) {
		transfer.push.name = transfer.operands.items[0];
		transfer.tagged = has_version(transfer.push.name);
		transfer_view_init(&transfer.view, stdout, true);
		status = transfer.all_tags && transfer.tagged ? refuse_version(transfer.push.name)
							      : push(session, &transfer);
	}
	transfer_done(&transfer);
	return status;
}
