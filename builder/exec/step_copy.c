/* COPY and ADD: select, then place. No content is read but the context's, and that once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accounts.h"
#include "git_reference.h"
#include "internal.h"
#include "io.h"
#include "layer.h"
#include "placing.h"
#include "remote_file.h"
#include "selection.h"

#define ARCHIVE_HEAD 4096

struct copying {
	struct selection *selection;
	struct msb_digest selected;
	bool set_owner, set_mode;
	uint32_t uid, gid;
	struct mode_change mode;
	bool separate;            /* --link: into an empty tree, which then goes on top */
	struct msb_digest ground; /* what is copied into, where owners are looked up */
};

static int parse_exclude(const struct strlist *patterns, struct ignore **ret, struct msb_error *err)
{
	autobuffer text = {0};

	*ret = NULL;
	if (patterns->count == 0)
		return 0;
	for (size_t i = 0; i < patterns->count; i++)
		buffer_printf(&text, "%s\n", patterns->items[i]);
	if (!buffer_ok(&text))
		return msb_error_memory(err);
	return ignore_parse("--exclude", (const char *)text.bytes, text.size, ret, err);
}

/* What a repository holds, taken as the content of a directory. */
static int select_git(struct step_run *run, struct copying *copying, const char *url,
		      const struct ignore *exclude, struct msb_error *err)
{
	const struct copy_step *copy = &run->step->copy;
	__attribute__((cleanup(origin_done))) struct origin origin = {0};
	struct selection_source source = {.exclude = exclude};
	int r = origin_open_git(url, copy->checksum, copy->keep_git_dir, &run->build->lent,
				run->build->writer, &origin, err);

	if (r >= 0)
		r = origin_scan(&origin, NULL, run->build->store, run->build->writer, err);
	source.context = origin.files;
	return r < 0 ? r : selection_add(copying->selection, &source, "/", err);
}

static int select_url(struct step_run *run, struct copying *copying, const char *url,
		      struct msb_error *err)
{
	autofree char *name = remote_file_name(url);
	struct msb_entry entry;
	int r;

	if (!name)
		return msb_error_say(err, EINVAL, "'%s' ends with no name for a file", url);
	r = remote_file_get(run->build->writer, &run->build->lent, url, run->step->copy.checksum,
			    &entry, err);
	return r < 0 ? r : selection_add_entry(copying->selection, name, &entry, err);
}

static int select_source(struct step_run *run, struct copying *copying, const char *text,
			 const struct selection_source *source, struct msb_error *err)
{
	if (run->step->kind == STEP_ADD && remote_is_git(text))
		return select_git(run, copying, text, source->exclude, err);
	if (run->step->kind == STEP_ADD && remote_is_url(text))
		return select_url(run, copying, text, err);
	if (run->step->copy.parents)
		return selection_add_parents(copying->selection, source, text, err);
	return selection_add(copying->selection, source, text, err);
}

static int select_all(struct step_run *run, struct copying *copying, struct msb_error *err)
{
	const struct copy_step *copy = &run->step->copy;
	AUTO(ignore_freep) struct ignore *exclude = NULL;
	struct selection_source source = {0};
	int r = parse_exclude(&copy->exclude, &exclude, err);

	source.exclude = exclude;
	if (r >= 0 && copy->from.kind == SOURCE_SCRATCH)
		r = msb_error_say(err, EINVAL, "nothing can be copied from 'scratch'");
	if (r >= 0)
		r = source_find(run, &copy->from, &source, err);
	if (r >= 0)
		r = selection_new(run->build->store, &copying->selection, err);
	for (size_t i = 0; r >= 0 && i < copy->file_count; i++)
		r = selection_add_file(copying->selection, run->build->writer, copy->files[i].name,
				       copy->files[i].content, copy->files[i].size, err);
	for (size_t i = 0; r >= 0 && i < copy->sources.count; i++)
		r = select_source(run, copying, copy->sources.items[i], &source, err);
	if (r >= 0)
		r = selection_commit(copying->selection, run->build->writer, &copying->selected,
				     err);
	return r;
}

