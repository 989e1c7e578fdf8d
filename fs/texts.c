#include <pthread.h>
#include <string.h>

#include "compose.h"
#include "step_log.h"
#include "texts.h"

#define SLOTS 32

struct texts {
	pthread_mutex_t lock; /* guards all below */
	struct kept {
		uint64_t id; /* 0: empty */
		int64_t changed;
		bool final; /* the build had ended: it never changes again */
		struct buffer text;
	} slots[SLOTS];
	size_t next; /* the slot to reuse */
};

/* Where a file's bytes come from. */
struct source {
	bool blob;
	struct msb_digest digest;
};

struct texts *texts_new(void)
{
	struct texts *texts = calloc(1, sizeof(*texts));

	if (texts)
		pthread_mutex_init(&texts->lock, NULL);
	return texts;
}

void texts_free(struct texts *texts)
{
	if (!texts)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		buffer_done(&texts->slots[i].text);
	pthread_mutex_destroy(&texts->lock);
	free(texts);
}

static bool is_set(const struct msb_digest *digest)
{
	static const struct msb_digest none;

	return !msb_digest_equal(digest, &none);
}

/* True when the file is a blob. */
static bool blob_of(const struct inode_name *name, const struct told_build *told,
		    struct msb_digest *ret)
{
	const struct msb_step *step = told_step(told, name->stage, name->step);

	if (name->kind == KIND_DOCKERFILE)
		*ret = told->build->dockerfile;
	else if (name->kind == KIND_STEP_OUTPUT && step && step->has_log)
		*ret = step->log;
	else if (name->kind == KIND_CONFIG && step)
		*ret = step->config;
	else
		return false;
	return is_set(ret);
}

static int generate(struct core *core, const struct inode_name *name, const struct told_build *told,
		    struct buffer *ret, struct msb_error *err)
{
	const struct msb_step *step = told_step(told, name->stage, name->step);

	switch (name->kind) {
	case KIND_INFO:
		return compose_info(told, ret, err);
	case KIND_LOG:
		return compose_log(core->store, told, ret, err);
	case KIND_INSTRUCTION:
		return step ? compose_instruction(step, ret, err) : -ENOENT;
	case KIND_STEP_LOG:
		return step ? compose_step_log(core->store, step, ret, err) : -ENOENT;
	case KIND_CHANGES:
		if (!step)
			return -ENOENT;
		return compose_changes(core->store,
				       told_step(told, name->stage, name->step - (size_t)1), step,
				       ret, err);
	default:
		return 0; /* a blob that is not there (yet): an empty file */
	}
}

/* Under the lock. */
static struct kept *find(struct texts *texts, uint64_t id)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (texts->slots[i].id == id)
			return &texts->slots[i];
	return NULL;
}

/* Under the lock; takes text over. */
static struct kept *keep(struct texts *texts, uint64_t id, const struct told_build *told,
			 struct buffer *text)
{
	struct kept *kept = find(texts, id);

	if (!kept) {
		kept = &texts->slots[texts->next];
		texts->next = (texts->next + 1) % SLOTS;
	}
	buffer_done(&kept->text);
	*kept = (struct kept){id, told->changed, told->build->finished_ns != 0, *text};
	*text = (struct buffer){0};
	return kept;
}

/* Composes without the lock: a diff of two trees takes its time. */
static int compose(struct core *core, uint64_t id, const struct told_build *told,
		   struct buffer *ret)
{
	struct inode_name name;
	struct msb_error err = {0};
	int r;

	inode_unpack(id, &name);
	r = generate(core, &name, told, ret, &err);
	return r < 0 && r != -ENOENT ? core_damaged(core, &err, "builds") : r;
}

static int locate(struct core *core, const struct msb_digest *digest, struct msb_location *ret)
{
	struct msb_error err = {0};
	char text[MSB_DIGEST_TEXT];
	int r = msb_store_locate(core->store, digest, ret, &err);

	return r < 0 ? core_damaged(core, &err, msb_digest_format(digest, text)) : 0;
}

/* Of a blob that is a file: its size, but of a step's log that of its text. */
static int blob_size(struct core *core, const struct inode_name *name,
		     const struct msb_digest *digest, struct msb_location *ret, uint64_t *ret_size)
{
	uint8_t tail[STEP_LOG_TAIL];
	char text[MSB_DIGEST_TEXT];
	struct msb_error err = {0};
	ssize_t n = locate(core, digest, ret);

	if (n < 0)
		return (int)n;
	*ret_size = ret->size;
	if (name->kind != KIND_STEP_OUTPUT || ret->size < sizeof(tail))
		return 0;
	n = msb_store_read(core->store, digest, ret, tail, sizeof(tail), ret->size - sizeof(tail),
			   &err);
	if (n < 0)
		return core_damaged(core, &err, msb_digest_format(digest, text));
	*ret_size = step_log_text(tail, (size_t)n, ret->size);
	return 0;
}

int texts_size(struct core *core, uint64_t id, const struct told_build *told, uint64_t *ret)
{
	struct texts *texts = core->texts;
	autobuffer text = {0};
	struct inode_name name;
	struct msb_digest digest;
	struct msb_location location;
	struct kept *kept;
	int r;

	inode_unpack(id, &name);
	if (blob_of(&name, told, &digest))
		return blob_size(core, &name, &digest, &location, ret);
	pthread_mutex_lock(&texts->lock);
	kept = find(texts, id);
	if (kept && (kept->final || kept->changed == told->changed)) {
		*ret = kept->text.size;
		pthread_mutex_unlock(&texts->lock);
		return 0;
	}
	pthread_mutex_unlock(&texts->lock);
	r = compose(core, id, told, &text);
	if (r < 0)
		return r;
	pthread_mutex_lock(&texts->lock);
	*ret = keep(texts, id, told, &text)->text.size;
	pthread_mutex_unlock(&texts->lock);
	return 0;
}

static ssize_t read_blob(struct core *core, const struct inode_name *name,
			 const struct msb_digest *digest, void *bytes, size_t size, uint64_t offset)
{
	struct msb_location location;
	struct msb_error err = {0};
	char text[MSB_DIGEST_TEXT];
	uint64_t end;
	ssize_t n = blob_size(core, name, digest, &location, &end);

	if (n < 0 || offset >= end)
		return n;
	if (size > end - offset)
		size = (size_t)(end - offset);
	n = msb_store_read(core->store, digest, &location, bytes, size, offset, &err);
	return n < 0 ? core_damaged(core, &err, msb_digest_format(digest, text)) : n;
}

ssize_t texts_read(struct core *core, uint64_t id, const struct told_build *told, void *bytes,
		   size_t size, uint64_t offset)
{
	struct texts *texts = core->texts;
	autobuffer text = {0};
	struct inode_name name;
	struct msb_digest digest;
	struct kept *kept;
	int r;

	inode_unpack(id, &name);
	if (blob_of(&name, told, &digest))
		return read_blob(core, &name, &digest, bytes, size, offset);
	pthread_mutex_lock(&texts->lock);
	kept = find(texts, id);
	if (!kept) {
		pthread_mutex_unlock(&texts->lock);
		r = compose(core, id, told, &text);
		if (r < 0)
			return r;
		pthread_mutex_lock(&texts->lock);
		kept = keep(texts, id, told, &text);
	}
	if (offset >= kept->text.size)
		size = 0;
	else if (size > kept->text.size - offset)
		size = kept->text.size - (size_t)offset;
	if (size)
		memcpy(bytes, kept->text.bytes + offset, size);
	pthread_mutex_unlock(&texts->lock);
	return (ssize_t)size;
}
