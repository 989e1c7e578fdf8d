/* Is the store sound, and what to do where it is not. */
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "internal.h"
#include "marking.h"
#include "reference.h"

/* Seconds until a build that runs is a reason to give up. */
#define PATIENCE 60

struct fsck {
	const struct msb_fsck_options *options;
	struct msb_fsck_result *result;
	msb_problem_fn each;
	void *context;
	bool records_damaged;
};

/* "image docker.io/library/node:latest, manifest" with the name as people write it. */
static void describe_record(const char *who, struct buffer *ret)
{
	const char *rest = strchrnul(who, ',');
	autofree char *name = NULL, *familiar = NULL;

	if (strncmp(who, "image ", 6) == 0) {
		name = strndup(who + 6, (size_t)(rest - who) - 6);
		familiar = name ? reference_familiar(name) : NULL;
	}
	buffer_printf(ret, "%s%s%s", familiar ? "image " : "", familiar ? familiar : "",
		      familiar ? rest : who);
}

static const char *remedy(const char *who, bool repair)
{
	if (!who)
		return repair ? "forgotten" : "'msb fsck --repair' forgets it";
	if (strncmp(who, "image ", 6) == 0 || strncmp(who, "a layer", 7) == 0)
		return repair ? "forgotten; load, import or build the image anew"
			      : "'msb fsck --repair', then load, import or build the image anew";
	return repair ? "forgotten; build it anew, and let 'msb prune' take the old build"
		      : "'msb fsck --repair', then build it anew";
}

static int tell(struct fsck *fsck, struct buffer *text, struct msb_error *err)
{
	autofree char *line = buffer_text(text);

	if (!line)
		return msb_error_memory(err);
	fsck->result->problems++;
	if (fsck->each)
		fsck->each(fsck->context, line);
	return 0;
}

/* The store names itself in front of its sentences; here everything is about this store. */
static const char *without_store(const char *why)
{
	const char *rest = strncmp(why, "store '", 7) == 0 ? strstr(why, "': ") : NULL;

	why = rest ? rest + 3 : why;
	return strncmp(why, "damaged: ", 9) == 0 ? why + 9 : why;
}

static int tell_bad(void *context, const struct msb_digest *digest, const char *why,
		    const char *who, const char *path, struct msb_error *err)
{
	struct fsck *fsck = context;
	char name[MSB_DIGEST_TEXT];
	autobuffer text = {0};

	buffer_printf(&text, "%s: %s: ", msb_digest_format(digest, name), without_store(why));
	if (who)
		describe_record(who, &text);
	else
		buffer_string(&text, "nothing refers to it");
	if (*path)
		buffer_printf(&text, ": %s", path);
	buffer_printf(&text, ": %s", remedy(who, fsck->options->repair));
	return tell(fsck, &text, err);
}

static int check_records(struct fsck *fsck, struct store_care *care, struct msb_error *err)
{
	autofree char *why = NULL;
	autobuffer text = {0};
	int r = store_check_records(care, &why, err);

	if (r != 0)
		return r < 0 ? r : 0;
	fsck->records_damaged = true;
	buffer_printf(&text, "records.db: %s: bring it back from a backup, or begin a new store",
		      why);
	return tell(fsck, &text, err);
}

static int follow_records(struct msb_store *store, struct store_care *care, uint64_t *ret_remote,
			  struct msb_error *err)
{
	static const enum store_roots all[] = {STORE_ROOTS_TAGGED, STORE_ROOTS_UNTAGGED,
					       STORE_ROOTS_BUILDS, STORE_ROOTS_CACHE,
					       STORE_ROOTS_LAYERS};
	struct marking marking = {.store = store, .care = care, .trace = true};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < sizeof(all) / sizeof(*all); i++)
		r = marking_roots(&marking, all[i], 0, err);
	*ret_remote = marking.remote;
	return r;
}

int msb_fsck(const char *root, const struct msb_fsck_options *options, msb_problem_fn each,
	     void *context, struct msb_fsck_result *result, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_care_closep) struct store_care *care = NULL;
	struct fsck fsck = {options, result, each, context, false};
	int r = open_store(root, &store, err);

	*result = (struct msb_fsck_result){0};
	if (r >= 0)
		r = store_care_open(store, options->repair, PATIENCE, &care, err);
	if (r >= 0)
		r = check_records(&fsck, care, err);
	if (r >= 0 && !options->quick)
		r = store_check_blobs(care, err);
	if (r >= 0)
		r = follow_records(store, care, &result->remote, err);
	if (r >= 0)
		r = store_each_bad(care, tell_bad, &fsck, err);
	/* Not into a file that is damaged itself. */
	if (r >= 0 && options->repair && result->problems && !fsck.records_damaged) {
		r = store_repair(care, err);
		if (r >= 0)
			r = store_care_commit(care, err);
	}
	return r < 0 ? r : 0;
}