/* What the key knows of the source: names in order, and content without times. */
static int add_to_definition(struct step_run *run, const struct copying *copying,
			     struct msb_error *err)
{
	const struct strlist *names = selection_names(copying->selection);
	char text[MSB_DIGEST_TEXT];
	struct msb_digest key;
	int r = tree_key(run->build->store, &copying->selected, &key, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < names->count; i++)
		buffer_printf(&run->definition, "source %s\n", names->items[i]);
	buffer_printf(&run->definition, "content %s\n", msb_digest_format(&key, text));
	if (copying->set_owner)
		buffer_printf(&run->definition, "owner %u:%u\n", copying->uid, copying->gid);
	return 0;
}

bool copy_is_separate(const struct step *step)
{
	return (step->kind == STEP_COPY || step->kind == STEP_ADD) && step->copy.link &&
	       !step->copy.chmod;
}

static int prepare(struct step_run *run, struct msb_error *err)
{
	const struct copy_step *copy = &run->step->copy;
	struct copying *copying = calloc(1, sizeof(*copying));
	int r;

	if (!copying)
		return msb_error_memory(err);
	run->prepared = copying;
	copying->separate = copy_is_separate(run->step);
	r = copying->separate ? source_scratch(run, &copying->ground, err) : 0;
	if (r >= 0 && !copying->separate)
		copying->ground = run->before;
	if (r >= 0 && copy->chown) {
		copying->set_owner = true;
		r = account_owner(run->build->store, &copying->ground, copy->chown, &copying->uid,
				  &copying->gid, err);
	}
	if (r >= 0 && copy->chmod) {
		copying->set_mode = true;
		r = mode_change_parse(copy->chmod, &copying->mode, err);
	}
	if (r >= 0)
		r = select_all(run, copying, err);
	return r < 0 ? r : add_to_definition(run, copying, err);
}

static void release(struct step_run *run)
{
	struct copying *copying = run->prepared;

	if (copying)
		selection_free(copying->selection);
	free(copying);
}

static bool is_archive(struct step_run *run, const struct msb_entry *entry)
{
	uint8_t head[ARCHIVE_HEAD];
	struct msb_location location;
	ssize_t n;

	if (entry->type != MSB_FILE || entry->size == 0)
		return false;
	if (msb_store_locate(run->build->store, &entry->digest, &location, NULL) < 0)
		return false;
	n = msb_store_read(run->build->store, &entry->digest, &location, head, sizeof(head), 0,
			   NULL);
	return n > 0 && layer_is_archive(head, (size_t)n);
}

/* A blob's bytes and no more: a pack goes on behind it. */
struct blob_source {
	int fd;
	uint64_t offset, left;
};

static ssize_t read_blob(void *context, void *bytes, size_t size, struct msb_error *err)
{
	struct blob_source *blob = context;
	ssize_t n = io_pread(blob->fd, bytes, size < blob->left ? size : blob->left, blob->offset);

	if (n < 0)
		return msb_error_set(err, (int)n, "read from the store");
	blob->offset += (uint64_t)n;
	blob->left -= (uint64_t)n;
	return n;
}

/* ADD of a local archive: its content goes into the destination, as tar -x would. --chmod is
 * neither for what is in it nor for the way there. */
