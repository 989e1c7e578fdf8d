/* builds/ with all below it, and stages/ at the top. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "history.h"
#include "names.h"
#include "texts.h"

/* What each kind of directory holds besides what the records name. */
static const struct fixed_name {
	enum inode_kind in;
	const char *name;
	enum inode_kind kind;
	mode_t mode;
} fixed_names[] = {
	{KIND_BUILD, "Dockerfile", KIND_DOCKERFILE, S_IFREG | 0444},
	{KIND_BUILD, "log", KIND_LOG, S_IFREG | 0444},
	{KIND_BUILD, "info.json", KIND_INFO, S_IFREG | 0444},
	{KIND_BUILD, "failed", KIND_FAILED, S_IFLNK | 0777},
	{KIND_BUILD, "stages", KIND_STAGES, S_IFDIR | 0555},
	{KIND_STAGE, "steps", KIND_STEPS, S_IFDIR | 0555},
	{KIND_STEP, "instruction", KIND_INSTRUCTION, S_IFREG | 0444},
	{KIND_STEP, "log", KIND_STEP_LOG, S_IFREG | 0444},
	{KIND_STEP, "output", KIND_STEP_OUTPUT, S_IFREG | 0444},
	{KIND_STEP, "changes", KIND_CHANGES, S_IFREG | 0444},
	{KIND_STEP, "config.json", KIND_CONFIG, S_IFREG | 0444},
};

#define FIXED_COUNT (sizeof(fixed_names) / sizeof(fixed_names[0]))

static mode_t mode_of(enum inode_kind kind)
{
	for (size_t i = 0; i < FIXED_COUNT; i++)
		if (fixed_names[i].kind == kind)
			return fixed_names[i].mode;
	return S_IFDIR | 0555;
}

/* A number as a name: no sign, no leading zero. False for anything else. */
static bool read_number(const char *name, uint64_t limit, uint64_t *ret)
{
	uint64_t number = 0;

	if (name[0] == '0' && name[1])
		return false;
	for (const char *c = name; *c; c++) {
		if (*c < '0' || *c > '9' || number > limit)
			return false;
		number = number * 10 + (uint64_t)(*c - '0');
	}
	*ret = number;
	return *name && number <= limit;
}

static int get(struct core *core, int64_t id, struct told_build **ret)
{
	struct msb_error err = {0};
	int r = history_get(core->history, id, ret, &err);

	return r < 0 && r != -ENOENT ? core_damaged(core, &err, "builds") : r;
}

static char *failed_target(const struct told_build *told)
{
	const struct msb_step *step = told_failure(told);
	const struct msb_stage *stage = step ? told_stage(told, step->stage) : NULL;
	char *text = NULL;
	int r;

	if (!stage || told->build->state != MSB_FAILED)
		return NULL;
	if (stage->name && told_stage_named(told, stage->name) == stage)
		r = asprintf(&text, "stages/%s/steps/%zu", stage->name, step->number);
	else
		r = asprintf(&text, "stages/%zu/steps/%zu", stage->index, step->number);
	return r < 0 ? NULL : text;
}

/* True when the records have what the name speaks of. */
static bool is_there(const struct told_build *told, const struct inode_name *name)
{
	switch (name->kind) {
	case KIND_STAGE:
	case KIND_STEPS:
		return told_stage(told, name->stage);
	case KIND_STEP:
	case KIND_INSTRUCTION:
	case KIND_STEP_LOG:
	case KIND_STEP_OUTPUT:
	case KIND_CHANGES:
	case KIND_CONFIG:
		return told_step(told, name->stage, name->step);
	case KIND_FAILED:
		return told->build->state == MSB_FAILED && told_failure(told);
	default:
		return true;
	}
}

static int answer(struct core *core, const struct told_build *told, const struct inode_name *name,
		  struct core_node *ret)
{
	uint64_t id = inode_pack(name), size = 0;
	mode_t mode = mode_of(name->kind);
	autofree char *target = NULL;
	int r = 0;

	if (!id || !is_there(told, name))
		return -ENOENT;
	if (S_ISREG(mode))
		r = texts_size(core, id, told, &size);
	if (r < 0)
		return r;
	if (S_ISLNK(mode)) {
		target = failed_target(told);
		if (!target)
			return -ENOENT;
		size = strlen(target);
	}
	names_answer(id, mode, size, told->time_ns, ret);
	return 0;
}

/* rootfs/ of a stage or a step. */
static int answer_rootfs(struct core *core, const struct told_build *told,
			 const struct inode_name *above, struct core_node *ret)
{
	const struct msb_stage *stage = told_stage(told, above->stage);
	const struct msb_step *step = told_step(told, above->stage, above->step);
	uint64_t place = inode_pack(above);

	if (above->kind == KIND_STAGE && stage && stage->has_tree)
		return names_answer_tree(core, place, place, &stage->tree, ret);
	if (above->kind == KIND_STEP && step && step->has_tree)
		return names_answer_tree(core, place, place, &step->tree, ret);
	return -ENOENT;
}

/* The stage that name speaks of, by index or by name. */
static bool find_stage(const struct told_build *told, const char *name, struct inode_name *ret)
{
	const struct msb_stage *stage = told_stage_named(told, name);
	uint64_t index;

	ret->by_name = stage;
	if (!stage && read_number(name, UINT32_MAX, &index))
		stage = told_stage(told, index);
	if (!stage || stage->index > UINT32_MAX)
		return false;
	ret->stage = (uint32_t)stage->index;
	return true;
}

static int lookup_in(struct core *core, const struct told_build *told,
		     const struct inode_name *parent, const char *name, struct core_node *ret)
{
	struct inode_name child = *parent;
	uint64_t number;

	if (parent->kind == KIND_STAGES) {
		child.kind = KIND_STAGE;
		return find_stage(told, name, &child) ? answer(core, told, &child, ret) : -ENOENT;
	}
	if (parent->kind == KIND_STEPS) {
		if (!read_number(name, UINT32_MAX, &number))
			return -ENOENT;
		child.kind = KIND_STEP;
		child.step = (uint32_t)number;
		return answer(core, told, &child, ret);
	}
	if (strcmp(name, "rootfs") == 0)
		return answer_rootfs(core, told, parent, ret);
	for (size_t i = 0; i < FIXED_COUNT; i++)
		if (fixed_names[i].in == parent->kind && strcmp(fixed_names[i].name, name) == 0) {
			child.kind = fixed_names[i].kind;
			return answer(core, told, &child, ret);
		}
	return -ENOENT;
}

static int answer_latest(const struct told_build *told, struct core_node *ret)
{
	struct inode_name name = {KIND_LATEST, .build = (uint32_t)told->build->id};
	int size = snprintf(NULL, 0, "%" PRId64, told->build->id);

	if (!inode_pack(&name))
		return -ENOENT;
	names_answer(inode_pack(&name), S_IFLNK | 0777, (uint64_t)size, told->changed, ret);
	return 0;
}

int build_lookup(struct core *core, uint64_t parent, const char *name, struct core_node *ret)
{
	struct inode_name in = {KIND_BUILD};
	struct told_build *told;
	bool latest = parent == INODE_BUILDS && strcmp(name, "latest") == 0;
	uint64_t id = 0;
	int r;

	if (parent != INODE_BUILDS) {
		inode_unpack(parent, &in);
		id = in.build;
	} else if (!latest && (!read_number(name, UINT32_MAX, &id) || id == 0)) {
		return -ENOENT;
	}
	r = get(core, (int64_t)id, &told);
	if (r < 0)
		return r;
	in.build = (uint32_t)id;
	if (latest)
		r = answer_latest(told, ret);
	else if (parent == INODE_BUILDS)
		r = answer(core, told, &in, ret);
	else
		r = lookup_in(core, told, &in, name, ret);
	history_put(core->history, told);
	return r;
}

int build_stat(struct core *core, uint64_t id, struct core_node *ret)
{
	struct inode_name name;
	struct told_build *told;
	int r;

	inode_unpack(id, &name);
	r = get(core, name.build, &told);
	if (r < 0)
		return r;
	if (name.kind == KIND_LATEST)
		r = answer_latest(told, ret);
	else
		r = answer(core, told, &name, ret);
	history_put(core->history, told);
	return r;
}

static void list_stages(const struct told_build *told, bool with_tree_only, struct name_list *list)
{
	const struct msb_stage *stage;
	char index[24];

	for (size_t i = 0; i < told->stage_count; i++) {
		stage = &told->stages[i];
		if (with_tree_only && !stage->has_tree)
			continue;
		snprintf(index, sizeof(index), "%zu", stage->index);
		name_list_add(list, index, INODE_STAGES, S_IFDIR);
		if (stage->name && told_stage_named(told, stage->name) == stage)
			name_list_add(list, stage->name, INODE_STAGES, S_IFDIR);
	}
}

static void list_steps(const struct told_build *told, size_t stage, struct name_list *list)
{
	char number[24];

	for (size_t i = 0; i < told->stage_count; i++)
		for (size_t k = 0; told->stages[i].index == stage && k < told->step_counts[i];
		     k++) {
			snprintf(number, sizeof(number), "%zu", told->steps[i][k].number);
			name_list_add(list, number, INODE_BUILDS, S_IFDIR);
		}
}