static int unpack(struct step_run *run, const struct placing *placing,
		  const struct msb_entry *entry, struct msb_error *err)
{
	autofree char *dest = NULL;
	autoclose int fd = -1;
	struct msb_location location;
	struct layer_unpacked unpacked;
	struct placing way = *placing;
	bool directory;
	int r = place_destination(placing, &dest, &directory, err);

	way.mode = NULL;
	if (r >= 0)
		r = place_directory(&way, dest, err);
	if (r >= 0)
		r = msb_store_open_blob(run->build->store, &entry->digest, &fd, &location, err);
	if (r < 0)
		return r;
	{
		struct blob_source blob = {fd, location.offset, location.size};
		const struct layer_source source = {read_blob, &blob};
		const struct layer_unpack_options options = {
			.directory = dest,
			.set_owner = placing->set_owner,
			.uid = placing->uid,
			.gid = placing->gid,
			.now = placing->now,
		};

		r = layer_unpack(run->build->writer, placing->edit, &source, &options, &unpacked,
				 err);
	}
	return r < 0 || unpacked.entries == 0 ? r : place_touch(placing, dest, err);
}

/* What comes from elsewhere is unpacked only where --unpack says so. Every source has a number:
 * those that stand in the Dockerfile come first. */
static bool may_unpack(const struct copy_step *copy, size_t index, uint32_t origin)
{
	const char *source;

	if (copy->unpack == 0 || index < copy->file_count)
		return false;
	source = copy->sources.items[origin - 1 - copy->file_count];
	return copy->unpack > 0 || !remote_is_url(source);
}

/* ADD looks into what it was given; COPY does not. */
static int place(struct step_run *run, const struct placing *placing, size_t index,
		 struct msb_error *err)
{
	const char *name = placing->names->items[index];
	struct msb_entry entry;
	char item[32];
	int r;

	if (run->step->kind == STEP_COPY || !may_unpack(&run->step->copy, index, placing->origin))
		return place_item(placing, index, err);
	snprintf(item, sizeof(item), "/%zu", index);
	r = edit_get(placing->from, item, &entry, err);
	if (r < 0)
		return r;
	if (!is_archive(run, &entry))
		return place_item(placing, index, err);
	r = unpack(run, placing, &entry, err);
	return r < 0 ? msb_error_prefix(err, r, "unpack '%s'", name) : 0;
}

/* --link: what was copied goes over the tree before, as a layer would. */
static int lay_over(struct step_run *run, struct msb_digest *upper, struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	AUTO(tree_edit_freep) struct tree_edit *from = NULL;
	int r = tree_edit_new(run->build->store, &run->before, &edit, err);

	if (r >= 0)
		r = tree_edit_new(run->build->store, upper, &from, err);
	if (r >= 0)
		r = place_over(edit, from, err);
	return r < 0 ? r : edit_commit(edit, run->build->writer, upper, err);
}

static int complete(struct step_run *run, struct msb_error *err)
{
	return copy_is_separate(run->step) ? lay_over(run, &run->after, err) : 0;
}

static int execute(struct step_run *run, struct msb_error *err)
{
	struct copying *copying = run->prepared;
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	AUTO(tree_edit_freep) struct tree_edit *from = NULL;
	struct placing placing = {
		.names = selection_names(copying->selection),
		.dest = run->step->copy.dest,
		.several = run->step->copy.sources.count + run->step->copy.file_count > 1,
		.set_owner = copying->set_owner,
		.uid = copying->uid,
		.gid = copying->gid,
		.mode = copying->set_mode ? &copying->mode : NULL,
		.now = io_now(),
	};
	int r = tree_edit_new(run->build->store, &copying->ground, &edit, err);

	if (r >= 0)
		r = tree_edit_new(run->build->store, &copying->selected, &from, err);
	placing.edit = edit;
	placing.from = from;
	for (size_t i = 0; r >= 0 && i < placing.names->count; i++) {
		placing.origin = selection_origin(copying->selection, i);
		r = place(run, &placing, i, err);
	}
	if (r >= 0)
		r = edit_commit(edit, run->build->writer, &run->after, err);
	run->has_after = r >= 0;
	return r;
}

const struct step_operation step_copy = {
	.prepare = prepare,
	.execute = execute,
	.complete = complete,
	.release = release,
	.cached = true,
};