static bool has_rootfs(const struct told_build *told, const struct inode_name *name)
{
	const struct msb_stage *stage = told_stage(told, name->stage);
	const struct msb_step *step = told_step(told, name->stage, name->step);

	return (name->kind == KIND_STAGE && stage && stage->has_tree) ||
	       (name->kind == KIND_STEP && step && step->has_tree);
}

static int list_in(const struct told_build *told, const struct inode_name *name,
		   struct name_list *list)
{
	struct inode_name child = *name;

	if (!S_ISDIR(mode_of(name->kind)))
		return -ENOTDIR;
	if (!is_there(told, name))
		return -ENOENT;
	if (name->kind == KIND_STAGES)
		list_stages(told, false, list);
	if (name->kind == KIND_STEPS)
		list_steps(told, name->stage, list);
	if (has_rootfs(told, name))
		name_list_add(list, "rootfs", inode_pack(name), S_IFDIR);
	for (size_t i = 0; i < FIXED_COUNT; i++) {
		child.kind = fixed_names[i].kind;
		if (fixed_names[i].in == name->kind && is_there(told, &child))
			name_list_add(list, fixed_names[i].name, inode_pack(&child),
				      fixed_names[i].mode & S_IFMT);
	}
	return 0;
}

static int list_builds(struct core *core, struct name_list *list)
{
	struct msb_error err = {0};
	autofree int64_t *ids = NULL;
	size_t count;
	char name[24];
	int r = history_ids(core->history, &ids, &count, &err);

	if (r < 0)
		return core_damaged(core, &err, "builds");
	if (count)
		name_list_add(list, "latest", INODE_BUILDS, S_IFLNK);
	for (size_t i = 0; i < count && !list->full; i++) {
		snprintf(name, sizeof(name), "%" PRId64, ids[i]);
		name_list_add(list, name, INODE_BUILDS, S_IFDIR);
	}
	return 0;
}

int build_list(struct core *core, uint64_t id, struct name_list *list)
{
	struct inode_name name;
	struct told_build *told;
	int r;

	if (id == INODE_BUILDS)
		return list_builds(core, list);
	inode_unpack(id, &name);
	r = get(core, name.build, &told);
	if (r < 0)
		return r;
	r = list_in(told, &name, list);
	history_put(core->history, told);
	return r;
}

int build_readlink(struct core *core, uint64_t id, char **ret)
{
	struct inode_name name;
	struct told_build *told;
	char *target = NULL;
	int r;

	inode_unpack(id, &name);
	if (name.kind == KIND_LATEST) {
		if (asprintf(ret, "%" PRIu32, name.build) < 0)
			return -ENOMEM;
		return 0;
	}
	if (name.kind != KIND_FAILED)
		return -EINVAL;
	r = get(core, name.build, &told);
	if (r < 0)
		return r;
	target = failed_target(told);
	history_put(core->history, told);
	if (!target)
		return -ENOENT;
	*ret = target;
	return 0;
}

ssize_t build_read(struct core *core, uint64_t id, void *bytes, size_t size, uint64_t offset)
{
	struct inode_name name;
	struct told_build *told;
	ssize_t n;

	inode_unpack(id, &name);
	if (!S_ISREG(mode_of(name.kind)))
		return S_ISDIR(mode_of(name.kind)) ? -EISDIR : -EINVAL;
	n = get(core, name.build, &told);
	if (n < 0)
		return n;
	n = is_there(told, &name) ? texts_read(core, id, told, bytes, size, offset) : -ENOENT;
	history_put(core->history, told);
	return n;
}

static int get_shown(struct core *core, struct told_build **ret)
{
	struct msb_error err = {0};
	int r = history_shown(core->history, ret, &err);

	return r < 0 && r != -ENOENT ? core_damaged(core, &err, "builds") : r;
}

int shown_lookup(struct core *core, const char *name, struct core_node *ret)
{
	struct inode_name place = {KIND_SHOWN};
	const struct msb_stage *stage;
	struct told_build *told;
	int r = get_shown(core, &told);

	if (r < 0)
		return r;
	r = -ENOENT;
	if (find_stage(told, name, &place)) {
		stage = told_stage(told, place.stage);
		if (stage->has_tree && inode_pack(&place))
			r = names_answer_tree(core, inode_pack(&place), INODE_STAGES, &stage->tree,
					      ret);
	}
	history_put(core->history, told);
	return r;
}

int shown_list(struct core *core, struct name_list *list)
{
	struct told_build *told;
	int r = get_shown(core, &told);

	if (r == -ENOENT)
		return 0; /* nothing was built yet: an empty directory */
	if (r < 0)
		return r;
	list_stages(told, true, list);
	history_put(core->history, told);
	return 0;
}
